#include "hub/api/changes.h"

#include <gtest/gtest.h>

namespace hub::api {
namespace {

constexpr base::WallTime kStart{std::chrono::seconds(1000)};
constexpr std::uint64_t kFirst = 1'000'000'001;

TEST(Changes, ReadsOnFromAnId) {
  Changes changes(kStart);
  const std::uint64_t start = changes.last();
  changes.publish("alert", R"({"id":"a"})");
  changes.publish("device", R"({"deviceId":"d"})");
  const auto all = changes.read(start, 1 << 20);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->text,
            "id: 1000000001\nevent: alert\ndata: {\"id\":\"a\"}\n\n"
            "id: 1000000002\nevent: device\ndata: {\"deviceId\":\"d\"}\n\n");
  EXPECT_EQ(all->last, kFirst + 1);
  const auto rest = changes.read(kFirst, 1 << 20);
  EXPECT_EQ(rest->text, "id: 1000000002\nevent: device\ndata: {\"deviceId\":\"d\"}\n\n");
  const auto none = changes.read(kFirst + 1, 1 << 20);
  EXPECT_EQ(none->text, "");
  EXPECT_EQ(none->last, kFirst + 1);
}

TEST(Changes, GivesAtLeastOneEventHoweverSmallTheRoom) {
  Changes changes(kStart);
  const std::uint64_t start = changes.last();
  for (int i = 0; i < 3; ++i)
    changes.publish("alert", "{}");
  const auto one = changes.read(start, 1);
  EXPECT_EQ(one->last, kFirst);
}

TEST(Changes, ForgetsTheOldestAndSaysSo) {
  Changes changes(kStart, 3);
  const std::uint64_t start = changes.last();
  for (int i = 0; i < 3; ++i)
    changes.publish("alert", "{}");
  EXPECT_TRUE(changes.read(start, 1 << 20));
  changes.publish("alert", "{}");
  EXPECT_FALSE(changes.read(start, 1 << 20));
  EXPECT_TRUE(changes.read(start + 1, 1 << 20));
}

TEST(Changes, BoundsTheirBytes) {
  Changes changes(kStart);
  const std::uint64_t start = changes.last();
  const std::string big(1 << 20, 'x');
  for (int i = 0; i < 10; ++i)
    changes.publish("alert", big);
  EXPECT_FALSE(changes.read(start, 1));
  EXPECT_TRUE(changes.read(changes.last() - 3, 1));
}

TEST(Changes, IdsOfAnotherRunAreUnknown) {
  Changes changes(kStart);
  changes.publish("alert", "{}");
  EXPECT_FALSE(changes.read(0, 1));
  EXPECT_FALSE(changes.read(5, 1));
  EXPECT_FALSE(changes.read(changes.last() + 1, 1));
  Changes later(kStart + std::chrono::seconds(1));
  EXPECT_FALSE(later.read(changes.last(), 1));
}

TEST(Changes, WakesSubscribersUntilTheyLeave) {
  Changes changes(kStart);
  int woken = 0;
  const auto subscription = changes.subscribe([&woken] { ++woken; });
  EXPECT_EQ(changes.subscribers(), 1U);
  changes.publish("alert", "{}");
  changes.publish("alert", "{}");
  changes.unsubscribe(subscription);
  changes.publish("alert", "{}");
  EXPECT_EQ(woken, 2);
  EXPECT_EQ(changes.subscribers(), 0U);
}

}  // namespace
}  // namespace hub::api
