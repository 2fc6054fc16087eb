#include "hub/limits/limits.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <stdlib.h>

#include "hub/limits/usage_table.h"

namespace hub::limits {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = Decision::Verdict;

constexpr Who kOne{"d1", ""};
constexpr Who kOther{"d2", ""};
const base::WallTime kNoon{std::chrono::hours(24) * 20'000 + std::chrono::hours(12)};

class LimitsTest : public testing::Test {
 protected:
  Decision check(Limits& limits, Kind kind = Kind::Telemetry, Who who = kOne,
                 std::size_t bytes = 100) {
    return limits.check(kind, who, bytes, base::MonoTime(mono_), wall_);
  }
  static double& rate(Rates& rates, Kind kind) { return rates[static_cast<std::size_t>(kind)]; }

  std::chrono::nanoseconds mono_ = seconds(1000);
  base::WallTime wall_ = kNoon;
  Settings settings_;
};

TEST_F(LimitsTest, WithoutLimitsEverythingPassesAndIsMetered) {
  Limits limits(settings_);
  for (int i = 0; i < 100'000; ++i)
    ASSERT_EQ(check(limits).verdict, Verdict::Pass);
  EXPECT_EQ(limits.usage(wall_).units, 100'000U);
}

TEST_F(LimitsTest, FirstABurstThenDelaysThenRefusals) {
  rate(settings_.hub, Kind::Telemetry) = 10;
  settings_.burst = seconds(2);
  settings_.max_delay = seconds(1);
  Limits limits(settings_);
  for (int i = 0; i < 20; ++i)
    ASSERT_EQ(check(limits).verdict, Verdict::Pass) << i;
  for (int i = 1; i <= 10; ++i) {
    const Decision decision = check(limits);
    ASSERT_EQ(decision.verdict, Verdict::Delay) << i;
    EXPECT_EQ(decision.delay, milliseconds(100) * i);
  }
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(check(limits).verdict, Verdict::Throttled);
  // What was refused cost nothing: a tenth of a second later there is room for one more.
  mono_ += milliseconds(100);
  EXPECT_EQ(check(limits).verdict, Verdict::Delay);
  EXPECT_EQ(check(limits).verdict, Verdict::Throttled);
  mono_ += seconds(3);
  for (int i = 0; i < 20; ++i)
    ASSERT_EQ(check(limits).verdict, Verdict::Pass) << i;
  EXPECT_EQ(check(limits).verdict, Verdict::Delay);
  EXPECT_EQ(limits.counters().passed[0].value(), 40U);
  EXPECT_EQ(limits.counters().delayed[0].value(), 12U);
  EXPECT_EQ(limits.counters().throttled[0].value(), 6U);
  EXPECT_EQ(limits.usage(wall_).units, 52U);
}

TEST_F(LimitsTest, OverALongTimeTheRateIsKept) {
  rate(settings_.hub, Kind::Telemetry) = 100;
  settings_.max_delay = seconds(0);
  Limits limits(settings_);
  int passed = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (check(limits).permitted()) ++passed;
    mono_ += milliseconds(1);
  }
  // A hundred seconds at 100 a second, and the burst of five seconds.
  EXPECT_NEAR(passed, 10'000 + 500, 1);
}

TEST_F(LimitsTest, OneAtLeastPassesHoweverSlowTheRate) {
  rate(settings_.hub, Kind::Configuration) = 1.0 / 3600;
  settings_.burst = seconds(0);
  settings_.max_delay = seconds(0);
  Limits limits(settings_);
  EXPECT_EQ(check(limits, Kind::Configuration).verdict, Verdict::Pass);
  EXPECT_EQ(check(limits, Kind::Configuration).verdict, Verdict::Throttled);
  mono_ += std::chrono::hours(1);
  EXPECT_EQ(check(limits, Kind::Configuration).verdict, Verdict::Pass);
}

TEST_F(LimitsTest, IdentitiesAndKindsAreCountedApart) {
  rate(settings_.identity, Kind::Telemetry) = 1;
  rate(settings_.identity, Kind::TwinRead) = 1;
  settings_.burst = seconds(1);
  settings_.max_delay = seconds(0);
  Limits limits(settings_);
  for (const Who who : {kOne, kOther, Who{"d1", "m1"}}) {
    for (const Kind kind : {Kind::Telemetry, Kind::TwinRead}) {
      EXPECT_EQ(check(limits, kind, who).verdict, Verdict::Pass);
      EXPECT_EQ(check(limits, kind, who).verdict, Verdict::Throttled);
    }
  }
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(check(limits, Kind::TwinRead, {}).verdict, Verdict::Pass) << "a service's";
}

TEST_F(LimitsTest, WhatTheHubRefusesCostsTheIdentityNothing) {
  rate(settings_.identity, Kind::Telemetry) = 1;
  rate(settings_.hub, Kind::Telemetry) = 1;
  settings_.burst = seconds(1);
  settings_.max_delay = seconds(0);
  Limits limits(settings_);
  EXPECT_EQ(check(limits, Kind::Telemetry, kOther).verdict, Verdict::Pass);
  EXPECT_EQ(check(limits).verdict, Verdict::Throttled);
  mono_ += seconds(1);
  EXPECT_EQ(check(limits).verdict, Verdict::Pass);
}

TEST_F(LimitsTest, MethodsCountByTheirBlocks) {
  rate(settings_.hub, Kind::Method) = 10;
  settings_.burst = seconds(1);
  settings_.max_delay = seconds(0);
  Limits limits(settings_);
  EXPECT_EQ(check(limits, Kind::Method, kOne, 8 * 4096).units, 8U);
  EXPECT_EQ(check(limits, Kind::Method, kOne, 3 * 4096).verdict, Verdict::Throttled);
  EXPECT_EQ(check(limits, Kind::Method, kOne, 2 * 4096).verdict, Verdict::Pass);
}

TEST_F(LimitsTest, MetersInBlocks) {
  const std::pair<std::size_t, std::uint64_t> cases[] = {
      {0, 1}, {1, 1}, {4096, 1}, {4097, 2}, {256U * 1024, 64}};
  const Limits limits(settings_);
  for (const auto& [bytes, units] : cases)
    EXPECT_EQ(limits.units_of(bytes), units) << bytes;
  const Limits free(settings_of(Tier::Free, 1));
  EXPECT_EQ(free.units_of(513), 2U);
}

TEST_F(LimitsTest, TheDaysQuotaEndsAtMidnight) {
  settings_.daily_units = 10;
  Limits limits(settings_);
  EXPECT_EQ(check(limits, Kind::Telemetry, kOne, 8 * 4096).units, 8U);
  EXPECT_EQ(check(limits, Kind::Telemetry, kOne, 3 * 4096).verdict, Verdict::Quota);
  EXPECT_EQ(check(limits, Kind::CommandSend, kOne, 2 * 4096).verdict, Verdict::Pass);
  EXPECT_EQ(check(limits).verdict, Verdict::Quota);
  EXPECT_EQ(check(limits, Kind::Connect).verdict, Verdict::Pass) << "is no message";
  EXPECT_EQ(limits.counters().quota_refused.value(), 2U);
  wall_ += std::chrono::hours(12) - std::chrono::nanoseconds(1);
  EXPECT_EQ(check(limits).verdict, Verdict::Quota);
  wall_ += std::chrono::nanoseconds(1);
  EXPECT_EQ(check(limits).verdict, Verdict::Pass);
  EXPECT_EQ(limits.usage(wall_).units, 1U);
}

TEST_F(LimitsTest, AClockThatGoesBackGivesNoDayTwice) {
  settings_.daily_units = 1;
  Limits limits(settings_);
  EXPECT_EQ(check(limits).verdict, Verdict::Pass);
  wall_ -= std::chrono::hours(13);
  EXPECT_EQ(check(limits).verdict, Verdict::Quota);
  // One that had been years ahead must not stop the count for years.
  wall_ -= std::chrono::hours(24 * 400);
  EXPECT_EQ(check(limits).verdict, Verdict::Pass);
}

TEST_F(LimitsTest, ThrottledMessagesDoNotUseTheQuota) {
  settings_.daily_units = 100;
  rate(settings_.hub, Kind::Telemetry) = 1;
  settings_.burst = seconds(1);
  settings_.max_delay = seconds(0);
  Limits limits(settings_);
  for (int i = 0; i < 50; ++i)
    check(limits);
  EXPECT_EQ(limits.usage(wall_).units, 1U);
}

TEST_F(LimitsTest, MayBeAskedByManyThreads) {
  rate(settings_.hub, Kind::Telemetry) = 1000;
  rate(settings_.identity, Kind::Telemetry) = 1000;
  settings_.burst = seconds(1);
  settings_.max_delay = seconds(0);
  settings_.daily_units = 900;
  Limits limits(settings_);
  std::atomic<int> passed = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 500; ++j) {
          if (check(limits).permitted()) ++passed;
        }
      });
    }
  }
  EXPECT_EQ(passed, 900);
}

