#pragma once

#include <optional>
#include <string_view>

#include "sigma/rule.h"

namespace sigma {

// A part of a date as it is written, whatever its zone: 2026-03-01T23:59:00+01:00 has hour 23.
// Takes RFC 3339, a blank in the place of T, no zone, and a date alone. Weeks are those of ISO
// 8601, 1 to
// 53. nullopt: no date. Threads: pure.
std::optional<double> time_part(std::string_view text, TimePart part);

}  // namespace sigma
