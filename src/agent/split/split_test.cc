#include <atomic>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/split/channel_stream.h"
#include "agent/split/confinement.h"
#include "agent/split/keeper.h"
#include "agent/split/network_process.h"
#include "agent/split/remote_link.h"
#include "uplink/hub_testing.h"

// The processes are forked before the test's hub has its threads, as in the agent.
namespace agent::split {
namespace {

namespace channel = uplink::channel;
using ::testing::HasSubstr;
using uplink::Message;
using namespace std::chrono_literals;

// A sanitizer's runtime needs terabytes of address space and system calls of its own, which a
// confined process has not.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define VEDETTE_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(VEDETTE_SANITIZED)
#define SKIP_IF_SANITIZED() GTEST_SKIP() << "a sanitizer's runtime does not fit the confinement"
#else
#define SKIP_IF_SANITIZED() static_cast<void>(0)
#endif

std::string status_of(pid_t pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":"))
      return line.substr(line.find_first_not_of(" \t", key.size() + 1));
  }
  return {};
}

std::unique_ptr<Keeper> start_keeper(Keeper::Worker work = run_network_process) {
  Keeper::Options options;
  options.work = std::move(work);
  options.backoff_first = 10ms;
  if (::geteuid() == 0) {
    if (const auto nobody = os::find_account("nobody")) options.rights.account = *nobody;
  }
  auto keeper = Keeper::start(std::move(options));
  EXPECT_TRUE(keeper) << keeper.error().to_string();
  return keeper ? std::move(*keeper) : nullptr;
}

class RemoteLinkTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SKIP_IF_SANITIZED();
    auto loop = os::Loop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
    keeper_ = start_keeper();
    ASSERT_NE(keeper_, nullptr);
  }

  void open() {
    make_hub();
    auto link = try_open();
    ASSERT_TRUE(link) << link.error().to_string();
    link_ = std::move(*link);
    link_->start();
  }

  void make_hub() {
    hub_ = std::make_unique<uplink::TestHub>();
    hub_->on_publish = [this](const uplink::TestHub::Published&) {
      return silent_ ? uplink::TestHub::Answer::Silence : uplink::TestHub::Answer::Ack;
    };
  }

  base::Result<std::unique_ptr<RemoteLink>> try_open() {
    RemoteLink::Options options;
    options.configure = [this]() -> base::Result<channel::Configure> {
      ++configured_;
      channel::Configure configure;
      configure.options.identity = {.host_name = "localhost",
                                    .port = hub_->port(),
                                    .device_id = "d1",
                                    .module_id = "azureiotsecurity",
                                    .key_base64 = std::string(uplink::TestHub::kKey),
                                    .ca_file = {}};
      configure.options.backoff_first = configure.options.backoff_most = 10ms;
      configure.ca_pem =
          ca_override_.empty() ? uplink::TestHub::certificates().ca_pem : ca_override_;
      return configure;
    };
    options.gone = [this] { gone_ = true; };
    uplink::Link::Callbacks callbacks;
    callbacks.next = [this]() -> std::optional<Message> {
      if (sent_ == wanted_) return std::nullopt;
      Message message;
      message.payload = "message " + std::to_string(sent_++);
      message.events = 1;
      return message;
    };
    callbacks.acknowledged = [this](const Message& message) {
      acknowledged_.push_back(message.payload);
    };
    return RemoteLink::open(*loop_, *keeper_, std::move(options), std::move(callbacks));
  }

  // Runs the loop until it holds.
  void turn_until(const std::function<bool()>& done, std::chrono::milliseconds limit = 10s) {
    const auto timer = loop_->every(2ms, [&] {
      if (done()) loop_->stop();
    });
    const auto late = loop_->after(limit, [this] { loop_->stop(); });
    ASSERT_TRUE(loop_->run());
    loop_->cancel(timer);
    loop_->cancel(late);
    ASSERT_TRUE(done());
  }

  void want(std::size_t count) {
    wanted_ += count;
    link_->pump();
  }

  std::unique_ptr<os::Loop> loop_;
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<uplink::TestHub> hub_;
  std::unique_ptr<RemoteLink> link_;
  std::string ca_override_;
  std::size_t wanted_ = 0;
  std::size_t sent_ = 0;
  int configured_ = 0;
  bool gone_ = false;
  std::atomic<bool> silent_{false};
  std::vector<std::string> acknowledged_;
};

TEST_F(RemoteLinkTest, PublishesThroughTheOtherProcess) {
  open();
  want(20);
  turn_until([&] { return acknowledged_.size() == 20; });
  for (std::size_t i = 0; i < acknowledged_.size(); ++i)
    EXPECT_EQ(acknowledged_[i], "message " + std::to_string(i));
  turn_until([&] { return link_->stats().messages_acknowledged == 20; });
  EXPECT_TRUE(link_->stats().online);
  EXPECT_TRUE(link_->ready());
  link_->stop();
  EXPECT_FALSE(link_->stats().online);
  EXPECT_EQ(link_->stats().in_flight, 0U);
}

