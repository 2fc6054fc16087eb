#include "agent/collect/source.h"

#include <algorithm>
#include <array>
#include <thread>

#include <gtest/gtest.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/stream.h"
#include "os/file.h"

namespace agent::collect {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

// Keeps what concerns one process, and stops the loop when its end is told.
class Recorder final : public Sink {
 public:
  explicit Recorder(os::Loop& loop) : loop_(loop) {}

  void on_forked(const Forked& forked) override {
    if (forked.process.pid == pid) forks.push_back(forked);
  }
  void on_started(Started started) override {
    if (started.process.pid == pid) starts.push_back(std::move(started));
  }
  void on_ended(const Ended& ended) override {
    if (ended.process.pid != pid) return;
    ends.push_back(ended);
    loop_.stop();
  }

  std::uint32_t pid = 0;
  std::vector<Forked> forks;
  std::vector<Started> starts;
  std::vector<Ended> ends;

 private:
  os::Loop& loop_;
};

class SourceTest : public ::testing::TestWithParam<Tier> {
 protected:
  void SetUp() override {
    auto loop = os::Loop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
    recorder_.emplace(*loop_);
    audit_.emplace(*loop_);
    auto source = open_source(GetParam(), *loop_, *recorder_,
                              {.poll_interval = 50ms, .audit = &*audit_, .on_failed = {}});
    if (!source)
      GTEST_SKIP() << tier_name(GetParam())
                   << " does not work here: " << source.error().to_string();
    source_ = std::move(*source);
  }

  // A child that runs the program as long as `in` is open at our end; its pid is known before it
  // may run on.
  void start(const char* program, std::vector<std::string> argv) {
    std::vector<char*> pointers;
    for (std::string& argument : argv)
      pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(ends[0], 0);
      ::close(ends[0]);
      ::close(ends[1]);
      ::execv(program, pointers.data());
      ::_exit(126);
    }
    ::close(ends[0]);
    hold_ = os::Fd(ends[1]);
    recorder_->pid = static_cast<std::uint32_t>(child_);
  }

  void run_until_ended() {
    const os::TimerId limit = loop_->after(10s, [this] { loop_->stop(); });
    ASSERT_TRUE(loop_->run());
    loop_->cancel(limit);
  }

  // Lets the source look for a while, ends the child with its input, and waits for the news.
  void finish(std::chrono::milliseconds lives) {
    loop_->after(lives, [this] { hold_.reset(); });
    // Reaped while the loop runs: an unreaped process is still there for /proc.
    const os::TimerId reap = loop_->every(20ms, [this] { ::waitpid(child_, &status_, WNOHANG); });
    run_until_ended();
    loop_->cancel(reap);
  }

  std::unique_ptr<os::Loop> loop_;
  std::optional<Recorder> recorder_;
  std::optional<audit::Stream> audit_;
  std::unique_ptr<Source> source_;
  pid_t child_ = 0;
  int status_ = 0;
  os::Fd hold_;
};

TEST_P(SourceTest, TellsAProcessWithOddArguments) {
  start("/bin/sh", {"sh", "-c", "cat; exit 7", "an odd\nargument", "\xff\xfe", ""});
  finish(400ms);
  ASSERT_EQ(recorder_->starts.size(), 1U);
  const Started& started = recorder_->starts.front();
  EXPECT_EQ(started.argv, "sh\0-c\0cat; exit 7\0an odd\nargument\0\xff\xfe\0\0"s);
  EXPECT_EQ(started.executable, "/usr/bin/dash");
  EXPECT_EQ(started.uid, ::getuid());
  EXPECT_EQ(static_cast<pid_t>(started.parent.pid), ::getpid());
  EXPECT_GT(started.process.start, 0U);
  std::array<char, 4096> cwd{};
  ASSERT_NE(::getcwd(cwd.data(), cwd.size()), nullptr);
  EXPECT_EQ(started.cwd, cwd.data());
  EXPECT_FALSE(started.gaps.any()) << started.gaps.to_string();
  const auto age = base::wall_now() - started.time;
  EXPECT_GE(age, 0s);
  EXPECT_LT(age, 10s);

  ASSERT_EQ(recorder_->ends.size(), 1U);
  const auto status = recorder_->ends.front().status;
  if (GetParam() == Tier::Proc) {
    EXPECT_EQ(status, std::nullopt);
    return;
  }
  ASSERT_TRUE(status);
  EXPECT_EQ(WEXITSTATUS(*status), 7);
  ASSERT_EQ(recorder_->forks.size(), 1U);
  EXPECT_EQ(static_cast<pid_t>(recorder_->forks.front().parent.pid), ::getpid());
}

