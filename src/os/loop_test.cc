#include "os/loop.h"

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/fd.h"

namespace os {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
constexpr nanoseconds kNow{0};

struct Pair {
  Pair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
      ADD_FAILURE();
    a.reset(ends[0]);
    b.reset(ends[1]);
  }
  Fd a;
  Fd b;
};

void say(const Fd& fd) {
  EXPECT_EQ(::write(fd.get(), "x", 1), 1);
}

class LoopTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = Loop::create().value();
    loop_->after(std::chrono::seconds(20), [this] {
      ADD_FAILURE() << "nothing happened in time";
      loop_->stop();
    });
  }
  void run() { ASSERT_TRUE(loop_->run()); }
  void stop_soon() {
    loop_->after(kNow, [this] { loop_->stop(); });
  }

  std::unique_ptr<Loop> loop_;
};

TEST_F(LoopTest, RunsTimersByTimeThenByAge) {
  std::string order;
  loop_->after(milliseconds(3), [&] {
    order += 'd';
    loop_->stop();
  });
  loop_->after(kNow, [&] { order += 'a'; });
  loop_->after(milliseconds(1), [&] { order += 'c'; });
  loop_->after(kNow, [&] { order += 'b'; });
  EXPECT_EQ(order, "");
  run();
  EXPECT_EQ(order, "abcd");
}

TEST_F(LoopTest, TimerAddedByATimerWaitsForTheNextTurn) {
  Pair pair;
  std::string order;
  say(pair.a);
  ASSERT_TRUE(loop_->watch(pair.b.get(), Loop::kReadable, [&](std::uint32_t) {
    order += 'r';
    loop_->unwatch(pair.b.get());
  }));
  loop_->after(kNow, [&] {
    order += '1';
    loop_->after(kNow, [&] {
      order += '2';
      loop_->stop();
    });
  });
  run();
  EXPECT_EQ(order, "r12");
}

TEST_F(LoopTest, RepeatsUntilCancelledByItself) {
  int calls = 0;
  TimerId timer = 0;
  timer = loop_->every(nanoseconds(1000), [&] {
    if (++calls == 3) {
      loop_->cancel(timer);
      loop_->after(milliseconds(2), [&] { loop_->stop(); });
    }
  });
  run();
  EXPECT_EQ(calls, 3);
}

TEST_F(LoopTest, SkipsOccasionsThatWereSleptThrough) {
  int calls = 0;
  loop_->every(milliseconds(1), [&] {
    if (++calls == 1) {
      const auto until = base::mono_now() + milliseconds(20);
      while (base::mono_now() < until) {
      }
      loop_->after(kNow, [&] { loop_->stop(); });
    }
  });
  run();
  EXPECT_LE(calls, 3);
}

TEST_F(LoopTest, CancelledTimersAreNotCalled) {
  const TimerId later = loop_->after(kNow, [] { ADD_FAILURE(); });
  loop_->cancel(later);
  loop_->cancel(later);
  loop_->cancel(12345);
  TimerId victim = 0;
  loop_->after(kNow, [&] { loop_->cancel(victim); });
  victim = loop_->after(kNow, [] { ADD_FAILURE(); });
  stop_soon();
  run();
}

TEST_F(LoopTest, TakesNeverForADelay) {
  loop_->after(nanoseconds::max(), [] { ADD_FAILURE(); });
  stop_soon();
  run();
}

TEST_F(LoopTest, ReportsWhatIsAskedFor) {
  Pair pair;
  std::vector<std::uint32_t> reports;
  ASSERT_TRUE(loop_->watch(pair.a.get(), Loop::kReadable, [&](std::uint32_t ready) {
    reports.push_back(ready);
    if (reports.size() == 1) {
      char byte = 0;
      EXPECT_EQ(::read(pair.a.get(), &byte, 1), 1);
      EXPECT_TRUE(loop_->change(pair.a.get(), Loop::kReadable | Loop::kWritable));
    } else {
      loop_->stop();
    }
  }));
  say(pair.b);
  run();
  EXPECT_EQ(reports, (std::vector<std::uint32_t>{Loop::kReadable, Loop::kWritable}));
}

