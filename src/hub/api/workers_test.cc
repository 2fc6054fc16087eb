#include "hub/api/workers.h"

#include <atomic>
#include <filesystem>
#include <latch>

#include <gtest/gtest.h>
#include <unistd.h>

namespace hub::api {
namespace {

class WorkersTest : public ::testing::Test {
 protected:
  WorkersTest() {
    std::string pattern = ::testing::TempDir() + "workers.XXXXXX";
    dir_ = ::mkdtemp(pattern.data());
  }
  ~WorkersTest() override { std::filesystem::remove_all(dir_); }

  std::vector<std::unique_ptr<Accounts>> accounts(int count) {
    std::vector<std::unique_ptr<Accounts>> all;
    for (int i = 0; i < count; ++i)
      all.push_back(std::move(*Accounts::open(dir_ + "/state.db")));
    return all;
  }

  std::string dir_;
};

TEST_F(WorkersTest, RunsJobsInParallel) {
  std::latch together(3);
  Workers workers(accounts(3), 10);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(workers.submit([&](Accounts&) { together.arrive_and_wait(); }));
  }
  together.wait();
}

TEST_F(WorkersTest, RefusesWhenTheQueueIsFull) {
  std::latch running(1);
  std::latch release(1);
  Workers workers(accounts(1), 2);
  ASSERT_TRUE(workers.submit([&](Accounts&) {
    running.count_down();
    release.wait();
  }));
  running.wait();
  EXPECT_TRUE(workers.submit([](Accounts&) {}));
  EXPECT_TRUE(workers.submit([](Accounts&) {}));
  EXPECT_EQ(workers.queued(), 2U);
  EXPECT_FALSE(workers.submit([](Accounts&) {}));
  release.count_down();
}

TEST_F(WorkersTest, StopRunsWhatIsQueued) {
  std::atomic<int> ran = 0;
  Workers workers(accounts(2), 100);
  for (int i = 0; i < 50; ++i)
    ASSERT_TRUE(workers.submit([&](Accounts&) { ++ran; }));
  workers.stop();
  EXPECT_EQ(ran, 50);
  EXPECT_FALSE(workers.submit([](Accounts&) {}));
}

}  // namespace
}  // namespace hub::api
