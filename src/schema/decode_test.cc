#include "schema/decode.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace schema {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kProcessCreate =
    R"({"Id":"7b2c9d14-0000-4000-8000-000000000001","TimestampLocal":"2026-03-01T09:30:00.250+01:00",)"
    R"("TimestampUTC":"2026-03-01T08:30:00.250Z","Category":"Triggered","Name":"ProcessCreate","EventType":"Security",)"
    R"("IsEmpty":false,"PayloadSchemaVersion":"1.0","Payload":[{"Executable":"/usr/bin/curl","ProcessId":20931,)"
    R"("ParentProcessId":1,"UserId":"1000","CommandLine":"curl -s","ExtraDetails":{"Cwd":"/tmp"}}]})";
constexpr std::string_view kBaseline =
    R"({"Id":"7b2c9d14-0000-4000-8000-000000000002","TimestampLocal":"2026-03-01T09:30:00Z",)"
    R"("TimestampUTC":"2026-03-01T09:30:00Z","Category":"Periodic","Name":"OSBaseline","EventType":"Security",)"
    R"("IsEmpty":false,"PayloadSchemaVersion":"1.0","Payload":[{"Description":"d","CceId":"c","Result":"Fail",)"
    R"("Error":"","Severity":"Warning"}]})";

std::string message_of(std::string_view events) {
  std::string text =
      R"({"AgentVersion":"0.1.0","AgentId":"5d1f6a0e-8a3c-4f6b-9a51-0c9d2f7e4b10","MessageSchemaVersion":"1.0","Events":[)";
  return text.append(events).append("]}");
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string shown(const std::vector<Violation>& violations) {
  std::string text;
  for (const Violation& violation : violations) {
    text.append(text.empty() ? "" : " | ");
    text.append(violation.pointer)
        .append(": ")
        .append(violation.expected)
        .append(" ! ")
        .append(violation.found);
  }
  return text;
}

// One replacement in a message with one ProcessCreate, and what is said about it.
struct ViolationCase {
  const char* from;
  const char* to;
  const char* told;
};

class Violations : public testing::TestWithParam<ViolationCase> {};

TEST_P(Violations, NameTheOnePlace) {
  const std::string text = replaced(message_of(kProcessCreate), GetParam().from, GetParam().to);
  EXPECT_EQ(shown(validate(text, Mode::Strict).violations), GetParam().told);
}

constexpr ViolationCase kViolations[] = {
    {"\"ProcessId\":20931", "\"ProcessId\":\"20931\"",
     "/Events/0/Payload/0/ProcessId: a whole number ! \"20931\""},
    {"\"ProcessId\":20931", "\"ProcessId\":1.5",
     "/Events/0/Payload/0/ProcessId: a whole number ! 1.5"},
    {"\"ProcessId\":20931,", "",
     "/Events/0/Payload/0/ProcessId: a whole number, which is required ! nothing"},
    {"\"CommandLine\"", "\"Commandline\"",
     "/Events/0/Payload/0/Commandline: no other member; is CommandLine meant? ! the member "
     "\"Commandline\" | "
     "/Events/0/Payload/0/CommandLine: a text, which is required ! nothing"},
    {"\"Cwd\":\"/tmp\"", "\"a/b~c\":[1,2]",
     "/Events/0/Payload/0/ExtraDetails/a~1b~0c: a text ! an array of 2 items"},
    {"{\"Cwd\":\"/tmp\"}", "null", "/Events/0/Payload/0/ExtraDetails: an object of texts ! null"},
    {"\"ProcessCreate\"", "\"ProcessCreat\"",
     "/Events/0/Name: one of ProcessCreate, ProcessTerminate, ConnectionCreate, Login, "
     "ListeningPorts, "
     "FirewallConfiguration, LocalUsers, ConnectedHardware, OSBaseline, SystemInformation, "
     "Diagnostic, "
     "ConfigurationError, DroppedEventsStatistics, MessageStatistics, Heartbeat, FileEvent, SBoM, "
     "AuditRecord, NetworkAsset, NetworkConversation, NetworkTransaction, SensorHealth ! "
     "\"ProcessCreat\""},
    {"\"Triggered\"", "\"Periodic\"", "/Events/0/Category: \"Triggered\" ! \"Periodic\""},
    {"\"Triggered\"", "\"Aggregated\"", "/Events/0/Category: \"Triggered\" ! \"Aggregated\""},
    {"\"Security\"", "\"Operational\"", "/Events/0/EventType: \"Security\" ! \"Operational\""},
    {"\"IsEmpty\":false", "\"IsEmpty\":true",
     "/Events/0/IsEmpty: false, for a Triggered event ! true"},
    {"\"IsEmpty\":false", "\"IsEmpty\":\"false\"", "/Events/0/IsEmpty: true or false ! \"false\""},
    {"7b2c9d14-", "7b2c9d14",
     "/Events/0/Id: a text of 36 characters, a UUID ! \"7b2c9d140000-4000-8000-000000000001\""},
    {"2026-03-01T08:30:00.250Z", "2026-03-01",
     "/Events/0/TimestampUTC: a time such as 2026-03-01T08:30:00.250Z ! \"2026-03-01\""},
    {"\"PayloadSchemaVersion\":\"1.0\"", "\"PayloadSchemaVersion\":1.0",
     "/Events/0/PayloadSchemaVersion: \"1.0\" ! 1.0"},
    {"\"Payload\":[", "\"Payload\":[7,", "/Events/0/Payload/0: an object ! 7"},
    {"\"AgentVersion\":\"0.1.0\"", "\"AgentVersion\":1", "/AgentVersion: a text ! 1"},
    {"\"AgentVersion\":\"0.1.0\",", "", "/AgentVersion: a text, which is required ! nothing"},
    {"\"MessageSchemaVersion\":\"1.0\"", "\"MessageSchemaVersion\":\"2.0\"",
     "/MessageSchemaVersion: \"1.0\" ! \"2.0\""},
    {"\"AgentVersion\"", "\"X\":{},\"AgentVersion\"",
     "/X: no other member than one of AgentVersion, AgentId, MessageSchemaVersion, Events ! the "
     "member \"X\""},
};
INSTANTIATE_TEST_SUITE_P(Table, Violations, testing::ValuesIn(kViolations));

TEST(Validate, TellsWhatIsNoMessageAtAll) {
  EXPECT_EQ(shown(validate("[]", Mode::Strict).violations),
            ": an object, a security message ! an empty array");
  EXPECT_EQ(shown(validate(message_of(""), Mode::Strict).violations),
            "/Events: at least one event ! an empty array");
  EXPECT_EQ(shown(validate(message_of("7"), Mode::Strict).violations),
            "/Events/0: an object, an event ! 7");
  EXPECT_EQ(shown(validate("", Mode::Strict).violations),
            ": a JSON value ! the end of the text at column 1");
  EXPECT_EQ(shown(validate("{\"a\":1,}", Mode::Strict).violations),
            ": a member's name in quotes ! \"}\" at column 8");
  EXPECT_EQ(shown(validate("{\n\"a\":\"\x01\"}", Mode::Strict).violations),
            ": a character that may stand in a string; \\u00XX writes this one ! \"\\u0001\" at "
            "line 2, column 6");
  EXPECT_EQ(shown(validate("\"\xFF\"", Mode::Strict).violations),
            ": UTF-8 text ! bytes that are not");
}

TEST(Validate, AddressesAreNamedByBothForms) {
  const std::string_view event =
      R"({"Id":"7b2c9d14-0000-4000-8000-000000000001","TimestampLocal":"2026-03-01T08:30:00Z",)"
      R"("TimestampUTC":"2026-03-01T08:30:00Z","Category":"Triggered","Name":"ConnectionCreate","EventType":"Security",)"
      R"("IsEmpty":false,"PayloadSchemaVersion":"1.0","Payload":[{"RemoteAddress":"localhost","RemotePort":"1",)"
      R"("Direction":"Inside","Protocol":"tcp","ProcessId":1,"Executable":"a"}]})";
  EXPECT_EQ(shown(validate(message_of(event), Mode::Strict).violations),
            "/Events/0/Payload/0/RemoteAddress: an IPv4 or IPv6 address ! \"localhost\" | "
            "/Events/0/Payload/0/Direction: one of In, Out ! \"Inside\"");
}

TEST(Validate, LongValuesAreCutBetweenCharacters) {
  std::string word = "a";
  for (int i = 0; i < 100; ++i)
    word.append("€");
  const std::string text = replaced(message_of(kProcessCreate), "20931", "\"" + word + "\"");
  const Verdict verdict = validate(text, Mode::Strict);
  ASSERT_THAT(verdict.violations, SizeIs(1));
  EXPECT_THAT(verdict.violations[0].found, testing::EndsWith("€…\""));
  EXPECT_LT(verdict.violations[0].found.size(), 100U);
}

TEST(Validate, StopsWhenEnoughIsKnown) {
  std::string events;
  for (int i = 0; i < 1000; ++i)
    events.append(i > 0 ? ",7" : "7");
  EXPECT_THAT(validate(message_of(events), Mode::Strict).violations, SizeIs(kMaxViolations));
}

TEST(Validate, OfRepeatedMembersTheLastCounts) {
  const std::string good = message_of(kProcessCreate);
  EXPECT_TRUE(validate(replaced(good, "\"ProcessId\":20931", "\"ProcessId\":[],\"ProcessId\":1"),
                       Mode::Strict)
                  .valid());
  EXPECT_FALSE(validate(replaced(good, "\"ProcessId\":20931", "\"ProcessId\":1,\"ProcessId\":[]"),
                        Mode::Strict)
                   .valid());
  const std::string details = replaced(good, "\"Cwd\":", "\"Cwd\":7,\"Cwd\":\"/\",\"Cwd\":");
  EXPECT_TRUE(validate(details, Mode::Strict).valid());
  const Decoded decoded = decode(details, Mode::Strict);
  ASSERT_THAT(decoded.events, SizeIs(1));
  const auto& item = std::get<std::vector<ProcessCreate>>(decoded.events[0].event.payload)[0];
  EXPECT_EQ(item.extra_details, (ExtraDetails{{"Cwd", "/tmp"}}));
}

TEST(Validate, ManyRepeatedDetailsTakeNoLongTime) {
  std::string details;
  for (int i = 0; i < 50'000; ++i)
    details.append("\"k").append(std::to_string(i)).append("\":1,");
  for (int i = 0; i < 50'000; ++i)
    details.append("\"k").append(std::to_string(i)).append("\":\"\",");
  const std::string text =
      replaced(message_of(kProcessCreate), "\"Cwd\":", details.append("\"Cwd\":"));
  const Decoded decoded = decode(text, Mode::Strict);
  ASSERT_THAT(decoded.events, SizeIs(1));
  EXPECT_THAT(
      std::get<std::vector<ProcessCreate>>(decoded.events[0].event.payload)[0].extra_details,
      SizeIs(50'001));
}

TEST(Validate, OursAreNoneOfTheClassicEvents) {
  const std::string heartbeat = message_of(
      R"({"Id":"7b2c9d14-0000-4000-8000-000000000001","TimestampLocal":"2026-03-01T08:30:00Z",)"
      R"("TimestampUTC":"2026-03-01T08:30:00Z","Category":"Periodic","Name":"Heartbeat","EventType":"Operational",)"
      R"("IsEmpty":true,"PayloadSchemaVersion":"1.0","Payload":[]})");
  EXPECT_TRUE(validate(heartbeat, Mode::Strict).valid());
  EXPECT_THAT(shown(validate(heartbeat, Mode::Classic).violations), HasSubstr("/Events/0/Name"));
}

TEST(Decode, ReadsTheMessage) {
  const Decoded decoded = decode(message_of(kProcessCreate), Mode::Strict);
  EXPECT_TRUE(decoded.valid());
  EXPECT_EQ(decoded.agent_version, "0.1.0");
  EXPECT_EQ(decoded.agent_id.to_string(), "5d1f6a0e-8a3c-4f6b-9a51-0c9d2f7e4b10");
  ASSERT_THAT(decoded.events, SizeIs(1));
  const Event& event = decoded.events[0].event;
  EXPECT_EQ(event.name(), EventName::ProcessCreate);
  EXPECT_EQ(event.id.to_string(), "7b2c9d14-0000-4000-8000-000000000001");
  EXPECT_EQ(base::format_rfc3339(event.time.utc), "2026-03-01T08:30:00.250Z");
  EXPECT_EQ(event.time.offset, std::chrono::minutes(60));
  EXPECT_FALSE(event.aggregated);
  const ProcessCreate expected{.executable = "/usr/bin/curl",
                               .process_id = 20931,
                               .parent_process_id = 1,
                               .user_id = "1000",
                               .user_name = std::nullopt,
                               .command_line = "curl -s",
                               .extra_details = {{"Cwd", "/tmp"}}};
  EXPECT_EQ(std::get<std::vector<ProcessCreate>>(event.payload),
            std::vector<ProcessCreate>{expected});
}

TEST(Decode, ABadEventLeavesItsNeighboursAlone) {
  const std::string good(kProcessCreate);
  const std::string bad = replaced(good, "20931", "null");
  const Decoded decoded =
      decode(message_of(good + "," + bad + ",[]," + std::string(kBaseline)), Mode::Strict);
  EXPECT_FALSE(decoded.valid());
  ASSERT_THAT(decoded.events, SizeIs(2));
  EXPECT_EQ(decoded.events[0].index, 0U);
  EXPECT_EQ(decoded.events[1].index, 3U);
  EXPECT_EQ(decoded.events[1].event.name(), EventName::OSBaseline);
  ASSERT_THAT(decoded.refused, SizeIs(2));
  EXPECT_EQ(decoded.refused[0].index, 1U);
  EXPECT_EQ(decoded.refused[0].id, "7b2c9d14-0000-4000-8000-000000000001");
  EXPECT_EQ(decoded.refused[0].name, "ProcessCreate");
  EXPECT_EQ(shown(decoded.refused[0].violations),
            "/Events/1/Payload/0/ProcessId: a whole number ! null");
  EXPECT_EQ(shown(decoded.refused[1].violations),
            "/Events/2: an object, an event ! an empty array");
}

TEST(Decode, ABadEnvelopeLeavesItsEventsAlone) {
  const Decoded decoded =
      decode(replaced(message_of(kProcessCreate), "5d1f6a0e-", ""), Mode::Strict);
  EXPECT_FALSE(decoded.valid());
  EXPECT_THAT(decoded.message_violations, SizeIs(1));
  EXPECT_THAT(decoded.events, SizeIs(1));
}

TEST(Decode, TakesTheNearestOfWhatAnEventCannotHold) {
  std::string text = replaced(message_of(kProcessCreate), "20931", "1e400");
  text = replaced(text, "\"ParentProcessId\":1", "\"ParentProcessId\":-100000000000000000000");
  text = replaced(text, "7b2c9d14-0000-4000-8000-000000000001",
                  "an id of 36 characters, but no UUID.");
  text = replaced(text, "2026-03-01T08:30:00.250Z", "0001-01-01T00:00:00Z");
  text = replaced(text, "curl -s", "\\ud800");
  const Decoded first = decode(text, Mode::Strict);
  ASSERT_THAT(first.events, SizeIs(1)) << shown(first.refused.at(0).violations);
  const Event& event = first.events[0].event;
  const auto& item = std::get<std::vector<ProcessCreate>>(event.payload)[0];
  EXPECT_EQ(item.process_id, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(item.parent_process_id, std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(item.command_line, "\xEF\xBF\xBD");
  EXPECT_LT(event.time.utc, base::WallTime());
  // The same odd id is the same event, another one is another.
  EXPECT_EQ(decode(text, Mode::Strict).events.at(0).event.id, event.id);
  EXPECT_NE(decode(replaced(text, "an id", "my id"), Mode::Strict).events.at(0).event.id, event.id);
}

TEST(Decode, WholeNumbersMayBeWrittenWithAFraction) {
  const Decoded decoded =
      decode(replaced(message_of(kProcessCreate), "20931", "2.0931e4"), Mode::Strict);
  ASSERT_THAT(decoded.events, SizeIs(1));
  EXPECT_EQ(std::get<std::vector<ProcessCreate>>(decoded.events[0].event.payload)[0].process_id,
            20931);
}

TEST(Decode, RefusesWhatIsTooLarge) {
  const Decoded decoded = decode(std::string(kMaxMessageBytes + 1, ' '), Mode::Strict);
  EXPECT_EQ(shown(decoded.message_violations), ": at most 4194304 bytes ! 4194305 bytes");
}

TEST(Decode, RefusesTooManyEvents) {
  std::string events = "0";
  for (std::size_t i = 1; i < kMaxEvents + 2; ++i)
    events.append(",0");
  const Decoded decoded = decode(message_of(events), Mode::Strict);
  EXPECT_EQ(shown(decoded.message_violations), "/Events: at most 32768 events ! more");
  EXPECT_THAT(decoded.refused, SizeIs(kMaxEvents));
}

TEST(Decode, RefusesTooManyItems) {
  std::string items = "{}";
  for (std::size_t i = 1; i < kMaxPayloadItems + 2; ++i)
    items.append(",{}");
  const std::string event =
      R"({"Id":"7b2c9d14-0000-4000-8000-000000000001","TimestampLocal":"2026-03-01T08:30:00Z",)"
      R"("TimestampUTC":"2026-03-01T08:30:00Z","Category":"Periodic","Name":"SystemInformation","EventType":"Security",)"
      R"("IsEmpty":false,"PayloadSchemaVersion":"1.0","Payload":[)" +
      items + "]}";
  const Decoded decoded = decode(message_of(event + "," + std::string(kBaseline)), Mode::Strict);
  ASSERT_THAT(decoded.refused, SizeIs(2));
  EXPECT_EQ(shown(decoded.refused[0].violations),
            "/Events/0/Payload: at most 65536 items in a message ! more");
  // The verdict on the schema is another matter.
  EXPECT_TRUE(validate(message_of(event), Mode::Strict).valid());
}

TEST(Decode, RefusesDeepNesting) {
  const std::string deep = std::string(2000, '[') + std::string(2000, ']');
  EXPECT_THAT(shown(decode(deep, Mode::Strict).message_violations), HasSubstr("less deep nesting"));
}

// ---- leniences
// ------------------------------------------------------------------------------------

constexpr std::string_view kLogin =
    R"({"Id":"7b2c9d14-0000-4000-8000-000000000003","TimestampLocal":"2026-03-01T08:30:00Z",)"
    R"("TimestampUTC":"2026-03-01T08:30:00Z","Category":"Triggered","Name":"Login","EventType":"Security",)"
    R"("IsEmpty":false,"PayloadSchemaVersion":"1.0","Payload":[{"ProcessId":1,"Operation":"o","Executable":"e","Result":"Fail"}]})";
constexpr std::string_view kFirewall =
    R"({"Id":"7b2c9d14-0000-4000-8000-000000000004","TimestampLocal":"2026-03-01T08:30:00Z",)"
    R"("TimestampUTC":"2026-03-01T08:30:00Z","Category":"Periodic","Name":"FirewallConfiguration","EventType":"Security",)"
    R"("IsEmpty":false,"PayloadSchemaVersion":"1.0","Payload":[{"Enabled":true}]})";
constexpr std::string_view kUsers =
    R"({"Id":"7b2c9d14-0000-4000-8000-000000000005","TimestampLocal":"2026-03-01T08:30:00Z",)"
    R"("TimestampUTC":"2026-03-01T08:30:00Z","Category":"Periodic","Name":"LocalUsers","EventType":"Security",)"
    R"("IsEmpty":false,"PayloadSchemaVersion":"1.0","Payload":[{"UserId":"0","UserName":"root"}]})";

struct LeniencyCase {
  Leniency leniency;
  std::string_view event;
  const char* from;
  const char* to;
  const char* pointer;
  std::uint32_t uses = 1;
};

class Leniences : public testing::TestWithParam<LeniencyCase> {};

TEST_P(Leniences, AreNamedAndCountedAndOnlyLenient) {
  const LeniencyCase& given = GetParam();
  const std::string text = message_of(replaced(std::string(given.event), given.from, given.to));
  EXPECT_FALSE(validate(text, Mode::Strict).valid());
  EXPECT_FALSE(decode(text, Mode::Strict).valid());

  const Verdict verdict = validate(text, Mode::Lenient);
  EXPECT_TRUE(verdict.valid()) << shown(verdict.violations);
  ASSERT_THAT(verdict.leniencies, SizeIs(given.uses));
  EXPECT_EQ(to_string(verdict.leniencies[0].leniency), to_string(given.leniency));
  EXPECT_EQ(verdict.leniencies[0].pointer, given.pointer);

  const Decoded decoded = decode(text, Mode::Lenient);
  EXPECT_TRUE(decoded.valid());
  EXPECT_EQ(decoded.leniencies[static_cast<std::size_t>(given.leniency)], given.uses);
}

constexpr LeniencyCase kLeniences[] = {
    {Leniency::AggregatedCategory, kProcessCreate, "Triggered", "Aggregated", "/Events/0/Category"},
    {Leniency::IntegerHitCount, kProcessCreate, "\"Cwd\":\"/tmp\"", "\"HitCount\":5",
     "/Events/0/Payload/0/ExtraDetails/HitCount"},
    {Leniency::EmptyTriggered, kProcessCreate, "\"IsEmpty\":false", "\"IsEmpty\":true",
     "/Events/0/IsEmpty"},
    {Leniency::OtherBaselineResult, kBaseline, "\"Fail\"", "\"MISS\"",
     "/Events/0/Payload/0/Result"},
    {Leniency::MissingFirewallAction, kFirewall, "\"Enabled\":true", "\"Enabled\":false",
     "/Events/0/Payload/0/Action"},
    {Leniency::MissingLoginUser, kLogin, "\"Fail\"", "\"Success\"", "/Events/0/Payload/0"},
    {Leniency::MissingUserGroups, kUsers, "\"root\"", "\"root2\"", "/Events/0/Payload/0/GroupIds",
     2},
};
INSTANTIATE_TEST_SUITE_P(Table, Leniences, testing::ValuesIn(kLeniences));

Event only_event(std::string_view event) {
  Decoded decoded = decode(message_of(event), Mode::Lenient);
  EXPECT_THAT(decoded.events, SizeIs(1));
  return std::move(decoded.events.at(0).event);
}

TEST(Leniency, RepeatsOfTheFieldsAgentsKeepTheirCount) {
  std::string text = replaced(std::string(kProcessCreate), "Triggered", "Aggregated");
  text = replaced(text, "\"Cwd\":\"/tmp\"",
                  "\"HitCount\":5,\"StartTimeUtc\":\"2026-03-01T08:00:00Z\"");
  const Event event = only_event(text);
  EXPECT_TRUE(event.aggregated);
  EXPECT_EQ(event.hit_count(0), 5);
}

TEST(Leniency, ReadsWhatIsMeant) {
  const auto result_of = [](const char* word) {
    const Event event = only_event(replaced(std::string(kBaseline), "Fail", word));
    return std::get<std::vector<OSBaseline>>(event.payload).at(0).result;
  };
  EXPECT_EQ(result_of("PASS"), BaselineResult::Pass);
  EXPECT_EQ(result_of("fail"), BaselineResult::Fail);
  EXPECT_EQ(result_of("MISS"), BaselineResult::Err);
  EXPECT_EQ(
      std::get<std::vector<FirewallConfiguration>>(only_event(kFirewall).payload).at(0).action,
      FirewallAction::Other);
  EXPECT_EQ(std::get<std::vector<LocalUsers>>(only_event(kUsers).payload).at(0).group_ids, "");
}

TEST(Leniency, ExcusesNothingElse) {
  struct Case {
    std::string_view event;
    const char* from;
    const char* to;
  };
  const Case cases[] = {
      {kBaseline, "Periodic", "Aggregated"},
      {kProcessCreate, "\"Cwd\":\"/tmp\"", "\"HitCount\":5.5"},
      {kProcessCreate, "\"Cwd\":\"/tmp\"", "\"Hits\":5"},
      {kProcessCreate, "\"UserId\":\"1000\",", ""},
      {kBaseline, "\"Fail\"", "1"},
      {kFirewall, "\"Enabled\":true", "\"Action\":\"allow\",\"Enabled\":true"},
      {kLogin, "\"Operation\":\"o\",", ""},
      {kUsers, "\"UserName\":\"root\"", "\"GroupIds\":0,\"UserName\":\"root\""},
  };
  for (const Case& given : cases) {
    const std::string text = message_of(replaced(std::string(given.event), given.from, given.to));
    EXPECT_FALSE(validate(text, Mode::Lenient).valid()) << text;
  }
}

TEST(Leniency, OfRefusedEventsIsNotCounted) {
  std::string text = replaced(std::string(kProcessCreate), "Triggered", "Aggregated");
  text = replaced(text, "20931", "null");
  const Decoded decoded = decode(message_of(text), Mode::Lenient);
  EXPECT_THAT(decoded.events, IsEmpty());
  EXPECT_EQ(decoded.leniencies[static_cast<std::size_t>(Leniency::AggregatedCategory)], 0U);
}

}  // namespace
}  // namespace schema
