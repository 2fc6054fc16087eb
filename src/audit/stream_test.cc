#include "audit/stream.h"

#include <algorithm>
#include <array>
#include <fstream>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "audit/execve.h"
#include "audit/names.h"
#include "audit/socket.h"

namespace audit {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::Not;

// The kernel's one and only audit system; needs root.
class StreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto control = Control::open();
    if (!control) GTEST_SKIP() << control.error().to_string();
    control_.emplace(std::move(*control));
    const auto status = control_->status();
    if (!status) GTEST_SKIP() << status.error().to_string();
    before_ = *status;
    if (before_.enabled == 2) GTEST_SKIP() << "audit rules are locked here";
    auto loop = os::Loop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
    stream_.emplace(*loop_);
  }
  void TearDown() override {
    leases_.clear();
    stream_.reset();
    if (!control_) return;
    EXPECT_THAT(own_rules(), IsEmpty());
    const auto after = control_->status();
    if (!after || before_.enabled == 2) return;
    EXPECT_EQ(after->enabled, before_.enabled);
    EXPECT_EQ(after->daemon, before_.daemon);
    EXPECT_EQ(after->backlog_limit, before_.backlog_limit);
  }

  // The rules of this process: others may run an agent of their own.
  std::vector<Rule> own_rules() {
    auto rules = control_->rules();
    EXPECT_TRUE(rules);
    std::erase_if(*rules, [](const Rule& rule) {
      return rule.key() != kKey || rule.value(AUDIT_PID) != static_cast<std::uint32_t>(::getpid());
    });
    return *rules;
  }

  void keep(base::Result<Stream::Lease> lease) {
    ASSERT_TRUE(lease) << lease.error().to_string();
    leases_.push_back(std::move(*lease));
  }

  static void run(std::vector<std::string> argv) {
    std::vector<char*> pointers;
    for (std::string& argument : argv)
      pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_t child = 0;
    ASSERT_EQ(::posix_spawn(&child, "/bin/true", nullptr, nullptr, pointers.data(), environ), 0);
    ::waitpid(child, nullptr, 0);
  }

  void run_loop_until(const std::function<bool()>& done) {
    const os::TimerId check = loop_->every(20ms, [&] {
      if (done()) loop_->stop();
    });
    const os::TimerId limit = loop_->after(10s, [&] { loop_->stop(); });
    ASSERT_TRUE(loop_->run());
    loop_->cancel(check);
    loop_->cancel(limit);
  }

  std::optional<Control> control_;
  Status before_;
  std::unique_ptr<os::Loop> loop_;
  std::optional<Stream> stream_;
  std::vector<Stream::Lease> leases_;
};