TEST_F(RemoteLinkTest, TheOtherProcessHasNoRights) {
  open();
  turn_until([&] { return link_->stats().online; });
  const pid_t pid = link_->process_stats().pid;
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    EXPECT_EQ(status_of(pid, set), "0000000000000000") << set;
  EXPECT_EQ(status_of(pid, "NoNewPrivs"), "1");
  EXPECT_EQ(status_of(pid, "Seccomp"), "2");
  if (::geteuid() == 0) {
    EXPECT_EQ(status_of(pid, "CapBnd"), "0000000000000000");
    EXPECT_NE(status_of(pid, "Uid").substr(0, 1), "0");
  }
}

TEST_F(RemoteLinkTest, WhatWasInFlightGoesToTheNextProcess) {
  open();
  turn_until([&] { return link_->stats().online; });
  silent_ = true;
  want(3);
  turn_until([&] { return hub_->published().size() == 3; });
  const pid_t first = link_->process_stats().pid;
  // It belongs to another user; only its keeper, or root, may end it.
  if (::geteuid() == 0) {
    ASSERT_GT(first, 0);
    ASSERT_EQ(::kill(first, SIGKILL), 0);
  } else {
    keeper_->replace_worker();
  }
  silent_ = false;
  turn_until([&] { return acknowledged_.size() == 3; });
  EXPECT_NE(link_->process_stats().pid, first);
  EXPECT_EQ(link_->process_stats().started, 2U);
  EXPECT_EQ(link_->process_stats().misbehaved, 0U);
  want(1);
  turn_until([&] { return acknowledged_.size() == 4; });
  EXPECT_GE(link_->stats().connects, 2U);
}

TEST_F(RemoteLinkTest, SaysWhatIsWrongWithTheConfiguration) {
  make_hub();
  ca_override_ = "no certificate";
  const auto link = try_open();
  ASSERT_FALSE(link);
  EXPECT_THAT(link.error().to_string(), HasSubstr("holds no certificate"));
}

TEST_F(RemoteLinkTest, TheOtherProcessEndsWithUs) {
  open();
  turn_until([&] { return link_->stats().online; });
  const pid_t pid = link_->process_stats().pid;
  link_.reset();
  keeper_.reset();
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST_F(RemoteLinkTest, SaysWhenNobodyWouldStartAnother) {
  open();
  ASSERT_GT(keeper_->pid(), 0);
  ASSERT_EQ(::kill(keeper_->pid(), SIGKILL), 0);
  turn_until([&] { return gone_; });
  EXPECT_FALSE(link_->ready());
}

// A network process that was taken over.
int lie(const os::Fd& socket, const channel::ToCollector& frame) {
  base::ByteVec bytes;
  channel::encode(channel::Configured{}, bytes);
  uplink::SessionStats stats;
  stats.online = true;
  channel::encode(channel::State{stats}, bytes);
  channel::encode(frame, bytes);
  ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  char word = 0;
  while (::read(socket.get(), &word, 1) != 0)
    ::usleep(1000);
  return 0;
}

class HostileTest : public RemoteLinkTest {
 protected:
  void SetUp() override {
    SKIP_IF_SANITIZED();
    auto loop = os::Loop::create();
    ASSERT_TRUE(loop);
    loop_ = std::move(*loop);
  }
  void meet(const channel::ToCollector& frame) {
    keeper_ = start_keeper([frame](const os::Fd& socket) { return lie(socket, frame); });
    ASSERT_NE(keeper_, nullptr);
    open();
    turn_until([&] { return link_->process_stats().misbehaved > 0; });
    EXPECT_TRUE(acknowledged_.empty());
  }
};

TEST_F(HostileTest, CannotAcknowledgeWhatItWasNotGiven) {
  meet(channel::Acknowledged{1});
}
TEST_F(HostileTest, CannotSendATwinNobodyAskedFor) {
  meet(channel::DesiredTwin{});
}
TEST_F(HostileTest, CannotBeConfiguredTwice) {
  meet(channel::Configured{});
}

TEST(Confinement, RefusesWhatTheNetworkProcessNeverDoes) {
  SKIP_IF_SANITIZED();
  const pid_t child = ::fork();
  if (child == 0) {
    if (!os::keep_only({})) ::_exit(1);
    const auto confined = confine_network_process();
    if (!confined) ::_exit(2);
    if (::fork() != -1) ::_exit(3);
    if (::kill(::getppid(), 0) != -1) ::_exit(4);
    if (::open("/tmp/vedette-never", O_WRONLY | O_CREAT, 0600) != -1) ::_exit(5);
    if (confined->files && ::open("/etc/passwd", O_RDONLY) != -1) ::_exit(6);
    if (::socket(AF_PACKET, SOCK_RAW, 0) != -1) ::_exit(7);
    std::thread([] {}).join();  // threads it may have
    const char* const arguments[] = {"/bin/true", nullptr};
    ::execv("/bin/true", const_cast<char* const*>(arguments));
    ::_exit(errno == EPERM ? 0 : 8);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Confinement, TheCollectorOpensNoTcpConnection) {
  SKIP_IF_SANITIZED();
  const pid_t child = ::fork();
  if (child == 0) {
    if (!os::keep_only({}) || !confine_collector()) ::_exit(1);
    if (::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) != -1) ::_exit(2);
    if (::socket(AF_INET6, SOCK_STREAM, 0) != -1) ::_exit(3);
    if (::socket(AF_UNIX, SOCK_STREAM, 0) == -1) ::_exit(4);
    if (::socket(AF_INET, SOCK_DGRAM, 0) == -1) ::_exit(5);
    if (::setuid(0) != -1) ::_exit(6);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace agent::split
