#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace os {

// Jobs on their way to one thread, which does them in their order and several at a time, so that
// one transaction makes all of a batch durable. Bounded by their number and by their bytes:
//
//   struct Job { std::size_t bytes() const; bool is_vital() const; ... };
//
// For what is vital there is always room: it is small and must not be lost.
// Threads: any; take() by one.
template <class Job>
class BatchQueue {
 public:
  static constexpr std::size_t kMaxBatch = 256;

  struct Bounds {
    std::size_t jobs;
    std::size_t bytes;
  };
  explicit BatchQueue(Bounds bounds) : bounds_(bounds) {}

  // False when there is no room, and after stop().
  bool submit(Job job) {
    {
      const std::lock_guard lock(mutex_);
      const bool full = jobs_.size() >= bounds_.jobs || queued_bytes_ + job.bytes() > bounds_.bytes;
      if (stopping_ || (full && !job.is_vital())) return false;
      queued_bytes_ += job.bytes();
      jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
    return true;
  }

  // Waits until there are some, and takes up to kMaxBatch. None: `most` is over, or the end has
  // come and all is taken.
  std::vector<Job> take(std::optional<std::chrono::milliseconds> most = std::nullopt) {
    std::vector<Job> batch;
    std::unique_lock lock(mutex_);
    const auto ready = [this] { return stopping_ || !jobs_.empty(); };
    if (most) {
      wake_.wait_for(lock, *most, ready);
    } else {
      wake_.wait(lock, ready);
    }
    while (!jobs_.empty() && batch.size() < kMaxBatch) {
      queued_bytes_ -= jobs_.front().bytes();
      batch.push_back(std::move(jobs_.front()));
      jobs_.pop_front();
    }
    return batch;
  }

  // Nothing more is taken in; what is queued can still be taken.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
  }

  // Stopped, and all is taken.
  bool is_over() const {
    const std::lock_guard lock(mutex_);
    return stopping_ && jobs_.empty();
  }

 private:
  const Bounds bounds_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::size_t queued_bytes_ = 0;
  bool stopping_ = false;
};

}  // namespace os
