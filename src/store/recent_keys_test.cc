#include "store/recent_keys.h"

#include <gtest/gtest.h>

namespace store {
namespace {

KeyDigest key(std::uint64_t number) {
  return {number * 0x9E3779B97F4A7C15ULL, number};
}

TEST(RecentKeys, KnowsWhatItTook) {
  RecentKeys keys;
  EXPECT_FALSE(keys.contains(key(1)));
  for (std::uint64_t i = 0; i < 10'000; ++i)
    EXPECT_TRUE(keys.insert(key(i), 5));
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    EXPECT_FALSE(keys.insert(key(i), 5));
    EXPECT_TRUE(keys.contains(key(i)));
  }
  EXPECT_FALSE(keys.contains(key(10'000)));
  EXPECT_EQ(keys.size(), 10'000U);
}

TEST(RecentKeys, TheZeroDigestIsAKeyToo) {
  RecentKeys keys;
  EXPECT_TRUE(keys.insert({0, 0}, 1));
  EXPECT_FALSE(keys.insert({0, 0}, 1));
  EXPECT_TRUE(keys.contains({0, 0}));
}

TEST(RecentKeys, ShrinkForgetsTheOldestAndSaysSo) {
  RecentKeys keys;
  for (std::uint64_t i = 0; i < 1000; ++i)
    keys.insert(key(i), static_cast<kql::Ticks>(i));
  keys.shrink(1000);
  EXPECT_EQ(keys.size(), 1000U) << "nothing to do at the limit";
  keys.shrink(999);
  EXPECT_LE(keys.size(), 500U);
  EXPECT_GE(keys.size(), 490U);
  // Complete from the horizon on, and only from there.
  for (std::uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(keys.contains(key(i)), static_cast<kql::Ticks>(i) >= keys.horizon()) << i;
  }
}

TEST(RecentKeys, ShrinkWorksWhenAllTimesAreEqual) {
  RecentKeys keys;
  for (std::uint64_t i = 0; i < 100; ++i)
    keys.insert(key(i), 7);
  keys.shrink(10);
  EXPECT_EQ(keys.size(), 0U);
  EXPECT_EQ(keys.horizon(), 8);
}

TEST(RecentKeys, DigestsTellTheirPartsApart) {
  const auto id = base::Guid::derived("test", "id");
  const auto digest = event_digest("ab", "c", id);
  EXPECT_EQ(digest, event_digest("ab", "c", id));
  EXPECT_NE(digest, event_digest("a", "bc", id));
  EXPECT_NE(digest, event_digest("ab", "", id));
  EXPECT_NE(digest, event_digest("ab", "c", base::Guid::derived("test", "other")));
  EXPECT_NE(item_digest(digest, 0), item_digest(digest, 1));
}

}  // namespace
}  // namespace store
