#include "hub/ingest/record.h"

#include <gtest/gtest.h>

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

TEST(IngestRecord, OtherKindsAndVersionsAreMalformed) {
  base::ByteVec bytes;
  encode(message(), bytes);
  EXPECT_EQ(decode_operation(bytes).error().code, base::Code::Malformed);
  bytes[1] = 9;
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
