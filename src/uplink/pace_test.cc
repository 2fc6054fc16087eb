#include "uplink/pace.h"

#include <gtest/gtest.h>

namespace uplink {
namespace {

using namespace std::chrono_literals;
using base::MonoTime;

constexpr MonoTime kStart{5h};

TEST(Occasions, AreAlwaysWithoutALength) {
  Occasions occasions(0s, kStart);
  occasions.drained();
  EXPECT_TRUE(occasions.due(kStart));
  EXPECT_EQ(occasions.next(), MonoTime::max());
}

TEST(Occasions, ComeEverySoOften) {
  Occasions occasions(10s, kStart);
  EXPECT_TRUE(occasions.due(kStart));  // what an earlier run left
  occasions.drained();
  EXPECT_FALSE(occasions.due(kStart + 9999ms));
  EXPECT_EQ(occasions.next(), kStart + 10s);
  EXPECT_TRUE(occasions.due(kStart + 10s));
  EXPECT_TRUE(occasions.due(kStart + 11s));  // until nothing is left
  occasions.drained();
  EXPECT_FALSE(occasions.due(kStart + 12s));
  // Slept through some: one occasion, and the next where it would have been.
  EXPECT_TRUE(occasions.due(kStart + 47s));
  occasions.drained();
  EXPECT_EQ(occasions.next(), kStart + 50s);
}

TEST(Occasions, ANewLengthCountsFromTheLastOne) {
  Occasions occasions(0s, kStart);
  occasions.set_every(5h, kStart + 1s);
  EXPECT_FALSE(occasions.due(kStart + 2s));
  occasions.set_every(10s, kStart + 5s);
  EXPECT_EQ(occasions.next(), kStart + 11s);
  occasions.set_every(1s, kStart + 6s);
  EXPECT_TRUE(occasions.due(kStart + 6s));
  occasions.drained();
  occasions.set_every(0s, kStart + 6s);
  EXPECT_TRUE(occasions.due(kStart + 6s));
}

TEST(Pace, LetsAFewEventsPass) {
  Pace pace({});
  pace.resumed(255, kStart, 0.9);
  EXPECT_TRUE(pace.may_send(kStart));
}

TEST(Pace, BeginsABacklogLateAndSlowly) {
  Pace pace({.bytes_per_second = 1000, .spread = 4s, .doubling = 10s, .least_events = 10});
  pace.resumed(1000, kStart, 0.5);
  EXPECT_FALSE(pace.may_send(kStart + 1999ms));
  EXPECT_TRUE(pace.may_send(kStart + 2s));
  pace.sent(10, 500, kStart + 2s);
  EXPECT_EQ(pace.next(), kStart + 2500ms);
  EXPECT_FALSE(pace.may_send(kStart + 2499ms));
  pace.sent(10, 1000, kStart + 25s);  // four times as fast by then
  EXPECT_EQ(pace.next(), kStart + 25250ms);
  pace.sent(980, 1'000'000, kStart + 26s);
  EXPECT_TRUE(pace.may_send(kStart + 26s));  // that was all of it
}

// Whatever the sizes: in no stretch of time more than the rate allows, and one message.
TEST(Pace, NeverExceedsItsRate) {
  Pace pace({.bytes_per_second = 10'000, .spread = 0s, .doubling = 1h, .least_events = 1});
  pace.resumed(1'000'000, kStart, 0.99);
  std::uint64_t bytes = 0;
  MonoTime now = kStart;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    now = std::max(now, pace.next());
    ASSERT_TRUE(pace.may_send(now));
    const std::uint64_t size = 1 + i * 7919 % 5000;
    pace.sent(1, size, now);
    bytes += size;
    now += std::chrono::milliseconds(i % 3);
    ASSERT_LE(static_cast<double>(bytes),
              10.0 * static_cast<double>((now - kStart) / 1ms) + 10'000.0);
  }
}

TEST(SyncBudget, BoundsTheSyncsOfADay) {
  const SyncBudget::Options options{
      .bytes_per_day = 86'400'000, .burst = 1'000'000, .cost = 10'000};
  SyncBudget budget(options, kStart);
  MonoTime now = kStart;
  int syncs = 0;
  while (now < kStart + 24h) {
    const auto wait = budget.wait(now);
    now += wait + 20ms;
    budget.spend(now);
    ++syncs;
  }
  // 1000 bytes a second and the burst.
  EXPECT_LE(syncs, (86'400'000 + 1'000'000) / 10'000 + 1);
  EXPECT_GT(syncs, 8500);
  EXPECT_EQ(budget.wait(now + 24h), 0s);
}

TEST(SyncBudget, StreamsAreSyncedNowAndThenAndTheFirstAtOnce) {
  SyncBudget budget({.apart = 250ms}, kStart);
  EXPECT_EQ(budget.wait(kStart), 0ns);
  budget.spend(kStart);
  EXPECT_EQ(budget.wait(kStart + 20ms), 230ms);
  EXPECT_EQ(budget.wait(kStart + 250ms), 0ns);
  EXPECT_EQ(budget.wait(kStart + 1h), 0ns);
}

}  // namespace
}  // namespace uplink