TEST_F(StreamTest, TellsStartsOfProgramsWithAllOfTheirArguments) {
  std::vector<Arguments> seen;
  keep(stream_->subscribe({types::kExecve}, [&](const Event& event) {
    Arguments arguments = read_arguments(event);
    if (arguments.bytes.starts_with("stream-test")) seen.push_back(std::move(arguments));
  }));
  keep(stream_->watch(exec_rules(static_cast<std::uint32_t>(::getpid()))));
  EXPECT_THAT(own_rules(), Not(IsEmpty()));

  // Longer than one record takes, once plain and once with a byte that makes it hexadecimal; and
  // after each one that is as ever.
  const std::string plain(20'000, 'x');
  std::string odd(20'000, 'y');
  odd.back() = ' ';
  run({"stream-test", plain, "after", ""});
  run({"stream-test", odd, "", "end"});
  std::vector<std::string> many(3000, "argument");
  many.front() = "stream-test";
  run(many);
  run({"stream-test", "short"});
  run_loop_until([&] { return seen.size() == 4; });
  ASSERT_EQ(seen.size(), 4U);
  for (const Arguments& arguments : seen) {
    EXPECT_FALSE(arguments.damaged);
    EXPECT_EQ(arguments.head, arguments.bytes.size());
    EXPECT_EQ(arguments.total, arguments.bytes.size());
  }
  const auto with_nul = [](std::initializer_list<std::string> all) {
    std::string bytes;
    for (const std::string& one : all)
      bytes += one + '\0';
    return bytes;
  };
  EXPECT_EQ(seen[0].bytes, with_nul({"stream-test", plain, "after", ""}));
  EXPECT_EQ(seen[1].bytes, with_nul({"stream-test", odd, "", "end"}));
  EXPECT_EQ(seen[2].count, 3000U);
  EXPECT_EQ(seen[2].bytes.size(), 12 + 2999 * 9U);
  EXPECT_EQ(seen[3].bytes, with_nul({"stream-test", "short"}));
  EXPECT_EQ(stream_->stats().malformed, 0U);
  EXPECT_EQ(stream_->stats().overruns, 0U);
}

// As long as the kernel lets it be: both ends are told, and what is left out is counted.
TEST_F(StreamTest, TellsBothEndsOfAVeryLongArgv) {
  std::optional<Arguments> seen;
  keep(stream_->subscribe({types::kExecve}, [&](const Event& event) {
    Arguments arguments = read_arguments(event);
    if (arguments.bytes.starts_with("stream-test")) seen = std::move(arguments);
  }));
  keep(stream_->watch(exec_rules(static_cast<std::uint32_t>(::getpid()))));
  std::vector<std::string> argv = {"stream-test"};
  for (int i = 0; i < 12; ++i)
    argv.emplace_back(100'000, static_cast<char>('a' + i));
  argv.emplace_back("the end");
  run(argv);
  run_loop_until([&] { return seen.has_value(); });
  ASSERT_TRUE(seen);
  EXPECT_FALSE(seen->damaged);
  EXPECT_EQ(seen->count, 14U);
  EXPECT_EQ(seen->total, 12 + 12 * 100'001 + 8U);
  EXPECT_GT(seen->head, 50'000U);  // the kernel writes long ones in hexadecimal
  EXPECT_LT(seen->bytes.size(), 256U << 10U);
  EXPECT_TRUE(seen->bytes.ends_with(std::string("the end") + '\0'));
}

TEST_F(StreamTest, TellsConnectionsAlsoThoseUnderWay) {
  std::vector<Activity> seen;
  const auto pid = ::fork();
  if (pid == 0) {
    // A connection on its way to a network for documentation, and one that is made and accepted.
    ::usleep(300'000);
    const int slow = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    address.sin_addr.s_addr = htonl(0xC0000207);
    ::connect(slow, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int listener = ::socket(AF_INET6, SOCK_STREAM, 0);
    sockaddr_in6 local{};
    local.sin6_family = AF_INET6;
    local.sin6_addr = in6addr_loopback;
    socklen_t size = sizeof local;
    ::bind(listener, reinterpret_cast<const sockaddr*>(&local), size);
    ::listen(listener, 1);
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&local), &size);
    const int client = ::socket(AF_INET6, SOCK_STREAM, 0);
    ::connect(client, reinterpret_cast<const sockaddr*>(&local), size);
    ::accept4(listener, nullptr, nullptr, 0);
    ::_exit(0);
  }
  keep(stream_->subscribe({types::kSyscall}, [&](const Event& event) {
    const Fields fields(event.find(types::kSyscall)->body);
    if (fields.number("pid") != pid) return;
    const auto arch = std::stoul(std::string(*fields.raw("arch")), nullptr, 16);
    seen.push_back(activity_of(static_cast<std::uint32_t>(arch),
                               static_cast<std::uint64_t>(*fields.number("syscall")), 0));
  }));
  keep(stream_->watch(connection_rules(static_cast<std::uint32_t>(::getpid()))));
  run_loop_until([&] { return std::ranges::count(seen, Activity::Accept) == 1; });
  ::waitpid(pid, nullptr, 0);
  // Where there is no route at all the first one fails at once, and is none.
  EXPECT_GE(std::ranges::count(seen, Activity::Connect), 1);
  EXPECT_EQ(std::ranges::count(seen, Activity::Accept), 1);
}

TEST_F(StreamTest, RemovesWhatAnAgentLeftThatIsNoMore) {
  // A pid that nobody has: the highest that there can be.
  const std::vector<Rule> stale = exec_rules(4'194'303);
  ASSERT_TRUE(control_->add(stale.front()));
  // And one of somebody else.
  Rule others = exec_rules(4'194'303).front();
  others.matches.back().text = "somebody-else";
  ASSERT_TRUE(control_->add(others));
  keep(stream_->watch(exec_rules(static_cast<std::uint32_t>(::getpid()))));
  const auto rules = control_->rules();
  ASSERT_TRUE(rules);
  EXPECT_THAT(*rules, Not(testing::Contains(stale.front())));
  EXPECT_THAT(*rules, testing::Contains(others));
  EXPECT_TRUE(control_->remove(others));
}

// As "auditctl -D" does, and a daemon that loads its rules.
TEST_F(StreamTest, PutsBackWhatSomebodyRemoved) {
  keep(stream_->subscribe({types::kExecve}, [](const Event&) {}));
  keep(stream_->watch(exec_rules(static_cast<std::uint32_t>(::getpid()))));
  const std::size_t count = own_rules().size();
  for (const Rule& rule : own_rules())
    ASSERT_TRUE(control_->remove(rule));
  ASSERT_THAT(own_rules(), IsEmpty());
  run_loop_until([&] { return own_rules().size() == count; });
  EXPECT_EQ(own_rules().size(), count);
}

TEST_F(StreamTest, TellsWhenAuditingIsSwitchedOff) {
  if (before_.enabled != 0) GTEST_SKIP() << "auditing is on here, and somebody wants it";
  Stream stream(*loop_, {.status_interval = 50ms});
  std::optional<base::Error> failed;
  auto lease = stream.watch(exec_rules(static_cast<std::uint32_t>(::getpid())),
                            [&](const base::Error& error) { failed = error; });
  ASSERT_TRUE(lease);
  ASSERT_TRUE(control_->set_enabled(false));
  run_loop_until([&] { return failed.has_value(); });
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->code, base::Code::Denied);
}

// Two that want the same: it stays until the last one goes.
TEST_F(StreamTest, SharesRules) {
  const auto rules = exec_rules(static_cast<std::uint32_t>(::getpid()));
  keep(stream_->watch(rules));
  keep(stream_->watch(rules));
  leases_.pop_back();
  EXPECT_EQ(own_rules().size(), rules.size());
}

TEST_F(StreamTest, SaysWhenARuleSwitchesSystemCallsOff) {
  const Rule never{.list = AUDIT_FILTER_TASK, .action = AUDIT_NEVER, .syscalls = {}, .matches = {}};
  ASSERT_TRUE(control_->add(never));
  const auto watched = stream_->watch(exec_rules(static_cast<std::uint32_t>(::getpid())));
  EXPECT_TRUE(control_->remove(never));
  ASSERT_FALSE(watched);
  EXPECT_EQ(watched.error().code, base::Code::Unsupported);
  EXPECT_THAT(watched.error().detail, testing::HasSubstr("never,task"));
}

TEST_F(StreamTest, MaySayNoToSwitchingOn) {
  if (before_.enabled != 0) GTEST_SKIP() << "auditing is on here";
  Stream stream(*loop_, {.may_enable = false});
  const auto watched = stream.watch(exec_rules(1));
  ASSERT_FALSE(watched);
  EXPECT_EQ(watched.error().code, base::Code::Denied);
}

// Ending a subscription in its own callback, and making another there.
TEST_F(StreamTest, SubscriptionsChangeWhileTold) {
  int first = 0;
  int second = 0;
  Stream::Lease one;
  Stream::Lease two;
  auto lease = stream_->subscribe({types::kExecve}, [&](const Event&) {
    ++first;
    one.reset();
    if (two) return;
    auto next = stream_->subscribe({}, [&](const Event&) { ++second; });
    ASSERT_TRUE(next);
    two = std::move(*next);
  });
  ASSERT_TRUE(lease);
  one = std::move(*lease);
  keep(stream_->watch(exec_rules(static_cast<std::uint32_t>(::getpid()))));
  run({"stream-test", "1"});
  run({"stream-test", "2"});
  run({"stream-test", "3"});
  run_loop_until([&] { return second >= 2; });
  EXPECT_EQ(first, 1);
  EXPECT_GE(second, 2);
}

}  // namespace
}  // namespace audit
