#include "hub/api/changes.h"

#include <fmt/format.h>

namespace hub::api {

Changes::Changes(base::WallTime started, std::size_t keep)
    : keep_(keep),
      last_(static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(started.time_since_epoch())
              .count())) {}

void Changes::publish(std::string_view event, std::string_view json) {
  const std::lock_guard lock(mutex_);
  texts_.push_back(fmt::format("id: {}\nevent: {}\ndata: {}\n\n", ++last_, event, json));
  bytes_ += texts_.back().size();
  while (texts_.size() > keep_ || (bytes_ > kKeepBytes && texts_.size() > 1)) {
    bytes_ -= texts_.front().size();
    texts_.pop_front();
  }
  for (const auto& [subscription, waker] : wakers_)
    waker();
}

std::uint64_t Changes::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

std::optional<Changes::Chunk> Changes::read(std::uint64_t after, std::size_t max_bytes) const {
  const std::lock_guard lock(mutex_);
  if (after > last_ || last_ - after > texts_.size()) return std::nullopt;
  Chunk chunk{"", after};
  for (std::size_t at = texts_.size() - (last_ - after); at < texts_.size(); ++at) {
    if (!chunk.text.empty() && chunk.text.size() + texts_[at].size() > max_bytes) break;
    chunk.text += texts_[at];
    ++chunk.last;
  }
  return chunk;
}

std::uint64_t Changes::subscribe(Waker waker) {
  const std::lock_guard lock(mutex_);
  wakers_.emplace(next_subscription_, std::move(waker));
  return next_subscription_++;
}

void Changes::unsubscribe(std::uint64_t subscription) {
  const std::lock_guard lock(mutex_);
  wakers_.erase(subscription);
}

std::size_t Changes::subscribers() const {
  const std::lock_guard lock(mutex_);
  return wakers_.size();
}

}  // namespace hub::api
