#include "agent/settings/twin.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/settings/keys.h"
#include "os/file.h"

namespace agent::settings {
namespace {

using namespace std::chrono_literals;
using schema::ConfigurationErrorType;
using schema::EventName;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string ours(const std::string& members) {
  return "{\"" + std::string(kObject) + "\":{" + members + "}}";
}

class TwinTest : public ::testing::Test {
 protected:
  void whole(const std::string& members) {
    ASSERT_TRUE(twin_.take(Twin::Change::Whole, ++version_, ours(members)));
  }
  void patch(const std::string& members) {
    ASSERT_TRUE(twin_.take(Twin::Change::Patch, ++version_, ours(members)));
  }
  const Settings& now() const { return twin_.settings(); }
  Problem only_problem() const {
    EXPECT_EQ(twin_.problems().size(), 1U);
    return twin_.problems().empty() ? Problem{} : twin_.problems().front();
  }
  std::string reported(const std::string& key, const char* member) const {
    const base::json::Value all = twin_.reported();
    const base::json::Value* one = all.find(key);
    return one == nullptr || one->find(member) == nullptr ? "" : one->find(member)->to_json();
  }

  std::int64_t version_ = 0;
  Twin twin_{Settings()};
};

TEST_F(TwinTest, HasDefaultsWithoutAnyTwin) {
  EXPECT_EQ(now(), Settings());
  EXPECT_EQ(now().high_frequency, 0s);
  EXPECT_EQ(now().priority_of(EventName::ProcessCreate), Level::High);
  EXPECT_EQ(now().priority_of(EventName::ConnectionCreate), Level::Low);
  EXPECT_THAT(twin_.problems(), IsEmpty());
  EXPECT_EQ(reported("snapshotFrequency", "value"), "\"PT13H\"");
  EXPECT_EQ(reported("snapshotFrequency", "status"), "\"default\"");
}

TEST_F(TwinTest, APatchLeavesWhatItDoesNotName) {
  whole(R"("snapshotFrequency":{"value":"PT1H"},"eventPriorityLogin":{"value":"low"},
           "maxMessageSizeInBytes":{"value":8192})");
  patch(R"("snapshotFrequency":{"value":"PT2H"})");
  EXPECT_EQ(now().snapshot_frequency, 2h);
  EXPECT_EQ(now().priority_of(EventName::Login), Level::Low);
  EXPECT_EQ(now().max_message_bytes, 8192U);
  patch(R"("eventPriorityLogin":null,"maxMessageSizeInBytes":{"value":null})");
  EXPECT_EQ(now().priority_of(EventName::Login), Level::High);
  EXPECT_EQ(now().max_message_bytes, Settings().max_message_bytes);
  EXPECT_EQ(now().snapshot_frequency, 2h);
  EXPECT_THAT(twin_.problems(), IsEmpty());
}

TEST_F(TwinTest, AWholeTwinTakesBackWhatItDoesNotName) {
  whole(R"("snapshotFrequency":{"value":"PT1H"})");
  whole(R"("processHash":{"value":false})");
  EXPECT_EQ(now().snapshot_frequency, 13h);
  EXPECT_FALSE(now().process_hash);
  ASSERT_TRUE(twin_.take(Twin::Change::Whole, 9, R"({"somebody":{"else":1}})"));
  EXPECT_EQ(now(), Settings());
}

TEST_F(TwinTest, ABadKeyIsRefusedAlone) {
  whole(R"("snapshotFrequency":{"value":"PT1H"},"maxMessageSizeInBytes":{"value":16384})");
  whole(R"("snapshotFrequency":{"value":"soon"},"maxMessageSizeInBytes":{"value":32768})");
  EXPECT_EQ(now().snapshot_frequency, 1h);  // its last good value
  EXPECT_EQ(now().max_message_bytes, 32768U);
  const Problem problem = only_problem();
  EXPECT_EQ(problem.key, "snapshotFrequency");
  EXPECT_EQ(problem.type, ConfigurationErrorType::TypeMismatch);
  EXPECT_EQ(problem.used, "PT1H");
  EXPECT_THAT(problem.message, HasSubstr("soon"));
  EXPECT_EQ(reported("snapshotFrequency", "status"), "\"lastGood\"");
  EXPECT_EQ(reported("snapshotFrequency", "error"), "\"TypeMismatch\"");
  EXPECT_EQ(reported("maxMessageSizeInBytes", "status"), "\"desired\"");
  whole(R"("snapshotFrequency":{"value":"PT3H"})");
  EXPECT_THAT(twin_.problems(), IsEmpty());
  EXPECT_EQ(reported("snapshotFrequency", "error"), "");
}

TEST_F(TwinTest, NamesWhatIsWrong) {
  const struct {
    const char* member;
    const char* message;
  } cases[] = {
      {R"("highPriorityMessageFrequency":{"value":420})", "ISO 8601"},
      {R"("highPriorityMessageFrequency":{"value":"7m"})", "PT7M"},
      {R"("highPriorityMessageFrequency":{"value":"P40D"})", "PT0S to P30D"},
      {R"("highPriorityMessageFrequency":"PT7M")", R"(expected {"value": ...}, found "PT7M")"},
      {R"("snapshotFrequency":{"value":"PT0S"})", "PT1S to P365D"},
      {R"("maxLocalCacheSizeInBytes":{"value":8191})", "8192 to"},
      {R"("maxLocalCacheSizeInBytes":{"value":"8192"})", "a whole number"},
      {R"("maxLocalCacheSizeInBytes":{"value":1e300})", "a whole number"},
      {R"("maxMessageSizeInBytes":{"value":262145})", "8192 to 262144"},
      {R"("maxMessageSizeInBytes":{"value":10000.5})", "a whole number"},
      {R"("eventPriorityLogin":{"value":"Medium"})", "High, Low or Off"},
      {R"("eventPriorityLogin":{"value":true})", "High, Low or Off"},
      {R"("aggregationEnabledProcessCreate":{"value":"true"})", "true or false"},
      {R"("aggregationIntervalConnectionCreate":{"value":"PT-1H"})", "ISO 8601"},
      {R"("fileEventPaths":{"value":["etc"]})", "full path"},
      {R"("fileEventPaths":{"value":"/etc"})", "array"},
      {R"("auditRecordTypes":{"value":["syscall"]})", "SYSCALL"},
      {R"("baselineCustomChecksFileHash":{"value":"abc"})", "SHA-256"},
      {R"("diagnosticSeverity":{"value":"Loud"})", "Warning"},
      {R"("highPriorityMesageFrequency":{"value":"PT7M"})",
       "did you mean highPriorityMessageFrequency?"},
  };
  for (const auto& each : cases) {
    whole(each.member);
    EXPECT_THAT(only_problem().message, HasSubstr(each.message)) << each.member;
    EXPECT_EQ(only_problem().type, ConfigurationErrorType::TypeMismatch) << each.member;
    EXPECT_EQ(now(), Settings()) << each.member;
  }
}

TEST_F(TwinTest, BringsConflictsTogether) {
  whole(R"("highPriorityMessageFrequency":{"value":"PT6H"},
           "lowPriorityMessageFrequency":{"value":"PT5H"})");
  EXPECT_EQ(now().high_frequency, 5h);
  EXPECT_EQ(now().low_frequency, 5h);
  EXPECT_EQ(only_problem().type, ConfigurationErrorType::Conflict);
  EXPECT_EQ(only_problem().key, "highPriorityMessageFrequency");
  EXPECT_EQ(only_problem().used, "PT5H");
  EXPECT_EQ(reported("highPriorityMessageFrequency", "status"), "\"adjusted\"");
  EXPECT_EQ(reported("highPriorityMessageFrequency", "value"), "\"PT5H\"");

  whole(R"("maxLocalCacheSizeInBytes":{"value":16384},"maxMessageSizeInBytes":{"value":65536})");
  EXPECT_EQ(now().max_cache_bytes, 16384U);
  EXPECT_EQ(now().max_message_bytes, 16384U);
  EXPECT_EQ(only_problem().type, ConfigurationErrorType::Conflict);
  EXPECT_EQ(only_problem().key, "maxMessageSizeInBytes");

  whole(R"("baselineCustomChecksEnabled":{"value":true})");
  EXPECT_FALSE(now().baseline_custom_checks);
  EXPECT_EQ(only_problem().type, ConfigurationErrorType::Conflict);
}

TEST_F(TwinTest, UsesWhatIsNotOptimalAndSaysSo) {
  whole(R"("maxMessageSizeInBytes":{"value":10000})");
  EXPECT_EQ(now().max_message_bytes, 10000U);
  EXPECT_EQ(only_problem().type, ConfigurationErrorType::NotOptimal);
  EXPECT_EQ(only_problem().used, "10000");
}

TEST_F(TwinTest, LowNeverOvertakesHighUnlessAsked) {
  whole(R"("highPriorityMessageFrequency":{"value":"PT7M"})");
  EXPECT_EQ(now().low_frequency, 7min);
  EXPECT_THAT(twin_.problems(), IsEmpty());
  whole(R"("lowPriorityMessageFrequency":{"value":"PT5H"})");
  EXPECT_EQ(now().high_frequency, 0s);
  EXPECT_EQ(now().low_frequency, 5h);
}

TEST_F(TwinTest, SomethingThatIsNoObjectChangesNothing) {
  whole(R"("snapshotFrequency":{"value":"PT1H"})");
  ASSERT_TRUE(twin_.take(Twin::Change::Patch, 7, "{\"" + std::string(kObject) + "\":5}"));
  EXPECT_EQ(now().snapshot_frequency, 1h);
  EXPECT_EQ(only_problem().key, kObject);
  EXPECT_FALSE(twin_.take(Twin::Change::Whole, 8, "[]"));
  EXPECT_FALSE(twin_.take(Twin::Change::Whole, 8, "{"));
  EXPECT_FALSE(twin_.take(Twin::Change::Whole, 8, std::string(kMaxDocument + 1, ' ')));
  EXPECT_EQ(twin_.version(), 7);
  EXPECT_EQ(now().snapshot_frequency, 1h);
}

TEST_F(TwinTest, ComesBackFromDiskAsItWas) {
  whole(R"("snapshotFrequency":{"value":"PT1H"},"fileEventPaths":{"value":["/etc","/usr"]})");
  patch(R"("snapshotFrequency":{"value":7},"eventPriorityHeartbeat":{"value":"Off"})");
  Twin again{Settings()};
  ASSERT_TRUE(again.restore(twin_.saved()));
  EXPECT_EQ(again.settings(), now());
  EXPECT_EQ(again.settings().snapshot_frequency, 1h);
  EXPECT_EQ(again.problems(), twin_.problems());
  EXPECT_EQ(again.version(), 2);
  EXPECT_EQ(again.reported().to_json(), twin_.reported().to_json());
  // And takes patches upon it.
  ASSERT_TRUE(again.take(Twin::Change::Patch, 3, ours(R"("processHash":{"value":false})")));
  EXPECT_EQ(again.settings().file_event_paths.size(), 2U);
  for (const char* bad : {"", "{}", "[]", R"({"desired":{},"accepted":4})"}) {
    EXPECT_FALSE(again.restore(bad)) << bad;
    EXPECT_FALSE(again.settings().process_hash);
  }
}

TEST_F(TwinTest, DefaultsOfThisDeviceHoldWhereTheTwinIsSilent) {
  Settings device;
  device.max_cache_bytes = 1U << 20U;
  device.process_create = {true, 5min};
  Twin twin(device);
  ASSERT_TRUE(twin.take(Twin::Change::Whole, 1,
                        ours(R"("aggregationIntervalProcessCreate":{"value":"PT1H"})")));
  EXPECT_EQ(twin.settings().max_cache_bytes, 1U << 20U);
  EXPECT_TRUE(twin.settings().process_create.enabled);
  EXPECT_EQ(twin.settings().process_create.interval, 1h);
}

// Every key, in both its ways: reported as it was set, and back at its default without it.
TEST_F(TwinTest, EachKeyIsSetReportedAndTakenBack) {
  const Settings defaults;
  for (const Key& key : keys()) {
    base::json::Value value;
    switch (key.kind) {
      case Kind::Duration:
        value = std::string("PT17S");
        break;
      case Kind::Integer:
        value = std::int64_t{8192};
        break;
      case Kind::Level:
        value = std::string("Off");
        break;
      case Kind::Severity:
        value = std::string("Debug");
        break;
      case Kind::Flag:
        value = !*key.get(defaults).if_bool();
        break;
      case Kind::Text:
        value = key.name.ends_with("Hash") ? std::string(64, 'a') : std::string("/x");
        break;
      case Kind::Texts:
        value =
            base::json::Value::Array{std::string(key.name == "auditRecordTypes" ? "PATH" : "/x")};
        break;
    }
    std::string members = "\"" + key.name + "\":{\"value\":" + value.to_json() + "}";
    if (key.name == "baselineCustomChecksEnabled") {
      members += R"(,"baselineCustomChecksFilePath":{"value":"/x"},)"
                 R"("baselineCustomChecksFileHash":{"value":")" +
                 std::string(64, 'b') + "\"}";
    }
    if (key.name == "maxLocalCacheSizeInBytes")
      members += R"(,"maxMessageSizeInBytes":{"value":8192})";
    whole(members);
    EXPECT_THAT(twin_.problems(), IsEmpty()) << key.name << twin_.problems().front().message;
    EXPECT_EQ(reported(key.name, "value"), value.to_json());
    EXPECT_EQ(reported(key.name, "status"), "\"desired\"");
    EXPECT_NE(now(), defaults) << key.name;
    whole("");
    EXPECT_EQ(now(), defaults) << key.name;
  }
}

// Whatever comes in whatever order: what is in effect is within the limits of each key, what is
// saved gives the same again, and reported properties say what is in effect.
TEST_F(TwinTest, HoldsItsPromisesForAnySequenceOfChanges) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same each time
  const char* values[] = {"true", "false", "\"PT1S\"", "\"PT2H\"", "\"Off\"",    "\"high\"",
                          "8192", "65536", "-1",       "null",     "[\"/etc\"]", "{}",
                          "\"\"", "10001", "262144",   "1.5",      "\"P1Y\"",    "\"Debug\""};
  const auto pick = [&](std::size_t below) {
    return std::uniform_int_distribution<std::size_t>(0, below - 1)(random);
  };
  for (int step = 0; step < 400; ++step) {
    std::string members;
    for (std::size_t i = 0; i < 1 + pick(4); ++i) {
      const std::string value = values[pick(std::size(values))];
      members += (members.empty() ? "\"" : ",\"") + keys()[pick(keys().size())].name +
                 "\":" + (pick(6) == 0 ? value : "{\"value\":" + value + "}");
    }
    if (pick(4) == 0) {
      whole(members);
    } else {
      patch(members);
    }
    ASSERT_LE(now().max_message_bytes, now().max_cache_bytes);
    ASSERT_LE(now().high_frequency, std::max(now().low_frequency, now().high_frequency));
    ASSERT_GE(now().max_cache_bytes, 8192U);
    Twin again{Settings()};
    ASSERT_TRUE(again.restore(twin_.saved()));
    ASSERT_EQ(again.settings(), now());
    ASSERT_EQ(again.problems(), twin_.problems());
    for (const Key& key : keys()) {
      ASSERT_EQ(reported(key.name, "value"), key.get(now()).to_json());
    }
  }
}

