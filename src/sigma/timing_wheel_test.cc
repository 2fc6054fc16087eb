#include "sigma/timing_wheel.h"

#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace sigma {
namespace {

TEST(TimingWheel, HandsOutWhatIsDueWhenItIs) {
  TimingWheel wheel;
  wheel.start(1'700'000'000);
  TimingWheel::Hook a;
  TimingWheel::Hook b;
  wheel.set(a, wheel.now() + 5);
  wheel.set(b, wheel.now() + 300);
  EXPECT_EQ(wheel.next_due(1'700'000'004), nullptr);
  EXPECT_EQ(wheel.next_due(1'700'000'005), &a);
  EXPECT_FALSE(TimingWheel::has(a));
  EXPECT_EQ(wheel.next_due(1'700'000'299), nullptr);
  wheel.set(b, 1'700'000'310);
  EXPECT_EQ(wheel.next_due(1'700'000'309), nullptr);
  EXPECT_EQ(wheel.next_due(1'700'000'310), &b);
  EXPECT_TRUE(wheel.empty());
  EXPECT_EQ(wheel.next_due(1'800'000'000), nullptr);
  EXPECT_EQ(wheel.now(), 1'800'000'000U);
}

// Against a sorted map, with everything that may happen to a timer, near and very far.
TEST(TimingWheel, AVeryLongPauseIsNoWork) {
  TimingWheel wheel;
  wheel.start(1);
  std::vector<TimingWheel::Hook> hooks(3);
  wheel.set(hooks[0], 5);
  wheel.set(hooks[1], std::uint64_t{1} << 35U);
  wheel.set(hooks[2], std::uint64_t{1} << 40U);
  std::size_t due = 0;
  while (wheel.next_due(std::uint64_t{1} << 36U) != nullptr)
    ++due;
  EXPECT_EQ(due, 2U);
  EXPECT_TRUE(TimingWheel::has(hooks[2]));
  wheel.remove(hooks[2]);
}

TEST(TimingWheel, AgreesWithASortedMap) {
  std::minstd_rand random(11);
  TimingWheel wheel;
  std::uint64_t now = 12'345;
  wheel.start(now);
  std::vector<TimingWheel::Hook> hooks(200);
  std::multimap<std::uint64_t, TimingWheel::Hook*> expected;
  const auto forget = [&](const TimingWheel::Hook* hook) {
    std::erase_if(expected, [&](const auto& entry) { return entry.second == hook; });
  };
  std::size_t handed_out = 0;
  for (int round = 0; round < 20'000; ++round) {
    TimingWheel::Hook& hook = hooks[random() % hooks.size()];
    const auto what = random() % 10;
    if (what < 5) {
      const std::uint64_t span = std::uint64_t{1} << (random() % 30);
      const std::uint64_t due = now + random() % span;
      forget(&hook);
      wheel.set(hook, due);
      expected.emplace(std::max(due, now + 1), &hook);
    } else if (what == 5) {
      forget(&hook);
      wheel.remove(hook);
      EXPECT_FALSE(TimingWheel::has(hook));
    } else {
      now += random() % (std::uint64_t{1} << (random() % 18));
      std::uint64_t last = 0;
      while (TimingWheel::Hook* due = wheel.next_due(now)) {
        ++handed_out;
        const auto entry =
            std::ranges::find_if(expected, [&](const auto& one) { return one.second == due; });
        ASSERT_NE(entry, expected.end());
        ASSERT_LE(entry->first, now);
        ASSERT_GE(entry->first, last) << "in order";
        last = entry->first;
        expected.erase(entry);
      }
      ASSERT_TRUE(expected.empty() || expected.begin()->first > now) << round;
    }
    ASSERT_EQ(wheel.empty(), expected.empty());
  }
  EXPECT_GT(handed_out, 2000U);
  for (TimingWheel::Hook& hook : hooks)
    wheel.remove(hook);
}

}  // namespace
}  // namespace sigma