TEST_F(LoopTest, ReportsAHangUpAsReadableAndWritable) {
  Pair pair;
  std::uint32_t reported = 0;
  ASSERT_TRUE(loop_->watch(pair.a.get(), Loop::kReadable, [&](std::uint32_t ready) {
    reported = ready;
    loop_->stop();
  }));
  pair.b.reset();
  run();
  EXPECT_EQ(reported, Loop::kReadable | Loop::kWritable);
}

TEST_F(LoopTest, RemovedDescriptorsAreNotCalledEvenInTheSameTurn) {
  Pair first;
  Pair second;
  int calls = 0;
  const auto remove_both = [&](std::uint32_t) {
    ++calls;
    loop_->unwatch(first.a.get());
    loop_->unwatch(second.a.get());
    stop_soon();
  };
  ASSERT_TRUE(loop_->watch(first.a.get(), Loop::kReadable, remove_both));
  ASSERT_TRUE(loop_->watch(second.a.get(), Loop::kReadable, remove_both));
  say(first.b);
  say(second.b);
  run();
  EXPECT_EQ(calls, 1);
}

TEST_F(LoopTest, ANewDescriptorOfTheSameNumberGetsNoOldEvent) {
  Pair first;
  Pair second;
  Pair fresh;
  const auto replace_other = [&](Fd& other) {
    const int number = other.get();
    loop_->unwatch(number);
    ASSERT_EQ(::dup2(fresh.a.get(), number), number);
    ASSERT_TRUE(loop_->watch(number, Loop::kReadable,
                             [](std::uint32_t) { ADD_FAILURE() << "stale event"; }));
    stop_soon();
  };
  int calls = 0;
  ASSERT_TRUE(loop_->watch(first.a.get(), Loop::kReadable, [&](std::uint32_t) {
    if (++calls == 1) replace_other(second.a);
  }));
  ASSERT_TRUE(loop_->watch(second.a.get(), Loop::kReadable, [&](std::uint32_t) {
    if (++calls == 1) replace_other(first.a);
  }));
  say(first.b);
  say(second.b);
  run();
  EXPECT_EQ(calls, 1);
  loop_->unwatch(first.a.get());
  loop_->unwatch(second.a.get());
}

TEST_F(LoopTest, RefusesBadDescriptors) {
  EXPECT_FALSE(loop_->watch(-1, Loop::kReadable, [](std::uint32_t) {}));
  EXPECT_FALSE(loop_->change(999, Loop::kReadable));
  loop_->unwatch(999);
}

TEST_F(LoopTest, RunsPostedTasksOfAllThreadsInTheirOrder) {
  constexpr int kThreads = 4;
  constexpr int kTasks = 500;
  std::vector<int> seen(kThreads, 0);
  int total = 0;
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kTasks; ++i) {
        loop_->post([&, t, i] {
          EXPECT_EQ(seen[t]++, i);
          if (++total == kThreads * kTasks) loop_->stop();
        });
      }
    });
  }
  run();
  for (auto& thread : threads)
    thread.join();
  EXPECT_EQ(total, kThreads * kTasks);
}

TEST_F(LoopTest, StopsFromAnotherThreadAndRunsAgain) {
  std::thread([&] { loop_->stop(); }).join();
  run();
  stop_soon();
  run();
}

TEST_F(LoopTest, TurnsSignalsIntoCalls) {
  std::vector<int> caught;
  ASSERT_TRUE(loop_->on_signals({SIGUSR1, SIGUSR2}, [&](int signal) {
    caught.push_back(signal);
    if (caught.size() == 2) loop_->stop();
  }));
  ::kill(::getpid(), SIGUSR1);
  ::kill(::getpid(), SIGUSR2);
  run();
  EXPECT_EQ(caught, (std::vector<int>{SIGUSR1, SIGUSR2}));
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGUSR1);
  ::sigaddset(&set, SIGUSR2);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace
}  // namespace os