TEST_F(LimitsTest, ForgetsIdentitiesThatAreQuiet) {
  rate(settings_.identity, Kind::Telemetry) = 1;
  Limits limits(settings_);
  std::string id;
  for (std::size_t i = 0; i < Limits::kMaxTracked * 3 / 2; ++i) {
    id = std::to_string(i);
    check(limits, Kind::Telemetry, {id, ""});
    mono_ += std::chrono::microseconds(20);
  }
  EXPECT_EQ(limits.counters().untracked.value(), 0U);
}

TEST(SettingsOf, GrowWithTheUnits) {
  const auto telemetry = [](Tier tier, unsigned units) { return settings_of(tier, units).hub[0]; };
  EXPECT_EQ(telemetry(Tier::None, 1), 0);
  EXPECT_EQ(telemetry(Tier::Free, 1), 100);
  EXPECT_EQ(telemetry(Tier::S1, 1), 100);
  EXPECT_EQ(telemetry(Tier::S1, 20), 240);
  EXPECT_EQ(telemetry(Tier::S2, 2), 240);
  EXPECT_EQ(telemetry(Tier::S3, 3), 18'000);
  EXPECT_EQ(settings_of(Tier::S1, 2).daily_units, 800'000U);
  EXPECT_EQ(settings_of(Tier::S3, 1).daily_units, 300'000'000U);
  EXPECT_EQ(parse_tier("s2"), Tier::S2);
  EXPECT_EQ(parse_tier("S9"), std::nullopt);
  for (std::size_t i = 0; i < kKinds; ++i) {
    const auto kind = static_cast<Kind>(i);
    EXPECT_EQ(parse_kind(to_string(kind)), kind);
    EXPECT_GT(settings_of(Tier::S1, 1).hub[i], 0) << to_string(kind);
  }
}

TEST(SettingsOf, FairLimitsIdentitiesOnly) {
  const Settings fair = settings_of(Tier::Fair, 1);
  EXPECT_EQ(fair.hub, Rates{});
  EXPECT_EQ(fair.daily_units, 0U);
  // What devices do of their own accord.
  for (const Kind kind : {Kind::Telemetry, Kind::Connect, Kind::TwinRead, Kind::TwinUpdate,
                          Kind::CommandReceive, Kind::Upload})
    EXPECT_GT(fair.identity[static_cast<std::size_t>(kind)], 0) << to_string(kind);
  for (const std::string_view tier : kTiers)
    EXPECT_TRUE(parse_tier(tier).has_value()) << tier;
}

TEST(UsageTable, SurvivesARestart) {
  std::string pattern = testing::TempDir() + "usage.XXXXXX";
  const std::string path = std::string(::mkdtemp(pattern.data())) + "/state.db";
  const Usage usage{20'000, 12'345};
  {
    auto table = UsageTable::open(path).value();
    EXPECT_EQ(table.latest()->units, 0U);
    ASSERT_TRUE(table.store({20'000 - UsageTable::kKeptDays - 1, 5}).has_value());
    ASSERT_TRUE(table.store({19'999, 7}).has_value());
    ASSERT_TRUE(table.store({20'000, 1}).has_value());
    ASSERT_TRUE(table.store(usage).has_value());
  }
  auto table = UsageTable::open(path).value();
  EXPECT_EQ(table.days(10)->size(), 2U);
  Limits limits({});
  limits.restore(table.latest().value());
  EXPECT_EQ(limits.usage(kNoon).units, 12'345U);
  EXPECT_EQ(limits.usage(kNoon + std::chrono::hours(24)).units, 0U);
}

}  // namespace
}  // namespace hub::limits
