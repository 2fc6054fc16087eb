#include "os/gather.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "os/fd.h"

namespace os {
namespace {

using std::chrono::milliseconds;

base::MonoTime at(int ms) {
  return base::MonoTime(std::chrono::hours(1) + milliseconds(ms));
}

TEST(GatherPace, FewAreNoStream) {
  GatherPace pace;
  for (int ms = 0; ms < 1000; ms += 50)
    EXPECT_FALSE(pace.streams(3, at(ms))) << ms;
}

TEST(GatherPace, ManyAreAStreamUntilTheyCease) {
  GatherPace pace;
  EXPECT_FALSE(pace.streams(16, at(0)));
  EXPECT_FALSE(pace.streams(16, at(5)));
  EXPECT_TRUE(pace.streams(16, at(10)));
  for (int ms = 30; ms < 500; ms += 20)
    EXPECT_TRUE(pace.streams(24, at(ms))) << ms;
  // One look that finds nothing may be chance; many are not.
  EXPECT_TRUE(pace.streams(0, at(505)));
  EXPECT_FALSE(pace.streams(0, at(600)));
}

TEST(GatherPace, OneLargeBatchIsAStream) {
  GatherPace pace;
  EXPECT_TRUE(pace.streams(500, at(0)));
  EXPECT_FALSE(pace.streams(0, at(400)));
}

class GatherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = Loop::create().value();
    loop_->after(std::chrono::seconds(20), [this] {
      ADD_FAILURE() << "nothing happened in time";
      loop_->stop();
    });
    events_.reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    ASSERT_TRUE(events_);
  }

  void add(std::uint64_t count) const {
    ASSERT_EQ(::write(events_.get(), &count, sizeof count), static_cast<ssize_t>(sizeof count));
  }
  // As many as were added since.
  std::size_t take() {
    ++turns_;
    std::uint64_t count = 0;
    if (::read(events_.get(), &count, sizeof count) != static_cast<ssize_t>(sizeof count)) return 0;
    taken_ += count;
    return count;
  }
  static void never(const base::Error& error) { ADD_FAILURE() << error.to_string(); }

  std::unique_ptr<Loop> loop_;
  Fd events_;
  std::uint64_t taken_ = 0;
  int turns_ = 0;
};

TEST_F(GatherTest, TakesWhatComesTogetherInOneTurn) {
  Gather gather(*loop_);
  ASSERT_TRUE(gather.begin(
      events_.get(),
      [this] {
        const std::size_t count = take();
        loop_->stop();
        return Gather::Taken{count};
      },
      never));
  add(1);
  loop_->after(milliseconds(1), [this] { add(2); });
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(taken_, 3U);
  EXPECT_EQ(turns_, 1);
}

TEST_F(GatherTest, LooksAgainAfterAStreamAndThenWaits) {
  Gather gather(*loop_);
  ASSERT_TRUE(gather.begin(
      events_.get(),
      [this] {
        const std::size_t count = take();
        // The look that found nothing: from now on the descriptor tells.
        if (count == 0) loop_->after(milliseconds(1), [this] { add(7); });
        if (count == 7) loop_->stop();
        return Gather::Taken{count};
      },
      never));
  add(100);
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(taken_, 107U);
  EXPECT_GE(turns_, 3);
}

TEST_F(GatherTest, MoreIsTakenWithoutWaiting) {
  Gather gather(*loop_, {.first = milliseconds(1), .stream = std::chrono::hours(1)});
  int left = 5;
  ASSERT_TRUE(gather.begin(
      events_.get(),
      [&] {
        const bool more = --left > 0;
        if (!more) loop_->stop();
        return Gather::Taken{1000, more};
      },
      never));
  add(1);
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(left, 0);
}

TEST_F(GatherTest, MayEndWithinATurn) {
  Gather gather(*loop_);
  ASSERT_TRUE(gather.begin(
      events_.get(),
      [&] {
        ++turns_;
        gather.end();
        loop_->after(milliseconds(30), [this] { loop_->stop(); });
        return Gather::Taken{1, true};
      },
      never));
  add(1);
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(turns_, 1);
}

}  // namespace
}  // namespace os
