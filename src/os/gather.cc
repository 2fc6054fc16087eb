#include "os/gather.h"

#include <cmath>
#include <utility>

namespace os {

using base::Result;

namespace {
// After which an item counts half.
constexpr double kHalfSeconds = 0.05;
}  // namespace

bool GatherPace::streams(std::size_t items, base::MonoTime now) {
  const double passed = std::chrono::duration<double>(now - when_).count();
  when_ = now;
  recent_ = recent_ * std::exp2(-passed / kHalfSeconds) + static_cast<double>(items);
  return recent_ >= options_.stream_items;
}

Result<void> Gather::begin(int fd, Take take, Failed failed) {
  ASSERT(fd_ < 0);
  TRY(loop_.watch(fd, Loop::kReadable, [this](std::uint32_t) {
    // Not watched while gathering: the descriptor stays readable.
    if (loop_.change(fd_, 0)) plan(pace_.options().first);
  }));
  fd_ = fd;
  take_ = std::move(take);
  failed_ = std::move(failed);
  return {};
}

void Gather::end() {
  loop_.cancel(std::exchange(timer_, 0));
  if (fd_ < 0) return;
  loop_.unwatch(std::exchange(fd_, -1));
}

void Gather::plan(std::chrono::nanoseconds delay) {
  timer_ = loop_.after(delay, [this] { turn(); });
}

void Gather::turn() {
  timer_ = 0;
  const Taken taken = take_();
  if (fd_ < 0) return;
  if (taken.more) {
    plan(std::chrono::nanoseconds(0));
  } else if (pace_.streams(taken.items, base::mono_now())) {
    plan(pace_.options().stream);
  } else if (const auto watched = loop_.change(fd_, Loop::kReadable); !watched) {
    failed_(watched.error());
  }
}

}  // namespace os
