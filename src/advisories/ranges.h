#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "advisories/version.h"
#include "base/result.h"

namespace advisories {

// What comes where an interval of versions ends.
enum class End : std::uint8_t {
  None,   // it goes on for ever
  Fixed,  // the first version that is not affected
  Last,   // the last one that is
  Limit,  // nothing is said about this version and later ones
};

struct Interval {
  std::string from = {};  // the first version; empty: all
  End end = End::None;
  std::string to = {};
};

// Which versions are affected: those within an interval, and those that are listed.
struct Ranges {
  std::vector<Interval> intervals;
  std::vector<std::string> versions;
};

inline constexpr std::size_t kMaxIntervals = 256;
inline constexpr std::size_t kMaxVersions = 1024;  // that are listed

// A text of them: ">=1.0 <1.4; >=2.0 <=2.3; =3.1"; "*" for all. Limits are "<<". Each version
// satisfies is_version().
std::string to_string(const Ranges& ranges);

struct Match {
  bool affected = false;
  std::string_view fixed = {};  // the version that is not any more; empty: there is none. A view
                                // into the text.
};
// Whether that version is affected, by a text that to_string() made; by any other text, some
// answer. Threads: pure.
Match match(Ordering ordering, std::string_view ranges, std::string_view version);

// An event of a range of OSV.
struct RangeEvent {
  enum class Kind : std::uint8_t { Introduced, Fixed, LastAffected, Limit };
  Kind kind{};
  std::string version;  // "0": before all others
};
// The intervals that the events stand for, in whatever order they are. Errors: Malformed (a version
// that is none, no event that introduces). Source: OSV schema, affected[].ranges[].events.
base::Result<std::vector<Interval>> intervals_of(Ordering ordering, std::vector<RangeEvent> events);

}  // namespace advisories
