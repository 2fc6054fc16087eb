#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/time.h"

namespace hub::api {

// Slows down guessing of passwords.
//
// Failures are counted for each address (an IPv6 client's /64) together with the name that it
// tried, and for each address alone. After some free ones the wait doubles with each failure, from
// one second to five minutes; ten quiet minutes forget them. A name alone is never locked, so that
// nobody can lock out others. Threads: any.
class LoginLimiter {
 public:
  static constexpr std::uint32_t kFreePerName = 5;
  static constexpr std::uint32_t kFreePerAddress = 20;
  static constexpr std::chrono::seconds kLongestWait{300};
  static constexpr std::chrono::minutes kForget{10};
  static constexpr std::size_t kMaxEntries = 8192;  // above, the longest quiet one is forgotten

  // Zero: go ahead; the attempt counts as a failure until succeeded() says otherwise, so that
  // attempts at the same time count too. Otherwise: how long to wait.
  std::chrono::seconds attempt(std::string_view address, std::string_view name, base::MonoTime now);
  void succeeded(std::string_view address, std::string_view name);

  std::size_t entries() const;

 private:
  struct Entry {
    std::uint32_t failures = 0;
    base::MonoTime last;
  };

  Entry& entry(const std::string& key, base::MonoTime now);
  void make_room(base::MonoTime now);

  mutable std::mutex mutex_;  // guards entries_
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace hub::api