TEST(ParseInterval, ReadsWhatTheTwinsSchemaAllows) {
  const struct {
    const char* text;
    std::chrono::seconds value;
  } good[] = {{"PT7M", 7min},
              {"PT5H", 5h},
              {"P1D", 24h},
              {"P1M", 24h * 30},
              {"P1Y", 24h * 365},
              {"P1Y2M3DT4H", 24h * 428 + 4h},
              {"P1MT1M", 24h * 30 + 1min},
              {"P2W", 24h * 14},
              {"PT0S", 0s}};
  for (const auto& each : good) {
    const auto read = parse_interval(each.text);
    ASSERT_TRUE(read) << each.text;
    EXPECT_EQ(*read, each.value) << each.text;
  }
  for (const char* bad : {"", "P", "PT", "1H", "P1M1Y", "P1Y1Y", "PT1H1H", "P-1M", "P1MT",
                          "P99999999999999999999Y", "PT1", "pt1h"}) {
    EXPECT_FALSE(parse_interval(bad)) << bad;
  }
}

TEST(TableOfKeys, IsInTheDocumentation) {
  const char* source = ::getenv("VEDETTE_SOURCE_DIR");
  ASSERT_NE(source, nullptr) << "VEDETTE_SOURCE_DIR names the clone";
  const auto page = os::read_file(std::string(source) + "/docs/reference/agent-configuration.md");
  ASSERT_TRUE(page);
  EXPECT_THAT(*page, HasSubstr(table_of_keys()))
      << "docs/reference/agent-configuration.md must hold this table:\n"
      << table_of_keys();
}

}  // namespace
}  // namespace agent::settings
