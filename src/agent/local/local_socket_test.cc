#include "agent/local/local_socket.h"

#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "os/scratch_testing.h"

namespace agent::local {
namespace {

using namespace std::chrono_literals;

class LocalSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = os::Loop::create().value();
    auto opened = LocalSocket::open(*loop_, dir_.path(), [] { return R"({"running":true})"; });
    ASSERT_TRUE(opened) << opened.error().to_string();
    server_ = std::move(*opened);
  }

  // Runs the loop while the other thread asks.
  template <class Ask>
  auto while_serving(Ask ask) {
    decltype(ask()) answer{};
    std::thread client([&] {
      answer = ask();
      loop_->stop();
    });
    EXPECT_TRUE(loop_->run());
    client.join();
    return answer;
  }

  os::ScratchDir dir_;
  std::unique_ptr<os::Loop> loop_;
  std::unique_ptr<LocalSocket> server_;
};

TEST_F(LocalSocketTest, AnswersWhoMayAsk) {
  const auto answer = while_serving([&] { return ask_status(dir_.path(), 5s); });
  ASSERT_TRUE(answer) << answer.error().to_string();
  EXPECT_EQ(*answer, R"({"running":true})");
  struct stat status{};
  ASSERT_EQ(::stat(socket_path(dir_.path()).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
}

TEST_F(LocalSocketTest, TellsEventsToWhoAsked) {
  EXPECT_FALSE(server_->has_listeners());
  std::string heard;
  std::thread client([&] {
    const auto socket = open_events(dir_.path());
    ASSERT_TRUE(socket);
    char byte = 0;
    while (heard.find("two\n") == std::string::npos && ::read(socket->get(), &byte, 1) == 1)
      heard += byte;
  });
  const auto teller = loop_->every(1ms, [&] {
    if (!server_->has_listeners()) return;
    server_->tell("one");
    server_->tell("two");
    loop_->stop();
  });
  ASSERT_TRUE(loop_->run());
  loop_->cancel(teller);
  client.join();
  EXPECT_EQ(heard, "{}\none\ntwo\n");
}

TEST_F(LocalSocketTest, LeavesBehindWhoDoesNotRead) {
  const auto socket = open_events(dir_.path());
  ASSERT_TRUE(socket);
  const auto teller = loop_->every(1ms, [&] {
    if (server_->has_listeners()) loop_->stop();
  });
  ASSERT_TRUE(loop_->run());
  loop_->cancel(teller);
  for (int i = 0; i < 100; ++i)
    server_->tell(std::string(64U << 10U, 'x'));
  EXPECT_FALSE(server_->has_listeners());
}

TEST_F(LocalSocketTest, SaysThatNobodyIsThere) {
  server_.reset();
  EXPECT_EQ(ask_status(dir_.path(), 1s).error().code, base::Code::NotFound);
  EXPECT_EQ(ask_status(std::string(200, 'x'), 1s).error().code, base::Code::TooLarge);
}

TEST_F(LocalSocketTest, OthersMayNotAsk) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(socket_path(dir_.path()).c_str(), 0666), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setresuid(65534, 65534, 65534) != 0) ::_exit(1);
    const auto answer = ask_status(dir_.path(), 5s);
    ::_exit(!answer && answer.error().code == base::Code::Denied ? 0 : 2);
  }
  const auto watch = loop_->every(2ms, [&] {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == child)
      loop_->stop();
  });
  ASSERT_TRUE(loop_->run());
  loop_->cancel(watch);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace agent::local
