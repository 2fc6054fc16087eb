#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace kql {

// KQL's clock: 100-nanosecond ticks. A datetime counts them from 0001-01-01T00:00:00Z to the end of
// the year 9999; a timespan is a signed count. Threads: pure.
using Ticks = std::int64_t;

inline constexpr Ticks kTicksPerMicrosecond = 10;
inline constexpr Ticks kTicksPerMillisecond = 10'000;
inline constexpr Ticks kTicksPerSecond = 10'000'000;
inline constexpr Ticks kTicksPerMinute = 60 * kTicksPerSecond;
inline constexpr Ticks kTicksPerHour = 60 * kTicksPerMinute;
inline constexpr Ticks kTicksPerDay = 24 * kTicksPerHour;
// 1970-01-01T00:00:00Z.
inline constexpr Ticks kUnixEpochTicks = 621'355'968'000'000'000;
// The last tick of the year 9999.
inline constexpr Ticks kMaxDateTimeTicks = 3'155'378'975'999'999'999;

// Rounds toward the past, to a whole tick.
Ticks to_ticks(base::WallTime time);
// The nearest time that WallTime can say, which is within 292 years of 1970.
base::WallTime to_wall_time(Ticks ticks);

// 2019-03-01T12:00:00.1234567Z: always seven fractional digits.
std::string format_datetime(Ticks ticks);
// [-][days.]hh:mm:ss[.fffffff]
std::string format_timespan(Ticks ticks);

// What KQL's datetime() takes: ISO 8601 (date, date and time, offset or Z), RFC 822 and RFC 850.
// Without an offset the time is UTC.
std::optional<Ticks> parse_datetime(std::string_view text);
// What KQL's timespan() takes: 1.02:03:04.5, 02:03, 7 (days), 15s, 2d...
std::optional<Ticks> parse_timespan(std::string_view text);
// The ticks in one "d", "hour", "ms"...; nullopt for a word that is no unit.
std::optional<Ticks> timespan_unit(std::string_view unit);

}  // namespace kql
