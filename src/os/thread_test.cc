#include "os/thread.h"

#include <array>
#include <csignal>

#include <gtest/gtest.h>
#include <pthread.h>

namespace os {
namespace {

TEST(StartThread, NamesItAndLeavesSignalsToOthers) {
  std::array<char, 16> name{};
  sigset_t blocked{};
  start_thread("a name that is too long", [&] {
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  }).join();
  EXPECT_STREQ(name.data(), "a name that is ");
  EXPECT_EQ(::sigismember(&blocked, SIGTERM), 1);
  EXPECT_EQ(::sigismember(&blocked, SIGCHLD), 1);
}

}  // namespace
}  // namespace os
