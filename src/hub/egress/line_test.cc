#include "hub/egress/line.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "hub/ingest/ingest_testing.h"
#include "hub/ingest/record.h"

namespace hub::egress {
namespace {

using base::json::Value;

base::ByteVec record_of(std::string_view payload, bool security) {
  ingest::Received message;
  message.device_id = "press-1";
  message.module_id = security ? "azureiotsecurity" : "";
  message.generation_id = "g1";
  message.auth_method = R"({"scope":"device"})";
  message.received_at = ingest::clock_at(0);
  message.properties = "%24.mid=m1&line=7";
  message.payload = payload;
  message.security = security;
  base::ByteVec bytes;
  ingest::encode(message, bytes);
  return bytes;
}

std::vector<Line> lines_of(base::ByteView record, const Filter& filter = Filter::all(),
                           std::uint32_t first = 0) {
  schema::Decoder decoder;
  std::vector<Line> lines;
  const auto made = append_lines(17, record, filter, first, decoder, lines);
  EXPECT_TRUE(made) << made.error().to_string();
  return lines;
}

Value json_of(const Line& line) {
  EXPECT_EQ(line.text.find('\n'), line.text.size() - 1);
  auto value = base::json::parse(std::string_view(line.text).substr(0, line.text.size() - 1));
  EXPECT_TRUE(value) << line.text;
  return value ? std::move(*value) : Value();
}

TEST(EgressLine, EachEventOfAMessageIsALineWithItsOwnOffset) {
  const auto record = record_of(
      ingest::message_of({ingest::process_event(1, "ls"), ingest::process_event(2, "id")}), true);
  const auto lines = lines_of(record);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[1].offset.to_string(), "17.1");
  const Value event = json_of(lines[1]);
  EXPECT_EQ(event.text_or("offset", ""), "17.1");
  EXPECT_EQ(event.text_or("kind", ""), "event");
  EXPECT_EQ(event.text_or("deviceId", ""), "press-1");
  EXPECT_EQ(event.text_or("moduleId", ""), "azureiotsecurity");
  EXPECT_EQ(event.text_or("name", ""), "ProcessCreate");
  EXPECT_EQ(event.text_or("eventId", ""), ingest::process_event(2, "id").id.to_string());
  EXPECT_EQ(event.find("items")->if_array()->at(0).text_or("CommandLine", ""), "id");
  // Who has read 17.0 goes on with the rest of the message.
  const auto rest = lines_of(record, Filter::all(), 1);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].text, lines[1].text);
}

TEST(EgressLine, TelemetryIsGivenAsItCame) {
  const auto lines = lines_of(record_of("{\"t\":\n21.50}", false));
  ASSERT_EQ(lines.size(), 1U);
  const Value line = json_of(lines[0]);
  EXPECT_EQ(line.text_or("kind", ""), "telemetry");
  EXPECT_EQ(line.text_or("bodyEncoding", ""), "json");
  EXPECT_NE(lines[0].text.find("21.50"), std::string::npos);
  EXPECT_EQ(line.find("systemProperties")->text_or("messageId", ""), "m1");
  EXPECT_EQ(line.find("properties")->text_or("line", ""), "7");
  EXPECT_EQ(line.find("authMethod")->text_or("scope", ""), "device");
}

TEST(EgressLine, AlertsAndOperationsAreLinesToo) {
  store::AlertRow row;
  row.alert_id = "a1";
  row.compromised_entity = "press-1";
  base::ByteVec alert;
  ingest::encode(row, alert);
  const Value told = json_of(lines_of(alert).at(0));
  EXPECT_EQ(told.text_or("kind", ""), "alert");
  EXPECT_EQ(told.text_or("alertId", ""), "a1");
  operations::Record record;
  record.operation = "deviceConnect";
  record.device_id = "press-1";
  record.tls_version = "TLSv1.3";
  base::ByteVec operation;
  ingest::encode(record, operation);
  const Value done = json_of(lines_of(operation).at(0));
  EXPECT_EQ(done.text_or("operation", ""), "deviceConnect");
  EXPECT_EQ(done.find("statusCode")->to_json(), "200");
  Filter other = Filter::all();
  other.devices = {"lathe-*"};
  EXPECT_EQ(lines_of(alert, other).size(), 0U);
  EXPECT_EQ(lines_of(operation, other).size(), 0U);
  other.devices.emplace_back("press-?");
  EXPECT_EQ(lines_of(alert, other).size(), 1U);
  EXPECT_EQ(lines_of(operation, other).size(), 1U);
}

TEST(EgressLine, OnlyTheKindsThatAreWanted) {
  const auto telemetry = record_of("x", false);
  const auto events = record_of(ingest::message_of({ingest::process_event(1, "ls")}), true);
  Filter filter;
  filter.kinds[static_cast<std::size_t>(Kind::Telemetry)] = true;
  EXPECT_EQ(lines_of(telemetry, filter).size(), 1U);
  EXPECT_EQ(lines_of(events, filter).size(), 0U);
}

TEST(EgressLine, DamagedRecordsAreErrors) {
  const auto record = record_of("x", false);
  schema::Decoder decoder;
  std::vector<Line> lines;
  for (std::size_t size = 0; size < record.size() - 1; ++size) {
    EXPECT_FALSE(
        append_lines(1, base::ByteView(record).first(size), Filter::all(), 0, decoder, lines))
        << size;
  }
  EXPECT_EQ(lines.size(), 0U);
}

TEST(EgressOffset, ReadsWhatItWrites) {
  const Offset offset{18'446'744'073'709'551'615ULL, 4'294'967'295U};
  EXPECT_EQ(*Offset::parse(offset.to_string()), offset);
  EXPECT_EQ(*Offset::parse("7"), (Offset{7, 0}));
  for (const char* bad : {"", ".", "1.", ".1", "-1", "1.-1", "1.2.3", " 1", "1 ", "x",
                          "18446744073709551616", "1.4294967296"}) {
    EXPECT_FALSE(Offset::parse(bad)) << bad;
  }
  EXPECT_LT((Offset{1, 9}), (Offset{2, 0}));
}

TEST(EgressPattern, StarsAndQuestionMarks) {
  EXPECT_TRUE(matches_pattern("*", ""));
  EXPECT_TRUE(matches_pattern("press-*", "press-1"));
  EXPECT_TRUE(matches_pattern("*-1", "press-1"));
  EXPECT_TRUE(matches_pattern("a*b*c", "a-b-b-c"));
  EXPECT_TRUE(matches_pattern("p?ess", "press"));
  EXPECT_FALSE(matches_pattern("p?ess", "pess"));
  EXPECT_FALSE(matches_pattern("press-*", "Press-1"));
  EXPECT_FALSE(matches_pattern("", "x"));
  EXPECT_FALSE(matches_pattern("a*b", "a-b-c"));
  // No pattern makes it slow.
  EXPECT_FALSE(matches_pattern("*a*a*a*a*a*a*a*a*b", std::string(10'000, 'a')));
}

TEST(EgressKind, NamesAreWhatUsersWrite) {
  EXPECT_EQ(parse_kind("events"), Kind::Event);
  EXPECT_EQ(parse_kind("telemetry"), Kind::Telemetry);
  EXPECT_EQ(parse_kind("event"), std::nullopt);
}

}  // namespace
}  // namespace hub::egress
