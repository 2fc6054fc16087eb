#include "os/service.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/fd.h"
#include "os/scratch_testing.h"

namespace os {
namespace {

using namespace std::chrono_literals;

class ServiceTest : public ::testing::Test {
 protected:
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
      ::unsetenv(name);
  }

  // A manager that listens under that name.
  void listen(const std::string& name) {
    manager_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    ASSERT_EQ(::bind(manager_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  std::string heard() {
    std::array<char, 256> text{};
    const ssize_t size = ::recv(manager_.get(), text.data(), text.size(), 0);
    return size < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
  }

  ScratchDir dir_;
  Fd manager_;
};

TEST_F(ServiceTest, TellsTheManager) {
  notify_service("READY=1");  // nobody asked
  listen(dir_ / "notify");
  notify_service("READY=1\nSTATUS=collecting");
  EXPECT_EQ(heard(), "READY=1\nSTATUS=collecting");
  listen("@vedette-test-" + std::to_string(::getpid()));
  notify_service("STOPPING=1");
  EXPECT_EQ(heard(), "STOPPING=1");
  ::setenv("NOTIFY_SOCKET", "relative", 1);
  notify_service("READY=1");
  EXPECT_EQ(heard(), "");
}

TEST_F(ServiceTest, KnowsWhenTheWatchdogBites) {
  EXPECT_EQ(watchdog_period(), 0us);
  ::setenv("WATCHDOG_USEC", "60000000", 1);
  EXPECT_EQ(watchdog_period(), 30s);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(watchdog_period(), 0us);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_period(), 30s);
  ::setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_EQ(watchdog_period(), 0us);
}

}  // namespace
}  // namespace os
