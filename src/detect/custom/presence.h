#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"

namespace detect::custom {

// When devices were connected, as the hub's operations tell: a device is while it or one of its
// modules is. Remembers the latest times of each device, and nothing of those that are gone for
// longer than windows last. Threads: one at a time.
class Presence {
 public:
  // Ends and beginnings closer than that are one connection: clients come again with newer tokens.
  static constexpr std::chrono::minutes kBlink{2};
  static constexpr std::size_t kTimes = 8;  // remembered of a device

  void connected(std::string_view device, base::WallTime time);
  void disconnected(std::string_view device, base::WallTime time);
  // The hub began anew: what was connected before is no more.
  void restarted(base::WallTime time);
  // Whether it was at that time, as far as is remembered.
  bool was_connected(std::string_view device, base::WallTime time) const;
  // Since when its connections are known; nullopt: nothing is.
  std::optional<base::WallTime> known_since(std::string_view device) const;
  // Forgets those who left before.
  void forget(base::WallTime before);

  template <class Call>
  void for_each_connected(Call&& call) const {
    for (const auto& [device, entry] : entries_) {
      if (entry.connections > 0) call(std::string_view(device));
    }
  }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Time {
    base::WallTime from;
    base::WallTime until;  // max(): still
  };
  struct Entry {
    int connections = 0;
    std::deque<Time> times;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries_;
};

}  // namespace detect::custom
