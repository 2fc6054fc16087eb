#include "os/thread.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <pthread.h>

namespace os {

namespace {

constexpr std::size_t kMaxName = 15;  // Linux: more is an error

}  // namespace

std::thread start_thread(std::string name, std::function<void()> run) {
  name.resize(std::min(name.size(), kMaxName));
  return std::thread([name = std::move(name), run = std::move(run)] {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    ::pthread_setname_np(::pthread_self(), name.c_str());
    run();
  });
}

}  // namespace os
