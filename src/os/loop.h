#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "base/time.h"

namespace os {

// Names one timer; 0 is never one.
using TimerId = std::uint64_t;

// A single-threaded event loop over epoll: descriptors, timers, signals, and calls from other
// threads.
//
// Everything but post() and stop() belongs to the thread that calls run(). Callbacks may add and
// remove anything, themselves included; what was removed is not called again.
class Loop {
 public:
  // Bits of `ready` and of `interest`.
  static constexpr std::uint32_t kReadable = 1;
  static constexpr std::uint32_t kWritable = 2;
  // Errors and hang-ups are reported as readable and writable, so that the next call sees them.
  using FdCallback = std::function<void(std::uint32_t ready)>;

  // Errors: Io.
  static base::Result<std::unique_ptr<Loop>> create();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Watches a descriptor, which stays the caller's and must be removed before it is closed.
  base::Result<void> watch(int fd, std::uint32_t interest, FdCallback callback);
  base::Result<void> change(int fd, std::uint32_t interest);
  void unwatch(int fd);

  // Calls back once, `delay` from now; at once is allowed (never from within this call).
  TimerId after(std::chrono::nanoseconds delay, std::function<void()> callback);
  // Calls back every `period`; occasions that were slept through are skipped, not made up for.
  TimerId every(std::chrono::nanoseconds period, std::function<void()> callback);
  void cancel(TimerId timer);

  // Calls back, on the loop, for each of those signals instead of their default action. Once.
  base::Result<void> on_signals(std::initializer_list<int> signals,
                                std::function<void(int)> callback);

  // Runs `task` on the loop soon. Threads: any.
  void post(std::function<void()> task);

  // Returns after stop().
  base::Result<void> run();
  // Threads: any.
  void stop();

 private:
  Loop();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace os
