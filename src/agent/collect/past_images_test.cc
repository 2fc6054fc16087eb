#include "agent/collect/past_images.h"

#include <gtest/gtest.h>

namespace agent::collect {
namespace {

using namespace std::chrono_literals;

ProcessTable::Entry entry(std::uint32_t pid, const char* executable, std::chrono::seconds since) {
  ProcessTable::Entry one;
  one.process = {pid, pid * 10ULL};
  one.image = std::make_shared<Image>(Image{executable, executable});
  one.since = base::WallTime(since);
  return one;
}

TEST(PastImages, AnswersForTheMomentThatIsAskedFor) {
  PastImages past;
  past.keep(entry(7, "/bin/sh", 10s));
  past.keep(entry(8, "/bin/other", 11s));
  past.keep(entry(7, "/bin/nc", 20s));
  EXPECT_EQ(past.find(7, base::WallTime(9s)), nullptr);
  EXPECT_EQ(past.find(7, base::WallTime(15s))->image->executable, "/bin/sh");
  EXPECT_EQ(past.find(7, base::WallTime(20s))->image->executable, "/bin/nc");
  EXPECT_EQ(past.find(9, base::WallTime(20s)), nullptr);
}

TEST(PastImages, TheOldestMakesRoom) {
  PastImages past(2);
  past.keep(entry(1, "/bin/a", 1s));
  past.keep(entry(2, "/bin/b", 2s));
  past.keep(entry(3, "/bin/c", 3s));
  EXPECT_EQ(past.find(1, base::WallTime(9s)), nullptr);
  EXPECT_NE(past.find(2, base::WallTime(9s)), nullptr);
  EXPECT_NE(past.find(3, base::WallTime(9s)), nullptr);
}

TEST(PastImages, AProgramThatAlwaysRunsDoesNotWashOutTheRare) {
  PastImages past(8, 3);
  past.keep(entry(1, "/usr/bin/su", 1s));
  for (std::uint32_t i = 0; i < 100; ++i) {
    past.keep(entry(100 + i, "/bin/true", std::chrono::seconds(2 + i)));
    past.keep(entry(300 + i, "/bin/sleep", std::chrono::seconds(2 + i)));
  }
  const auto later = base::WallTime(1000s);
  ASSERT_NE(past.find(1, later), nullptr);
  EXPECT_EQ(past.find(1, later)->image->executable, "/usr/bin/su");
  EXPECT_EQ(past.find(196, later), nullptr);
  for (const std::uint32_t pid : {197U, 198U, 199U})
    EXPECT_NE(past.find(pid, later), nullptr) << pid;
  // Many programs: the oldest of all goes, whosever it is.
  for (std::uint32_t i = 0; i < 7; ++i)
    past.keep(entry(500 + i, std::to_string(i).c_str(), std::chrono::seconds(200 + i)));
  EXPECT_EQ(past.find(1, later), nullptr);
  EXPECT_EQ(past.find(198, later), nullptr);
  EXPECT_NE(past.find(500, later), nullptr);
}

TEST(PastImages, AnEntryWithoutAnImageSaysNothing) {
  PastImages past;
  ProcessTable::Entry none = entry(1, "/bin/a", 1s);
  none.image = nullptr;
  past.keep(none);
  EXPECT_EQ(past.find(1, base::WallTime(9s)), nullptr);
}

}  // namespace
}  // namespace agent::collect
