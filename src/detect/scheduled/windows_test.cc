#include "detect/scheduled/windows.h"

#include <gtest/gtest.h>

namespace detect::scheduled {
namespace {

using namespace std::chrono_literals;

constexpr base::WallTime kLast = base::WallTime(std::chrono::hours(500'000));

TEST(Windows, ARuleIsDueOneFrequencyAfterItsLastWindow) {
  const Timing timing{5min, 1h, 24h};
  EXPECT_FALSE(next_window(kLast, kLast + 299s, timing));
  const auto window = next_window(kLast, kLast + 300s, timing);
  ASSERT_TRUE(window);
  EXPECT_EQ(window->to, kLast + 5min);
  EXPECT_EQ(window->from, kLast - 55min);
  EXPECT_EQ(window->skipped, 0U);
}

TEST(Windows, AMomentLateChangesNothing) {
  const auto window = next_window(kLast, kLast + 5min + 7s, {5min, 5min, 24h});
  ASSERT_TRUE(window);
  EXPECT_EQ(window->from, kLast);
  EXPECT_EQ(window->to, kLast + 5min);
}

// Whatever was missed is looked at, and nothing of it twice when windows do not overlap.
TEST(Windows, WhatWasMissedIsMadeUpForWithoutAGap) {
  for (const Timing& timing : {Timing{5min, 5min, 24h}, Timing{5min, 1h, 24h}}) {
    const base::WallTime now = kLast + 3h + 2min;
    base::WallTime last = kLast;
    int runs = 0;
    while (const auto window = next_window(last, now, timing)) {
      EXPECT_LE(window->from, last);
      EXPECT_GT(window->to, last);
      EXPECT_LE(window->to, now);
      EXPECT_EQ(window->skipped, 0U);
      last = window->to;
      ++runs;
    }
    EXPECT_GE(last, now - 5min);
    EXPECT_EQ(runs, timing.period == 1h ? 3 : 36);
  }
}

TEST(Windows, WhatIsTooLongAgoIsSkippedAndCounted) {
  const auto window = next_window(kLast, kLast + 30h, {1h, 1h, 24h});
  ASSERT_TRUE(window);
  EXPECT_EQ(window->skipped, 6U);
  EXPECT_EQ(window->from, kLast + 6h);
  EXPECT_EQ(window->to, kLast + 7h);
}

TEST(Windows, AWindowLongerThanTheCatchUpIsStillWhole) {
  const auto window = next_window(kLast, kLast + 20 * 24h, {24h, 14 * 24h, 24h});
  ASSERT_TRUE(window);
  EXPECT_EQ(window->to - window->from, 14 * 24h);
  EXPECT_EQ(window->skipped, 6U);
}

TEST(Windows, AClockThatStepsBackMakesNothingDue) {
  EXPECT_FALSE(next_window(kLast, kLast - 3h, {5min, 5min, 24h}));
}

}  // namespace
}  // namespace detect::scheduled
