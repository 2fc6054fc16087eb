#include "sensor/flow/table.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace sensor::flow {

namespace {

Key key_of(std::uint32_t number) {
  Key key;
  key.low[0] = static_cast<std::uint8_t>(number);
  key.high[0] = static_cast<std::uint8_t>(number >> 8U);
  return key;
}

}  // namespace

// Beside a map that does the same.
TEST(Table, FindsWhatIsThereAndNothingElse) {
  Table table(500);
  std::map<std::uint32_t, std::uint32_t> there;
  std::mt19937 random(3);  // NOLINT(bugprone-random-generator-seed): the same each time
  for (int i = 0; i < 20000; ++i) {
    const auto number = static_cast<std::uint32_t>(random() % 700);
    const Key key = key_of(number);
    const std::uint64_t hash = table.hash(key);
    const std::uint32_t found = table.find(key, hash);
    const auto known = there.find(number);
    ASSERT_EQ(found, known == there.end() ? Table::kNone : known->second);
    if (found != Table::kNone) {
      table.remove(found);
      there.erase(known);
    } else if (!table.full()) {
      there[number] = table.add(key, hash, Class::Datagram);
    }
    ASSERT_EQ(table.size(), there.size());
  }
}

TEST(Table, KnowsTheOldestOfEachClass) {
  Table table(10);
  std::uint32_t at[4];
  for (std::uint32_t i = 0; i < 4; ++i)
    at[i] = table.add(key_of(i), table.hash(key_of(i)), Class::Stream);
  EXPECT_EQ(table.oldest(Class::Stream), at[0]);
  table.touch(at[0], Class::Stream);
  EXPECT_EQ(table.oldest(Class::Stream), at[1]);
  table.touch(at[2], Class::Industrial);
  table.remove(at[1]);
  EXPECT_EQ(table.oldest(Class::Stream), at[3]);
  EXPECT_EQ(table.oldest(Class::Industrial), at[2]);
  EXPECT_EQ(table.dispensable(), at[3]);
  table.remove(at[3]);
  table.remove(at[0]);
  EXPECT_EQ(table.oldest(Class::Stream), Table::kNone);
  EXPECT_EQ(table.dispensable(), at[2]);
}

}  // namespace sensor::flow
