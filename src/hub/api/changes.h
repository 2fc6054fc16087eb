#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"

namespace hub::api {

// The last changes, as text of server-sent events, for any number of readers at their own pace.
//
// Ids count up from the time at which the hub started (in microseconds), so that those of an
// earlier run are known to be old. Bounded: the oldest are forgotten, and who has not read them by
// then is told to start over. Source: WHATWG HTML, section 9.2. Threads: any.
class Changes {
 public:
  static constexpr std::size_t kKeep = 4096;
  static constexpr std::size_t kKeepBytes = 4U << 20U;

  explicit Changes(base::WallTime started, std::size_t keep = kKeep);

  // `json` is one line. Wakes all readers.
  void publish(std::string_view event, std::string_view json);

  // Id of the last change; the start's when there was none.
  std::uint64_t last() const;

  struct Chunk {
    std::string text;        // events ready to send; empty when there is nothing new
    std::uint64_t last = 0;  // id to continue after
  };
  // What came after that id, up to about `max_bytes`. nullopt: part of it is forgotten, or the id
  // is not one of ours.
  std::optional<Chunk> read(std::uint64_t after, std::size_t max_bytes) const;

  // Called after each change, on the thread that published it, with a lock held: only pass it on.
  using Waker = std::function<void()>;
  std::uint64_t subscribe(Waker waker);
  void unsubscribe(std::uint64_t subscription);
  std::size_t subscribers() const;

 private:
  const std::size_t keep_;
  mutable std::mutex mutex_;  // guards all below
  std::uint64_t last_;
  std::size_t bytes_ = 0;
  std::deque<std::string> texts_;  // of the ids last_ - size + 1 to last_
  std::uint64_t next_subscription_ = 1;
  std::unordered_map<std::uint64_t, Waker> wakers_;
};

}  // namespace hub::api
