#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "schema/decode.h"
#include "schema/message.h"

namespace schema {
namespace {

using testing::SizeIs;

base::WallTime at(const char* text) {
  return base::parse_rfc3339(text)->utc;
}

Event sample_event() {
  return Event{
      .id = *base::Guid::parse("7b2c9d14-0000-4000-8000-000000000001"),
      .time = {at("2026-03-01T08:30:00.250Z"), std::chrono::minutes(60)},
      .payload = payload_of(ProcessTerminate{.executable = "/bin/\"x\"\n\x01\xFF",
                                             .process_id = -1,
                                             .exit_status = 137,
                                             .extra_details = {{"Signal", "9"}, {"ä", ""}}})};
}

TEST(EncodeEvent, WritesEveryMemberOnce) {
  std::string text = "before ";
  encode_event(sample_event(), text);
  EXPECT_EQ(
      text,
      R"(before {"Id":"7b2c9d14-0000-4000-8000-000000000001","TimestampLocal":"2026-03-01T09:30:00.250+01:00",)"
      R"("TimestampUTC":"2026-03-01T08:30:00.250Z","Category":"Triggered","Name":"ProcessTerminate",)"
      R"("EventType":"Security","IsEmpty":false,"PayloadSchemaVersion":"1.0","Payload":[{)"
      R"("Executable":"/bin/\"x\"\n\u0001)"
      "\xEF\xBF\xBD"
      R"(","ProcessId":-1,"ExitStatus":137,"ExtraDetails":{"Signal":"9","ä":""}}]})");
}

TEST(EncodeEvent, AnEmptyPayloadSaysSo) {
  Event event = sample_event();
  event.payload = std::vector<ListeningPorts>();
  std::string text;
  encode_event(event, text);
  EXPECT_NE(
      text.find(
          R"("Category":"Periodic","Name":"ListeningPorts","EventType":"Security","IsEmpty":true)"),
      std::string::npos);
  EXPECT_NE(text.find(R"("Payload":[]})"), std::string::npos);
  EXPECT_TRUE(
      validate(encode_envelope("1", base::Guid::random(), std::vector<std::string_view>{text}),
               Mode::Strict)
          .valid());
}

TEST(EncodeEnvelope, IsWhatEncodeMessageGives) {
  for (const std::size_t count : {0U, 1U, 3U}) {
    Message message{
        .agent_version = "0.1 \"beta\"", .agent_id = base::Guid::random(), .events = {}};
    std::vector<std::string> encoded;
    for (std::size_t i = 0; i < count; ++i) {
      message.events.push_back(sample_event());
      encode_event(message.events.back(), encoded.emplace_back());
    }
    std::size_t bytes = 0;
    for (const std::string& event : encoded)
      bytes += event.size();
    const std::vector<std::string_view> views(encoded.begin(), encoded.end());
    const std::string text = encode_envelope(message.agent_version, message.agent_id, views);
    EXPECT_EQ(text, encode_message(message));
    EXPECT_EQ(text.size(), envelope_size(message.agent_version, count, bytes));
    EXPECT_EQ(validate(text, Mode::Strict).valid(), count > 0);
  }
}

TEST(EventDetails, AreOneItem) {
  Event event = sample_event();
  EXPECT_EQ(event_details_json(Event{.payload = payload_of(SystemInformation{})}, 0), "{}");
  std::get<std::vector<ProcessTerminate>>(event.payload)
      .push_back(ProcessTerminate{.executable = "b"});
  EXPECT_EQ(event_details_json(event, 1), R"({"Executable":"b","ProcessId":0,"ExitStatus":0})");
}

TEST(HitCount, IsOneUnlessTheItemSaysOtherwise) {
  const auto hits = [](const char* text) {
    return Event{.payload = payload_of(ProcessTerminate{.extra_details = {{"HitCount", text}}})}
        .hit_count(0);
  };
  EXPECT_EQ(sample_event().hit_count(0), 1);
  EXPECT_EQ(hits("12"), 12);
  EXPECT_EQ(hits("0"), 1);
  EXPECT_EQ(hits("-3"), 1);
  EXPECT_EQ(hits("many"), 1);
}

// Every sample, read, written, and read again, is the same.
TEST(RoundTrip, KeepsEverySample) {
  const char* source = std::getenv("VEDETTE_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "run this through ctest";
  std::ifstream file(std::string(source) + "/tests/schema/samples.json");
  std::stringstream content;
  content << file.rdbuf();
  const auto samples = base::json::parse(content.str());
  ASSERT_TRUE(samples && samples->if_array() != nullptr);
  std::set<EventName> seen;
  for (const base::json::Value& sample : *samples->if_array()) {
    const Decoded first = decode(sample.to_json(), Mode::Strict);
    ASSERT_TRUE(first.valid()) << sample.to_json();
    Message message{first.agent_version, first.agent_id, {}};
    for (const DecodedEvent& event : first.events) {
      seen.insert(event.event.name());
      message.events.push_back(event.event);
    }
    const Decoded second = decode(encode_message(message), Mode::Strict);
    ASSERT_TRUE(second.valid());
    ASSERT_THAT(second.events, SizeIs(first.events.size()));
    for (std::size_t i = 0; i < first.events.size(); ++i) {
      EXPECT_EQ(second.events[i].event.id, first.events[i].event.id);
      EXPECT_EQ(second.events[i].event.payload, first.events[i].event.payload);
      EXPECT_EQ(second.events[i].event.time.offset, first.events[i].event.time.offset);
    }
  }
  EXPECT_EQ(seen.size(), kEventNames) << "the samples no longer show every event";
}

}  // namespace
}  // namespace schema
