#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

// Wall-clock time, UTC; may step in either direction. For people and for records.
using WallTime = std::chrono::sys_time<std::chrono::nanoseconds>;
// Monotonic time; for timeouts and durations. Never mixed with WallTime.
using MonoTime = std::chrono::time_point<std::chrono::steady_clock>;

WallTime wall_now();
MonoTime mono_now();

// RFC 3339, UTC, with `digits` (0 to 9) fractional digits: 2018-08-10T11:01:21.000Z.
std::string format_rfc3339(WallTime time, int digits = 3);
// The same instant written with an offset from UTC: 2018-08-10T12:01:21.000+01:00.
std::string format_rfc3339(WallTime time, std::chrono::minutes offset, int digits = 3);

// An instant and the offset it was written with.
struct OffsetTime {
  WallTime utc;
  std::chrono::minutes offset{0};
};

// RFC 3339 section 5.6, upper or lower case, offset required; a leap second (:60) is read as the
// second after :59. Years 1678 to 2261 (the range of WallTime). Errors: Malformed.
Result<OffsetTime> parse_rfc3339(std::string_view text);

// ISO 8601 duration of weeks, days, hours, minutes and seconds: PT7M, P1DT12H, PT0.5S. Years and
// months have no fixed length and are refused (Unsupported); the rest of bad input is Malformed.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);
std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace base
