#include "detect/changes/silent_devices.h"

#include "detect/changes/changes_testing.h"

namespace detect::changes {
namespace {

using Names = std::vector<std::string>;
constexpr std::int64_t kHour = 3600;
const std::string kSilent = "Device silent: ";

schema::Event heartbeat(std::int64_t second) {
  return event_of<schema::Heartbeat>(second, {schema::Heartbeat()});
}

SilenceOptions after(std::chrono::nanoseconds limit) {
  SilenceOptions options;
  options.after = limit;
  return options;
}

TEST(SilentDevices, AreToldOnceAndHeardAgain) {
  Bench<SilentDevices> bench;
  EXPECT_TRUE(bench.event(heartbeat(0)).empty());
  EXPECT_TRUE(bench.time(71 * kHour).empty());
  const auto found = bench.time(72 * kHour + 60);
  ASSERT_EQ(named(found), Names{kSilent});
  EXPECT_EQ(found[0].device_id, "d1");
  EXPECT_EQ(found[0].module_id, "") << "it is about the device";
  EXPECT_EQ(found[0].rule.severity, Severity::Low);
  EXPECT_NE(found[0].why.find("3 days"), std::string::npos) << found[0].why;
  EXPECT_TRUE(bench.time(100 * kHour).empty());
  EXPECT_EQ(named(bench.event(heartbeat(101 * kHour))), Names{"-" + kSilent});
  EXPECT_TRUE(bench.time(102 * kHour).empty());
  EXPECT_EQ(bench.time(174 * kHour).size(), 1U) << "and silent again";
}

TEST(SilentDevices, OurClockCountsNotTheDevices) {
  Bench<SilentDevices> bench;
  bench.event(heartbeat(-1'000'000), "past", 0);
  bench.event(heartbeat(1'000'000), "future", 0);
  EXPECT_TRUE(bench.time(71 * kHour).empty());
  EXPECT_EQ(bench.time(73 * kHour).size(), 2U);
}

TEST(SilentDevices, TimeThatDoesNotPassMakesNobodySilent) {
  Bench<SilentDevices> bench;
  bench.event(heartbeat(0));
  bench.event(heartbeat(71 * kHour));
  EXPECT_TRUE(bench.time(100 * kHour).empty());
  std::vector<Finding> findings;
  bench.detector().on_end(at(100 * kHour), findings);
  EXPECT_TRUE(findings.empty()) << "a trial that ends";
}

TEST(SilentDevices, ARestartIsNoSilence) {
  SilenceOptions options;
  options.largest_step = std::chrono::minutes(5);
  Bench<SilentDevices> bench(options);
  bench.event(heartbeat(0));
  for (int minute = 0; minute <= 60; ++minute)
    EXPECT_TRUE(bench.time(minute * 60).empty());
  bench.restart();
  // The hub was away for five days.
  const std::int64_t back = 121 * kHour;
  for (std::int64_t minute = 0; minute < 70 * 60; ++minute)
    ASSERT_TRUE(bench.time(back + minute * 60).empty()) << minute;
  std::size_t told = 0;
  for (std::int64_t minute = 70 * 60; minute < 74 * 60; ++minute)
    told += bench.time(back + minute * 60).size();
  EXPECT_EQ(told, 1U);
}

TEST(SilentDevices, AnAlertIsEndedAfterARestart) {
  Bench<SilentDevices> bench;
  bench.event(heartbeat(0));
  EXPECT_EQ(bench.time(80 * kHour).size(), 1U);
  bench.restart();
  EXPECT_TRUE(bench.time(81 * kHour).empty()) << "said before";
  EXPECT_EQ(named(bench.event(heartbeat(82 * kHour))), Names{"-" + kSilent});
}

TEST(SilentDevices, WhenOneWasHeardIsKeptNowAndThen) {
  Bench<SilentDevices> bench;
  std::size_t changes = 0;
  for (int second = 0; second < 10 * kHour; second += 10) {
    bench.event(heartbeat(second));
    std::vector<MemoryChange> kept;
    bench.detector().save(kept);
    changes += kept.size();
  }
  EXPECT_EQ(changes, 10U) << "an hour is a 72nd of three days";
}

TEST(SilentDevices, ThatAreExcusedOrGoneAreNotTold) {
  auto standing = std::make_shared<Standing>();
  SilenceOptions options;
  options.standing = [standing](std::string_view device) {
    EXPECT_EQ(device, "d1");
    return *standing;
  };
  Bench<SilentDevices> bench(options);
  bench.event(heartbeat(0));
  standing->excused = true;
  standing->since = at(10 * kHour);
  EXPECT_TRUE(bench.time(73 * kHour).empty());
  EXPECT_TRUE(bench.time(500 * kHour).empty());
  standing->excused = false;
  standing->since = at(501 * kHour);
  EXPECT_TRUE(bench.time(502 * kHour).empty()) << "it has time to come back";
  bench.restart();
  EXPECT_TRUE(bench.time(572 * kHour).empty());
  EXPECT_EQ(bench.time(575 * kHour).size(), 1U);
  standing->exists = false;
  Bench<SilentDevices> other(options);
  other.event(heartbeat(0));
  EXPECT_TRUE(other.time(80 * kHour).empty());
  standing->exists = true;
  EXPECT_TRUE(other.time(90 * kHour).empty()) << "it was forgotten";
}

TEST(SilentDevices, BeginWithTheirModuleAndEndWithTheDevice) {
  Bench<SilentDevices> bench;
  bench.operation(0, "create", "d1");
  bench.operation(0, "create", "d2", "pump");
  bench.operation(0, "create", "d3", "azureiotsecurity");
  const auto found = bench.time(73 * kHour);
  ASSERT_EQ(found.size(), 1U) << "only one was to report";
  EXPECT_EQ(found[0].device_id, "d3");
  EXPECT_EQ(named(bench.operation(74 * kHour, "delete", "d3")), Names{"-" + kSilent});
  EXPECT_TRUE(bench.event(heartbeat(75 * kHour), "d3").empty());
}

TEST(SilentDevices, ShortLimitsWork) {
  Bench<SilentDevices> bench(after(std::chrono::seconds(3)));
  bench.event(heartbeat(0));
  EXPECT_TRUE(bench.time(2).empty());
  EXPECT_EQ(bench.time(4).size(), 1U);
}

TEST(SilentDevices, DamagedMemoryIsFound) {
  Bench<SilentDevices> bench;
  bench.event(heartbeat(0));
  bench.time(kHour);
  bench.expect_damage_is_found();
}

}  // namespace
}  // namespace detect::changes
