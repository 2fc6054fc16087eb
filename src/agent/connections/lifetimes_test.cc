#include "agent/connections/lifetimes.h"

#include <vector>

#include <gtest/gtest.h>

namespace agent::connections {
namespace {

using namespace std::chrono_literals;

class LifetimesTest : public ::testing::Test {
 protected:
  LifetimesTest() {
    options_.max_waiting = 3;
    options_.who = [this](const Observed& seen) -> std::optional<ProcessFacts> {
      if (seen.pid == 0) return std::nullopt;
      asked_.push_back(seen.pid);
      ProcessFacts facts;
      facts.executable = "/bin/p" + std::to_string(seen.pid);
      return facts;
    };
    options_.emit = [this](const Report& report) { reports_.push_back(report); };
  }

  static Observed seen(What what, std::uint64_t id, std::uint32_t pid,
                       std::chrono::seconds at = 100s) {
    Observed one;
    one.what = what;
    one.id = id;
    one.pid = pid;
    one.time = base::WallTime(at);
    return one;
  }

  Lifetimes::Options options_;
  std::vector<Report> reports_;
  std::vector<std::uint32_t> asked_;
  base::MonoTime now_{1000s};
};

TEST_F(LifetimesTest, AShortConnectionIsOneReportWithItsBytes) {
  Lifetimes lifetimes(options_);
  lifetimes.take(seen(What::Opened, 1, 7, 100s), now_);
  EXPECT_TRUE(reports_.empty());
  Observed end = seen(What::Closed, 1, 7, 101s);
  end.bytes_sent = 10;
  end.bytes_received = 20;
  lifetimes.take(end, now_ + 500ms);
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].phase, Phase::Whole);
  EXPECT_EQ(reports_[0].seen.bytes_sent, 10U);
  EXPECT_EQ(reports_[0].seen.bytes_received, 20U);
  EXPECT_EQ(reports_[0].seen.time, base::WallTime(100s));
  EXPECT_EQ(reports_[0].duration, 1s);
  EXPECT_EQ(reports_[0].process->executable, "/bin/p7");
  lifetimes.expire(now_ + 10s);
  lifetimes.flush();
  EXPECT_EQ(reports_.size(), 1U);
}

TEST_F(LifetimesTest, ALongOneIsReportedAfterTheHoldAndAtItsEnd) {
  Lifetimes lifetimes(options_);
  lifetimes.take(seen(What::Opened, 1, 7), now_);
  EXPECT_EQ(lifetimes.next_expiry(), now_ + 1s);
  lifetimes.expire(now_ + 999ms);
  EXPECT_TRUE(reports_.empty());
  lifetimes.expire(now_ + 1s);
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].phase, Phase::Open);
  EXPECT_FALSE(reports_[0].duration);
  EXPECT_EQ(lifetimes.next_expiry(), base::MonoTime::max());
  Observed end = seen(What::Closed, 1, 7, 160s);
  end.opened = base::WallTime(100s);
  end.bytes_sent = 5;
  lifetimes.take(end, now_ + 60s);
  ASSERT_EQ(reports_.size(), 2U);
  EXPECT_EQ(reports_[1].phase, Phase::Ended);
  EXPECT_EQ(reports_[1].duration, 60s);
  EXPECT_EQ(reports_[1].seen.bytes_sent, 5U);
}

TEST_F(LifetimesTest, WhoUsesItTakesThePlaceOfWhoListens) {
  Lifetimes lifetimes(options_);
  Observed opened = seen(What::Opened, 1, 7, 100s);
  opened.listener = true;
  lifetimes.take(opened, now_);
  lifetimes.take(seen(What::Owner, 1, 8, 101s), now_);
  lifetimes.expire(now_ + 1s);
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].seen.pid, 8U);
  EXPECT_FALSE(reports_[0].seen.listener);
  EXPECT_EQ(reports_[0].seen.time, base::WallTime(100s));
  EXPECT_EQ(reports_[0].process->executable, "/bin/p8");
  // Too late for one that was reported: no second report of an opening.
  lifetimes.take(seen(What::Owner, 1, 9), now_ + 2s);
  EXPECT_EQ(reports_.size(), 1U);
}

TEST_F(LifetimesTest, WhoOnlyClosesItCountsAsItsUser) {
  Lifetimes lifetimes(options_);
  Observed opened = seen(What::Opened, 1, 7);
  opened.listener = true;
  lifetimes.take(opened, now_);
  lifetimes.take(seen(What::Closed, 1, 8), now_);
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].seen.pid, 8U);
  EXPECT_EQ(reports_[0].process->executable, "/bin/p8");
}

TEST_F(LifetimesTest, FailuresAndDatagramsDoNotWait) {
  Lifetimes lifetimes(options_);
  Observed failed = seen(What::Failed, 1, 7);
  failed.error = 111;
  lifetimes.take(failed, now_);
  Observed datagram = seen(What::Opened, 2, 7);
  datagram.protocol = Protocol::Udp;
  lifetimes.take(datagram, now_);
  lifetimes.take(seen(What::Opened, 0, 7), now_);
  ASSERT_EQ(reports_.size(), 3U);
  EXPECT_EQ(reports_[0].phase, Phase::Failed);
  EXPECT_EQ(reports_[1].phase, Phase::Single);
  EXPECT_EQ(reports_[2].phase, Phase::Single);
  EXPECT_EQ(lifetimes.next_expiry(), base::MonoTime::max());
}

TEST_F(LifetimesTest, ManyWaitingOnesMakeRoom) {
  Lifetimes lifetimes(options_);
  for (std::uint64_t id = 1; id <= 5; ++id)
    lifetimes.take(seen(What::Opened, id, static_cast<std::uint32_t>(id)), now_);
  ASSERT_EQ(reports_.size(), 2U);
  EXPECT_EQ(reports_[0].seen.pid, 1U);
  EXPECT_EQ(reports_[1].seen.pid, 2U);
  lifetimes.flush();
  EXPECT_EQ(reports_.size(), 5U);
  EXPECT_EQ(asked_.size(), 5U);
}

TEST_F(LifetimesTest, ANumberThatIsUsedAgainKeepsItsOwnTime) {
  Lifetimes lifetimes(options_);
  lifetimes.take(seen(What::Opened, 1, 7), now_);
  lifetimes.take(seen(What::Closed, 1, 7), now_);
  lifetimes.take(seen(What::Opened, 1, 8), now_ + 900ms);
  lifetimes.expire(now_ + 1s);
  EXPECT_EQ(reports_.size(), 1U);
  lifetimes.expire(now_ + 1900ms);
  EXPECT_EQ(reports_.size(), 2U);
}

}  // namespace
}  // namespace agent::connections
