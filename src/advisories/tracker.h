#pragma once

#include <memory>
#include <string_view>

#include "advisories/advisory.h"
#include "base/result.h"

namespace advisories {

// Reads records of the Debian security tracker: of one vulnerability in one source package.
//
//   {"description": "...", "releases": {"bookworm": {"status": "open" | "resolved" |
//    "undetermined", "fixed_version": "1.2-3" | "0", "urgency": "low", "nodsa": "Minor issue",
//    "nodsa_reason": "" | "ignored" | "postponed"}}}
//
// Releases in which the package was never vulnerable (fixed in 0) say nothing. The names are as
// they stand in the JSON. Errors: Malformed (at: an offset into the record, where that is known;
// the detail names the member). Threads: one at a time.
// Source: https://security-tracker.debian.org/tracker/data/json
class TrackerReader {
 public:
  TrackerReader();
  ~TrackerReader();
  TrackerReader(const TrackerReader&) = delete;
  TrackerReader& operator=(const TrackerReader&) = delete;

  // `json` is followed by Splitter::kPadding bytes that may be read.
  base::Result<Advisory> read(std::string_view package, std::string_view name,
                              std::string_view json);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace advisories
