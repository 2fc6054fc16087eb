#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "agent/settings/settings.h"
#include "base/json.h"
#include "base/result.h"

namespace agent::settings {

enum class Kind : std::uint8_t { Duration, Integer, Level, Severity, Flag, Text, Texts };

// One key of the twin: the list of them is what is read, reported and documented.
struct Key {
  std::string name;
  Kind kind{};
  bool classic = false;  // of the security module's published twin; otherwise our own
  // Of a Duration in nanoseconds, of an Integer as it is.
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  std::string summary;
  // Puts a value into its place. Errors: Invalid; the detail says what was expected.
  std::function<base::Result<void>(const base::json::Value&, Settings&)> set;
  // The value in effect, as the twin writes it.
  std::function<base::json::Value(const Settings&)> get;
};

// All keys, the frequencies first. Threads: any.
std::span<const Key> keys();
const Key* find_key(std::string_view name);

// ISO 8601 as the twin's schema has it: parse_duration, and years of 365 and months of 30 days.
// Errors: Malformed.
base::Result<std::chrono::nanoseconds> parse_interval(std::string_view text);

// The keys as the table of docs/reference/agent-configuration.md, in Markdown.
std::string table_of_keys();

}  // namespace agent::settings
