#include "os/loop.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "os/fd.h"

namespace os {

using base::fail_errno;
using base::MonoTime;
using base::Result;

struct Loop::State {
  struct Timer {
    std::chrono::nanoseconds period{0};  // 0: once
    std::shared_ptr<std::function<void()>> callback;
  };

  Fd epoll;
  Fd wake;
  Fd signals;
  struct Watch {
    std::uint32_t generation = 0;
    std::shared_ptr<FdCallback> callback;
  };
  std::unordered_map<int, Watch> watches;
  std::uint32_t next_generation = 0;
  // Ordered by due time, then by age.
  std::map<std::pair<MonoTime, TimerId>, Timer> timers;
  std::unordered_map<TimerId, MonoTime> due;
  TimerId next_timer = 1;
  std::atomic<bool> stopping{false};

  std::mutex posted_mutex;
  std::vector<std::function<void()>> posted;  // guarded by posted_mutex

  void add_timer(TimerId id, MonoTime at, Timer timer) {
    due[id] = at;
    timers.emplace(std::pair(at, id), std::move(timer));
  }

  int milliseconds_to_next() const {
    if (timers.empty()) return -1;
    const auto left = timers.begin()->first.first - base::mono_now();
    if (left.count() <= 0) return 0;
    const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return static_cast<int>(std::min<std::int64_t>(rounded, 60'000));
  }

  void run_due_timers() {
    const MonoTime now = base::mono_now();
    // A timer added or renewed by a callback is not due before the next turn.
    while (!timers.empty() && timers.begin()->first.first <= now && !stopping) {
      auto node = timers.extract(timers.begin());
      const TimerId id = node.key().second;
      due.erase(id);
      const Timer timer = std::move(node.mapped());
      if (timer.period.count() > 0)
        add_timer(id, std::max(node.key().first + timer.period, now + std::chrono::nanoseconds(1)),
                  timer);
      (*timer.callback)();
    }
  }

  void run_posted() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t size = ::read(wake.get(), &count, sizeof count);
    std::vector<std::function<void()>> tasks;
    {
      const std::lock_guard lock(posted_mutex);
      tasks.swap(posted);
    }
    for (const auto& task : tasks)
      task();
  }

  void notify() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t size = ::write(wake.get(), &one, sizeof one);
  }
};

namespace {

// An event names the watch, not only the descriptor: a callback may close a descriptor for which
// the same turn still holds an event, and the number may be in use again already.
std::uint64_t watch_key(int fd, std::uint32_t generation) {
  return (static_cast<std::uint64_t>(generation) << 32U) | static_cast<std::uint32_t>(fd);
}

std::uint32_t to_epoll(std::uint32_t interest) {
  return ((interest & Loop::kReadable) ? static_cast<std::uint32_t>(EPOLLIN) : 0U) |
         ((interest & Loop::kWritable) ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
}

std::uint32_t from_epoll(std::uint32_t events) {
  std::uint32_t ready = 0;
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) ready |= Loop::kReadable;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) ready |= Loop::kWritable;
  return ready;
}

}  // namespace

Loop::Loop() : state_(std::make_unique<State>()) {}
Loop::~Loop() = default;

Result<std::unique_ptr<Loop>> Loop::create() {
  std::unique_ptr<Loop> loop(new Loop());
  State& state = *loop->state_;
  state.epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!state.epoll) return fail_errno("epoll_create1");
  state.wake.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!state.wake) return fail_errno("eventfd");
  TRY(loop->watch(state.wake.get(), kReadable, [&state](std::uint32_t) { state.run_posted(); }));
  return loop;
}

Result<void> Loop::watch(int fd, std::uint32_t interest, FdCallback callback) {
  const std::uint32_t generation = ++state_->next_generation;
  epoll_event event{};
  event.events = to_epoll(interest);
  event.data.u64 = watch_key(fd, generation);
  if (::epoll_ctl(state_->epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail_errno("epoll_ctl add");
  }
  state_->watches[fd] = {generation, std::make_shared<FdCallback>(std::move(callback))};
  return {};
}

Result<void> Loop::change(int fd, std::uint32_t interest) {
  const auto watch = state_->watches.find(fd);
  if (watch == state_->watches.end()) return base::fail(base::Code::NotFound, "epoll_ctl mod");
  epoll_event event{};
  event.events = to_epoll(interest);
  event.data.u64 = watch_key(fd, watch->second.generation);
  if (::epoll_ctl(state_->epoll.get(), EPOLL_CTL_MOD, fd, &event) != 0) {
    return fail_errno("epoll_ctl mod");
  }
  return {};
}

void Loop::unwatch(int fd) {
  if (state_->watches.erase(fd) == 0) return;
  ::epoll_ctl(state_->epoll.get(), EPOLL_CTL_DEL, fd, nullptr);
}

TimerId Loop::after(std::chrono::nanoseconds delay, std::function<void()> callback) {
  // "Never" is a delay too, and must not overflow.
  constexpr std::chrono::nanoseconds kLongest = std::chrono::years(100);
  const TimerId id = state_->next_timer++;
  state_->add_timer(
      id, base::mono_now() + std::min(delay, kLongest),
      {std::chrono::nanoseconds(0), std::make_shared<std::function<void()>>(std::move(callback))});
  return id;
}

TimerId Loop::every(std::chrono::nanoseconds period, std::function<void()> callback) {
  ASSERT(period.count() > 0);
  const TimerId id = state_->next_timer++;
  state_->add_timer(id, base::mono_now() + period,
                    {period, std::make_shared<std::function<void()>>(std::move(callback))});
  return id;
}

void Loop::cancel(TimerId timer) {
  const auto found = state_->due.find(timer);
  if (found == state_->due.end()) return;
  state_->timers.erase({found->second, timer});
  state_->due.erase(found);
}

Result<void> Loop::on_signals(std::initializer_list<int> signals,
                              std::function<void(int)> callback) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals)
    ::sigaddset(&set, signal);
  if (::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno("pthread_sigmask");
  state_->signals.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!state_->signals) return fail_errno("signalfd");
  return watch(state_->signals.get(), kReadable,
               [fd = state_->signals.get(), callback = std::move(callback)](std::uint32_t) {
                 signalfd_siginfo info{};
                 while (::read(fd, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
                   callback(static_cast<int>(info.ssi_signo));
                 }
               });
}

void Loop::post(std::function<void()> task) {
  bool first = false;
  {
    const std::lock_guard lock(state_->posted_mutex);
    first = state_->posted.empty();
    state_->posted.push_back(std::move(task));
  }
  // The loop that is on its way to the first takes the others, too.
  if (first) state_->notify();
}

Result<void> Loop::run() {
  std::array<epoll_event, 64> events{};
  while (!state_->stopping) {
    const int count = ::epoll_wait(state_->epoll.get(), events.data(),
                                   static_cast<int>(events.size()), state_->milliseconds_to_next());
    if (count < 0 && errno != EINTR) return fail_errno("epoll_wait");
    for (int i = 0; i < count && !state_->stopping; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const auto watch = state_->watches.find(static_cast<int>(event.data.u64 & UINT32_MAX));
      if (watch == state_->watches.end()) continue;
      if (watch->second.generation != event.data.u64 >> 32U) continue;
      // Kept alive through the call, which may remove itself.
      const std::shared_ptr<FdCallback> callback = watch->second.callback;
      (*callback)(from_epoll(event.events));
    }
    state_->run_due_timers();
  }
  state_->stopping = false;
  return {};
}

void Loop::stop() {
  state_->stopping = true;
  state_->notify();
}

}  // namespace os
