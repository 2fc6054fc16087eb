#include "os/connect.h"

#include <optional>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace os {
namespace {

using base::Code;
using base::Result;

constexpr auto kPatience = std::chrono::seconds(20);

class ConnectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = Loop::create().value();
    loop_->after(kPatience, [this] {
      ADD_FAILURE() << "nothing happened in time";
      loop_->stop();
    });
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }

  Result<Fd> connect(const std::string& host, std::chrono::nanoseconds timeout = kPatience) {
    std::optional<Result<Fd>> answer;
    const Connect attempt(*loop_, host, port_, timeout, [&](Result<Fd> result) {
      answer = std::move(result);
      loop_->stop();
    });
    EXPECT_FALSE(answer) << "called back from within the constructor";
    EXPECT_TRUE(loop_->run());
    if (!answer) return base::fail(Code::Invalid, "no answer");
    return std::move(*answer);
  }

  std::unique_ptr<Loop> loop_;
  Fd listener_;
  std::uint16_t port_ = 0;
};

TEST_F(ConnectTest, ConnectsByAddress) {
  ASSERT_EQ(::listen(listener_.get(), 1), 0);
  const auto socket = connect("127.0.0.1");
  ASSERT_TRUE(socket) << socket.error().to_string();
  EXPECT_TRUE(*socket);
}

TEST_F(ConnectTest, ConnectsByNameAndTriesEachAddress) {
  // Where localhost is ::1 first, that one is refused and the next is tried.
  ASSERT_EQ(::listen(listener_.get(), 1), 0);
  const auto socket = connect("localhost");
  ASSERT_TRUE(socket) << socket.error().to_string();
}

TEST_F(ConnectTest, SaysWhoRefused) {
  const auto socket = connect("127.0.0.1");
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, Code::Io);
  EXPECT_EQ(socket.error().at, ECONNREFUSED);
  EXPECT_EQ(socket.error().detail, "127.0.0.1:" + std::to_string(port_));
}

TEST_F(ConnectTest, SaysThatAnAddressIsNone) {
  const auto socket = connect("no such name.invalid");
  ASSERT_FALSE(socket);
  EXPECT_TRUE(socket.error().code == Code::NotFound || socket.error().code == Code::Unavailable)
      << socket.error().to_string();
}

TEST_F(ConnectTest, GivesUpInTime) {
  // A listener whose queue is full answers nobody.
  ASSERT_EQ(::listen(listener_.get(), 0), 0);
  std::vector<Fd> crowd;
  for (int i = 0; i < 8; ++i) {
    crowd.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::connect(crowd.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  const auto socket = connect("127.0.0.1", std::chrono::milliseconds(50));
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code, Code::Unavailable) << socket.error().to_string();
  EXPECT_NE(socket.error().detail.find("no answer"), std::string::npos);
}

TEST_F(ConnectTest, IsSilentAfterDestruction) {
  ASSERT_EQ(::listen(listener_.get(), 8), 0);
  for (const char* host : {"127.0.0.1", "localhost", "name.invalid"}) {
    const Connect attempt(*loop_, host, port_, kPatience, [](Result<Fd>) { ADD_FAILURE(); });
  }
  // Whoever still wanted to call has done so by now.
  EXPECT_TRUE(connect("localhost"));
}

TEST_F(ConnectTest, MayBeDestroyedInItsCallback) {
  ASSERT_EQ(::listen(listener_.get(), 1), 0);
  std::unique_ptr<Connect> attempt;
  attempt =
      std::make_unique<Connect>(*loop_, "127.0.0.1", port_, kPatience, [&](Result<Fd> socket) {
        EXPECT_TRUE(socket);
        attempt.reset();
        loop_->stop();
      });
  EXPECT_TRUE(loop_->run());
  EXPECT_FALSE(attempt);
}

}  // namespace
}  // namespace os
