#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "schema/decode.h"

// What the hub's journal holds, as lines of JSON for other programs. Threads: pure.
namespace hub::egress {

// One line is one of these.
enum class Kind : std::uint8_t { Event, Telemetry, Alert, Operation };
inline constexpr std::size_t kKinds = 4;
// As it stands in the line: "event".
std::string_view to_string(Kind kind);
// As users choose it: "events", "telemetry", "alerts", "operations".
std::optional<Kind> parse_kind(std::string_view plural);

// Where a line stands: the journal's sequence and the line's number among those of that record.
// Lines keep theirs for ever. As text "17.0"; it rises from line to line, with gaps.
struct Offset {
  std::uint64_t sequence = 0;
  std::uint32_t index = 0;
  auto operator<=>(const Offset&) const = default;

  std::string to_string() const;
  // "17.0", or "17" for the first line of a record. Errors: Malformed.
  static base::Result<Offset> parse(std::string_view text);
};

// Which lines somebody wants.
struct Filter {
  std::array<bool, kKinds> kinds{};
  // Patterns of device ids with * and ?; empty: all, and what is about no device.
  std::vector<std::string> devices;

  static Filter all();
  bool takes(Kind kind) const { return kinds[static_cast<std::size_t>(kind)]; }
  bool takes_device(std::string_view device_id) const;
};

// * stands for any text, ? for one byte; in time that depends on both lengths' product at most.
bool matches_pattern(std::string_view pattern, std::string_view text);

struct Line {
  Offset offset;
  std::string text;  // one JSON object and a line feed
};

// Appends the lines of one journal record that the filter takes, from the line `first` on.
// Errors: Malformed, Truncated: this is no record of ours.
base::Result<void> append_lines(std::uint64_t sequence, base::ByteView record, const Filter& filter,
                                std::uint32_t first, schema::Decoder& decoder,
                                std::vector<Line>& out);

}  // namespace hub::egress
