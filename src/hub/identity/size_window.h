#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace hub::identity {

// How many of an identity's messages of the last 24 hours were small, by the hour; 16 bytes for
// each hour in which there were any. Threads: none of its own.
class SizeWindow {
 public:
  static constexpr std::chrono::hours kLength{24};

  void add(base::WallTime now, std::uint64_t messages, std::uint64_t small);

  struct Sum {
    std::uint64_t messages = 0;
    std::uint64_t small = 0;
  };
  // Of the hours that are not over for longer than kLength.
  Sum sum(base::WallTime now) const;

  // For storage: "HOUR:MESSAGES:SMALL,...". Errors: Malformed.
  std::string to_text() const;
  static base::Result<SizeWindow> parse(std::string_view text);

  bool operator==(const SizeWindow&) const = default;

 private:
  struct Hour {
    std::int64_t hour = 0;  // since the epoch
    std::uint32_t messages = 0;
    std::uint32_t small = 0;
    bool operator==(const Hour&) const = default;
  };
  std::vector<Hour> hours_;  // rising, at most 25
};

}  // namespace hub::identity
