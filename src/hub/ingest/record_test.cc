#include "hub/ingest/record.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "kql/ticks.h"

namespace hub::ingest {
namespace {

Received message() {
  Received message;
  message.device_id = "device";
  message.module_id = "module";
  message.generation_id = "gen";
  message.auth_method = R"({"type":"sas"})";
  message.received_at = base::WallTime(std::chrono::nanoseconds(1'600'000'000'123'456'789));
  message.properties = "a=b";
  message.payload = "payload";
  message.security = true;
  return message;
}

TEST(IngestRecord, MessagesComeBackAsTheyWere) {
  base::ByteVec bytes;
  encode(message(), bytes);
  EXPECT_LE(bytes.size(), encoded_size(message()));
  EXPECT_EQ(*record_kind(bytes), RecordKind::Security);
  const auto back = decode_message(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->device_id, "device");
  EXPECT_EQ(back->module_id, "module");
  EXPECT_EQ(back->generation_id, "gen");
  EXPECT_EQ(back->auth_method, R"({"type":"sas"})");
  EXPECT_EQ(back->received_at, message().received_at);
  EXPECT_EQ(back->properties, "a=b");
  EXPECT_EQ(back->payload, "payload");
  EXPECT_TRUE(back->security);
}

TEST(IngestRecord, LongNamesAreCutNotCorrupted) {
  const std::string longest(70'000, 'x');
  auto large = message();
  large.device_id = longest;
  base::ByteVec bytes;
  encode(large, bytes);
  const auto back = decode_message(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->device_id.size(), 65'535U);
  EXPECT_EQ(back->payload, "payload");
}

TEST(IngestRecord, OperationsComeBackAsRows) {
  operations::Record record;
  record.time = base::WallTime(std::chrono::seconds(1'600'000'000));
  record.operation = "deviceConnect";
  record.status_code = 401;
  record.sub_code = 401003;
  record.device_id = "d";
  record.reason = operations::Reason::SasExpired;
  record.bytes = 12;
  record.duration = std::chrono::milliseconds(34);
  record.ip = "::1";
  record.actor = "ann";
  record.auth = {"device", "sas", "iothub", "policy", "hash", "rule"};
  record.tls_version = "TLSv1.3";
  record.tls_cipher = "TLS_AES_128_GCM_SHA256";
  record.meter_units = 3;
  record.count = 4;
  record.security_messages = 2;
  record.small_messages = 1;
  base::ByteVec bytes;
  encode(record, bytes);
  const auto row = decode_operation(bytes);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->time, kql::to_ticks(record.time));
  EXPECT_EQ(row->operation, "deviceConnect");
  EXPECT_EQ(row->status_code, 401);
  EXPECT_EQ(row->sub_code, 401003);
  EXPECT_EQ(row->reason, "sas_expired");
  EXPECT_EQ(row->bytes, 12);
  EXPECT_EQ(row->duration_ms, 34);
  EXPECT_EQ(row->caller_ip, "::1");
  EXPECT_EQ(row->actor, "ann");
  EXPECT_EQ(row->category, "Connections");
  EXPECT_EQ(row->auth_scope, "device");
  EXPECT_EQ(row->auth_type, "sas");
  EXPECT_EQ(row->auth_issuer, "iothub");
  EXPECT_EQ(row->auth_policy, "policy");
  EXPECT_EQ(row->credential, "hash");
  EXPECT_EQ(row->ip_filter_rule, "rule");
  EXPECT_EQ(row->tls_version, "TLSv1.3");
  EXPECT_EQ(row->tls_cipher, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(row->meter_units, 3);
  EXPECT_EQ(row->count, 4);
  EXPECT_EQ(row->security_messages, 2);
  EXPECT_EQ(row->small_messages, 1);
  EXPECT_TRUE(row->properties.empty());
}

// A journal may hold what an older program wrote.
TEST(IngestRecord, OlderOperationsAreRead) {
  base::ByteVec bytes = {1, 3};
  const auto number = [&bytes](std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i)
      bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  };
  number(77, 8);
  number(401, 4);
  number(401003, 8);
  number(12, 8);
  number(34, 8);
  for (const std::string_view text :
       {"Connections", "deviceConnect", "Error", "sas_expired", "why", "d", "m", "g", "MQTT", "::1",
        "sdk", "request", "ann", R"({"auth":{"type":"sas"}})"}) {
    number(text.size(), 4);
    bytes.insert(bytes.end(), text.begin(), text.end());
  }
  const auto row = decode_operation(bytes);
  ASSERT_TRUE(row) << row.error().to_string();
  EXPECT_EQ(row->time, 77);
  EXPECT_EQ(row->duration_ms, 34);
  EXPECT_EQ(row->category, "Connections");
  EXPECT_EQ(row->actor, "ann");
  EXPECT_EQ(row->properties, R"({"auth":{"type":"sas"}})");
  EXPECT_EQ(row->count, 1);
  EXPECT_EQ(decode_message(bytes).error().code, base::Code::Malformed);
}

TEST(IngestRecord, CutAtAnyByteItIsTruncatedOrShorter) {
  base::ByteVec bytes;
  encode(message(), bytes);
  const std::size_t head = bytes.size() - message().payload.size();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto back = decode_message(base::ByteView(bytes).first(size));
    EXPECT_EQ(back.has_value(), size >= head) << size;
    if (back) continue;
    EXPECT_EQ(back.error().code, base::Code::Truncated) << size;
  }
  base::ByteVec operation;
  encode(operations::Record(), operation);
  for (std::size_t size = 0; size < operation.size(); ++size) {
    EXPECT_FALSE(decode_operation(base::ByteView(operation).first(size))) << size;
  }
}

TEST(IngestRecord, WhatIsSetAsideComesBackWithItsReason) {
  SetAside aside;
  aside.message = message();
  aside.reason = operations::Reason::EventInvalid;
  aside.why = "Events/0/Name: expected text";
  base::ByteVec bytes;
  encode(aside, bytes);
  EXPECT_EQ(*record_kind(bytes), RecordKind::SetAside);
  const auto back = decode_set_aside(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->reason, operations::Reason::EventInvalid);
  EXPECT_EQ(back->why, "Events/0/Name: expected text");
  EXPECT_EQ(back->message.device_id, "device");
  EXPECT_EQ(back->message.payload, "payload");
  EXPECT_TRUE(back->message.security);
  EXPECT_EQ(decode_message(bytes).error().code, base::Code::Malformed);
  const std::size_t head = bytes.size() - message().payload.size();
  for (std::size_t size = 0; size < head; ++size)
    EXPECT_FALSE(decode_set_aside(base::ByteView(bytes).first(size))) << size;
  bytes[2] = 255;  // a reason that there is not
  EXPECT_EQ(decode_set_aside(bytes).error().code, base::Code::Malformed);
}

TEST(IngestRecord, AlertsAreOneLineOfJson) {
  store::AlertRow row;
  row.outbox = 7;
  row.alert_id = "a1";
  row.title = "Line\nbreak";
  row.entities_json = R"([{"Type":"host"}])";
  base::ByteVec bytes;
  encode(row, bytes);
  EXPECT_EQ(*record_kind(bytes), RecordKind::Alert);
  const auto json = base::json::parse(*decode_alert(bytes));
  ASSERT_TRUE(json);
  EXPECT_EQ(json->text_or("alertId", ""), "a1");
  EXPECT_EQ(*json->find("row")->if_int(), 7);
  EXPECT_TRUE(json->find("remediation")->is_null());
  EXPECT_EQ(json->find("entities")->if_array()->size(), 1U);
}

TEST(IngestRecord, OtherKindsAndVersionsAreMalformed) {
  base::ByteVec bytes;
  encode(message(), bytes);
  EXPECT_EQ(decode_operation(bytes).error().code, base::Code::Malformed);
  bytes[1] = 200;
  EXPECT_EQ(record_kind(bytes).error().code, base::Code::Malformed);
  bytes[0] = 2;
  EXPECT_EQ(decode_message(bytes).error().code, base::Code::Malformed);
  base::ByteVec operation;
  encode(operations::Record(), operation);
  EXPECT_EQ(decode_message(operation).error().code, base::Code::Malformed);
  operation.push_back(0);
  EXPECT_EQ(decode_operation(operation).error().code, base::Code::Malformed);
}

}  // namespace
}  // namespace hub::ingest