TEST_P(SourceTest, TellsASignal) {
  if (GetParam() == Tier::Proc) GTEST_SKIP() << "polling sees no status";
  start("/bin/cat", {"cat"});
  loop_->after(50ms, [this] { ::kill(child_, SIGKILL); });
  finish(5s);
  ASSERT_EQ(recorder_->ends.size(), 1U);
  ASSERT_TRUE(recorder_->ends.front().status);
  EXPECT_EQ(WTERMSIG(*recorder_->ends.front().status), SIGKILL);
}

TEST_P(SourceTest, TellsAnExecOfTheSameProcess) {
  start("/bin/sh", {"sh", "-c", "read line; exec cat after"});
  // Nothing to read: the shell goes on at the end of its input, the cat then fails and ends.
  finish(300ms);
  ASSERT_GE(recorder_->starts.size(), 1U);
  EXPECT_EQ(recorder_->ends.size(), 1U);
  if (GetParam() == Tier::Proc) return;  // the cat may be too quick
  ASSERT_EQ(recorder_->starts.size(), 2U);
  if (!recorder_->starts[1].gaps.any()) {
    EXPECT_EQ(recorder_->starts[1].argv, "cat\0after\0"s);
  }
}

TEST_P(SourceTest, SaysItsTier) {
  EXPECT_EQ(source_->tier(), GetParam());
  EXPECT_EQ(source_->stats().malformed, 0U);
}

// What waits in the kernel is told before a source is given up.
TEST_P(SourceTest, DrainTellsWhatWaits) {
  start("/bin/cat", {"cat"});
  hold_.reset();
  if (GetParam() == Tier::Proc) {
    source_->drain();
    ::waitpid(child_, &status_, 0);
  } else {
    ::waitpid(child_, &status_, 0);
  }
  source_->drain();
  EXPECT_EQ(recorder_->starts.size(), 1U);
  EXPECT_EQ(recorder_->ends.size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Tiers, SourceTest,
                         ::testing::Values(Tier::Ebpf, Tier::Audit, Tier::Connector, Tier::Proc),
                         [](const auto& tier) { return std::string(tier_name(tier.param)); });

// Numbered starts, as quickly as this machine makes them: eBPF misses none.
TEST(EbpfSource, MissesNoneOfABurst) {
  constexpr int kStarts = 300;
  auto loop = os::Loop::create();
  ASSERT_TRUE(loop);
  class Count final : public Sink {
   public:
    void on_forked(const Forked&) override {}
    void on_started(Started started) override {
      if (started.argv.starts_with("burst-")) seen.push_back(std::stoi(started.argv.substr(6)));
    }
    void on_ended(const Ended&) override {}
    std::vector<int> seen;
  } count;
  auto source = open_ebpf(**loop, count, {});
  if (!source) GTEST_SKIP() << "no eBPF here: " << source.error().to_string();
  for (int i = 0; i < kStarts; ++i) {
    std::string name = "burst-" + std::to_string(i);
    std::array<char*, 2> argv = {name.data(), nullptr};
    pid_t child = 0;
    ASSERT_EQ(::posix_spawn(&child, "/bin/true", nullptr, nullptr, argv.data(), environ), 0);
    ::waitpid(child, nullptr, 0);
  }
  (*source)->drain();
  ASSERT_EQ(count.seen.size(), static_cast<std::size_t>(kStarts));
  EXPECT_TRUE(std::ranges::is_sorted(count.seen));
  EXPECT_EQ((*source)->stats().kernel_lost, 0U);
}

}  // namespace
}  // namespace agent::collect
