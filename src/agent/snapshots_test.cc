#include "agent/snapshots.h"

#include <atomic>

#include <gtest/gtest.h>

namespace agent {
namespace {

using namespace std::chrono_literals;
using schema::EventName;

// A picture that says how often it was taken.
class Counting final : public Snapshot {
 public:
  Counting(EventName event, std::atomic<int>& taken) : event_(event), taken_(taken) {}
  EventName event() const override { return event_; }
  base::Result<schema::Payload> take() override {
    if (++taken_ == fails_at) return base::fail(base::Code::Denied, "no", -1, "not allowed");
    return schema::Payload(std::vector<schema::LocalUsers>());
  }
  SourceReport source() const override { return {event_, "test", "", false, 0}; }
  int fails_at = 0;

 private:
  EventName event_;
  std::atomic<int>& taken_;
};

class SnapshotsTest : public ::testing::Test {
 protected:
  void make(Snapshots::Options options, int fails_at = 0) {
    std::vector<std::unique_ptr<Snapshot>> all;
    auto users = std::make_unique<Counting>(EventName::LocalUsers, users_);
    users->fails_at = fails_at;
    all.push_back(std::move(users));
    all.push_back(std::make_unique<Counting>(EventName::ListeningPorts, ports_));
    options.emit = [this](const schema::Event& event) {
      EXPECT_EQ(event.item_count(), 0U);
      ++emitted_;
    };
    options.failed = [this](EventName event, const base::Error&) { failed_ = event; };
    snapshots_ = std::make_unique<Snapshots>(*loop_, std::move(all), std::move(options));
  }
  template <class Condition>
  void run_until(Condition&& condition) {
    const auto deadline = base::mono_now() + 20s;
    const os::TimerId timer = loop_->every(200us, [&] {
      if (condition()) loop_->stop();
      if (base::mono_now() > deadline) {
        ADD_FAILURE() << "not in time";
        loop_->stop();
      }
    });
    ASSERT_TRUE(loop_->run());
    loop_->cancel(timer);
  }

  std::unique_ptr<os::Loop> loop_ = os::Loop::create().value();
  std::atomic<int> users_{0};
  std::atomic<int> ports_{0};
  int emitted_ = 0;
  std::optional<EventName> failed_;
  std::unique_ptr<Snapshots> snapshots_;
};

TEST_F(SnapshotsTest, TakesAllAtTheStartAndThenEachPeriod) {
  make({.period = 20ms});
  EXPECT_TRUE(snapshots_->sources().empty());
  snapshots_->start();
  run_until([&] { return users_ >= 3 && ports_ >= 3 && emitted_ >= 6; });
  EXPECT_EQ(snapshots_->sources().size(), 2U);
  snapshots_->set_period(1h);
  run_until([&] { return snapshots_->idle(); });
  const int taken = users_;
  // A shorter period counts from the last picture.
  loop_->after(30ms, [&] { loop_->stop(); });
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(users_, taken);
  snapshots_->set_period(10ms);
  run_until([&] { return users_ > taken; });
}

TEST_F(SnapshotsTest, LeavesOutWhatIsOffAndTakesItWhenItIsWantedAgain) {
  make({.period = 1h, .off = {EventName::LocalUsers}});
  snapshots_->start();
  run_until([&] { return emitted_ == 1 && snapshots_->idle(); });
  EXPECT_EQ(users_, 0);
  EXPECT_EQ(snapshots_->sources().size(), 1U);
  snapshots_->set_off({});
  run_until([&] { return emitted_ == 2; });
  EXPECT_EQ(users_, 1);
  snapshots_->take_again(EventName::ListeningPorts);
  run_until([&] { return emitted_ == 3; });
  EXPECT_EQ(ports_, 2);
}

TEST_F(SnapshotsTest, SaysWhatCouldNotBeTaken) {
  make({.period = 1h}, 1);
  snapshots_->start();
  run_until([&] { return failed_ && emitted_ == 1; });
  EXPECT_EQ(failed_, EventName::LocalUsers);
  EXPECT_EQ(snapshots_->sources().front().tier, "none");
  EXPECT_NE(snapshots_->sources().front().reason.find("not allowed"), std::string::npos);
  snapshots_->take_again(EventName::LocalUsers);
  run_until([&] { return emitted_ == 2; });
  EXPECT_EQ(snapshots_->sources().front().tier, "test");
}

TEST_F(SnapshotsTest, TakesNoneAfterItStopped) {
  make({.period = 1ms});
  snapshots_->start();
  snapshots_->stop();
  run_until([&] { return snapshots_->idle(); });
  const int taken = users_ + ports_;
  snapshots_->set_period(2ms);
  loop_->after(10ms, [&] { loop_->stop(); });
  ASSERT_TRUE(loop_->run());
  EXPECT_EQ(users_ + ports_, taken);
}

// A picture that would take for ever.
class Endless final : public Snapshot {
 public:
  explicit Endless(std::atomic<bool>& begun) : begun_(begun) {}
  EventName event() const override { return EventName::OSBaseline; }
  base::Result<schema::Payload> take() override {
    begun_ = true;
    abandoned_.wait(false);
    return base::fail(base::Code::Closed, "endless");
  }
  void abandon() override {
    abandoned_ = true;
    abandoned_.notify_all();
  }
  SourceReport source() const override { return {event(), "test", "", false, 0}; }

 private:
  std::atomic<bool>& begun_;
  std::atomic<bool> abandoned_{false};
};

TEST_F(SnapshotsTest, DoesNotWaitForAPictureThatNobodyWants) {
  std::atomic<bool> begun{false};
  std::vector<std::unique_ptr<Snapshot>> all;
  all.push_back(std::make_unique<Endless>(begun));
  Snapshots::Options options{.period = 1h};
  options.failed = [this](EventName event, const base::Error&) { failed_ = event; };
  snapshots_ = std::make_unique<Snapshots>(*loop_, std::move(all), std::move(options));
  snapshots_->start();
  run_until([&] { return begun.load(); });
  snapshots_->stop();
  run_until([&] { return snapshots_->idle(); });
  EXPECT_FALSE(failed_) << "what was abandoned did not fail";
}

}  // namespace
}  // namespace agent
