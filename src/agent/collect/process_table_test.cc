#include "agent/collect/process_table.h"

#include <gtest/gtest.h>

namespace agent::collect {
namespace {

std::shared_ptr<const Image> image(const char* executable) {
  return std::make_shared<Image>(Image{executable, executable});
}

TEST(ProcessTable, ChildrenBeginWithTheirParentsImage) {
  ProcessTable table;
  table.exec({10, 100}, {1, 5}, image("/bin/sh"));
  table.fork({11, 110}, {10, 100});
  const auto* child = table.find({11, 110});
  ASSERT_NE(child, nullptr);
  EXPECT_EQ(child->image->executable, "/bin/sh");
  EXPECT_EQ(child->parent.pid, 10U);
  EXPECT_FALSE(child->reported);
  table.exec({11, 110}, {10, 100}, image("/bin/ls"));
  EXPECT_EQ(table.find({11, 110})->image->executable, "/bin/ls");
  EXPECT_TRUE(table.find({11, 110})->reported);
  EXPECT_EQ(table.find({10, 100})->image->executable, "/bin/sh");
}

TEST(ProcessTable, PidsAreUsedAgain) {
  ProcessTable table;
  table.exec({10, 100}, {1, 5}, image("/bin/old"));
  EXPECT_EQ(table.find({10, 200}), nullptr);
  EXPECT_FALSE(table.exit({10, 200}));
  table.exec({10, 200}, {1, 5}, image("/bin/new"));
  EXPECT_EQ(table.find({10, 100}), nullptr);
  EXPECT_EQ(table.find({10, 200})->image->executable, "/bin/new");
  // An unknown start matches.
  EXPECT_EQ(table.find({10, 0})->image->executable, "/bin/new");
  EXPECT_EQ(table.size(), 1U);
}

TEST(ProcessTable, ExitIsToldOnce) {
  ProcessTable table;
  table.exec({10, 100}, {1, 5}, image("/bin/x"));
  const auto ended = table.exit({10, 100});
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->image->executable, "/bin/x");
  EXPECT_FALSE(table.exit({10, 100}));
  EXPECT_EQ(table.size(), 0U);
}

TEST(ProcessTable, TheLeastRecentlyUsedMakesRoom) {
  ProcessTable table(3);
  table.exec({1, 1}, {0, 0}, image("/1"));
  table.exec({2, 2}, {0, 0}, image("/2"));
  table.exec({3, 3}, {0, 0}, image("/3"));
  EXPECT_NE(table.find({1, 1}), nullptr);
  table.exec({4, 4}, {0, 0}, image("/4"));
  EXPECT_EQ(table.size(), 3U);
  EXPECT_EQ(table.evicted(), 1U);
  EXPECT_EQ(table.find({2, 2}), nullptr);
  EXPECT_NE(table.find({1, 1}), nullptr);
  EXPECT_NE(table.find({3, 3}), nullptr);
  EXPECT_NE(table.find({4, 4}), nullptr);
}

TEST(ProcessTable, ForkOfTheOldestWhenFull) {
  ProcessTable table(2);
  table.exec({1, 1}, {0, 0}, image("/parent"));
  table.exec({2, 2}, {0, 0}, image("/other"));
  table.fork({3, 3}, {1, 1});
  EXPECT_EQ(table.find({3, 3})->image->executable, "/parent");
}

// Long life: slots are used again, and links stay whole.
TEST(ProcessTable, SurvivesChurn) {
  ProcessTable table(64);
  for (std::uint32_t i = 1; i < 20'000; ++i) {
    const ProcessId process{i % 977 + 1, i};
    table.exec(process, {1, 1}, image("/x"));
    ASSERT_NE(table.find(process), nullptr);
    if (i % 3 == 0) {
      EXPECT_TRUE(table.exit(process));
    }
    ASSERT_LE(table.size(), 64U);
  }
}

}  // namespace
}  // namespace agent::collect
