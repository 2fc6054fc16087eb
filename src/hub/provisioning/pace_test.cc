#include "hub/provisioning/pace.h"

#include <gtest/gtest.h>

namespace hub::provisioning {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Pace, LetsAsManyAsTheRateSaysAndThenOneAtATime) {
  Pace pace({5, seconds(10)});
  const base::MonoTime start{};
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(pace.take("a", start)) << i;
  EXPECT_FALSE(pace.take("a", start));
  EXPECT_TRUE(pace.take("b", start));  // has its own
  EXPECT_FALSE(pace.take("a", start + milliseconds(1'900)));
  EXPECT_TRUE(pace.take("a", start + milliseconds(2'000)));
  EXPECT_FALSE(pace.take("a", start + milliseconds(2'001)));
  // Never more than the rate's count at once, however long it was quiet.
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(pace.take("a", start + seconds(1'000))) << i;
  EXPECT_FALSE(pace.take("a", start + seconds(1'000)));
}

TEST(Pace, HoldsABoundedNumberOfNames) {
  Pace pace({1, seconds(10)});
  const base::MonoTime start{};
  for (std::size_t i = 0; i < Pace::kMaxNames; ++i)
    pace.take(std::to_string(i), start);
  EXPECT_EQ(pace.names(), Pace::kMaxNames);
  pace.take("late", start + seconds(10));  // the others are as good as new
  EXPECT_EQ(pace.names(), 1U);
  for (std::size_t i = 0; i < Pace::kMaxNames + 5; ++i)
    pace.take(std::to_string(i), start + seconds(11));
  EXPECT_LE(pace.names(), Pace::kMaxNames);
}

}  // namespace
}  // namespace hub::provisioning
