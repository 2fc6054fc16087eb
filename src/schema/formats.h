#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/time.h"

// The string formats of the schema, exactly as ajv-formats (3.0, full mode) judges them. Threads:
// pure.
namespace schema {

// Dotted decimal, no leading zeros.
bool is_ipv4(std::string_view text);
// RFC 4291 text, with or without a dotted tail; no zone.
bool is_ipv6(std::string_view text);

// A date, one of T, t or white space, a time, and Z or an offset (+01:00, +0100, +01). A second of
// 60 or a time past 23:59 is only read where it names 23:59 of UTC. nullopt for anything else.
// Instants beyond the range of WallTime become its ends (less two days), finer fractions than
// nanoseconds are dropped.
std::optional<base::OffsetTime> parse_date_time(std::string_view text);

// Length in code points; `text` is UTF-8.
std::size_t code_points(std::string_view text);

}  // namespace schema
