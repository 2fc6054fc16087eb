#include "agent/collect/thread_groups.h"

#include <gtest/gtest.h>

namespace agent::collect {
namespace {

TEST(ThreadGroups, SingleThread) {
  ThreadGroups groups;
  EXPECT_EQ(groups.thread_ended(10, 10, 0x300), 0x300);
}

TEST(ThreadGroups, EndsWithTheLastThread) {
  ThreadGroups groups;
  groups.thread_started(10);
  groups.thread_started(10);
  EXPECT_EQ(groups.thread_ended(11, 10, 0), std::nullopt);
  // The first thread ended by itself; another one ends the process.
  EXPECT_EQ(groups.thread_ended(10, 10, 0), std::nullopt);
  EXPECT_EQ(groups.thread_ended(12, 10, 0x500), 0x500);
  // Another process of that pid begins anew.
  EXPECT_EQ(groups.thread_ended(10, 10, 0x100), 0x100);
}

TEST(ThreadGroups, FirstThreadLast) {
  ThreadGroups groups;
  groups.thread_started(10);
  EXPECT_EQ(groups.thread_ended(11, 10, 9), std::nullopt);
  EXPECT_EQ(groups.thread_ended(10, 10, 9), 9);
}

TEST(ThreadGroups, ExecFromAThread) {
  ThreadGroups groups;
  groups.thread_started(10);
  // The kernel ends the first thread; the one that called exec takes its place and its id.
  EXPECT_EQ(groups.thread_ended(10, 10, 0), std::nullopt);
  groups.execed(10);
  EXPECT_EQ(groups.thread_ended(10, 10, 0x700), 0x700);
}

TEST(ThreadGroups, ThreadsFromBefore) {
  ThreadGroups groups;
  groups.seed(10, 2);
  groups.seed(20, 1);
  EXPECT_EQ(groups.thread_ended(10, 10, 0), std::nullopt);
  EXPECT_EQ(groups.thread_ended(11, 10, 0), 0);
  EXPECT_EQ(groups.thread_ended(20, 20, 0), 0);
}

TEST(ThreadGroups, UnknownThreadsMeanNothing) {
  ThreadGroups groups;
  EXPECT_EQ(groups.thread_ended(11, 10, 0), std::nullopt);
}

}  // namespace
}  // namespace agent::collect
