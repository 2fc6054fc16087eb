#pragma once

#include <memory>
#include <string_view>

#include "advisories/advisory.h"
#include "base/result.h"

namespace advisories {

// Reads documents of the OSV schema 1.x, of the ecosystems that release_of_ecosystem() knows; what
// is affected in others is left out. Names are the CVEs among its aliases and of what it is
// upstream of, else of what it is related to, else the one within its id, else its id. Ranges of
// type ECOSYSTEM count, and the listed versions where there are none.
//
// Errors: Malformed (the detail names the member): the document is of no use as a whole; TooLarge.
// Threads: one at a time. Source: https://ossf.github.io/osv-schema/
class OsvReader {
 public:
  OsvReader();
  ~OsvReader();
  OsvReader(const OsvReader&) = delete;
  OsvReader& operator=(const OsvReader&) = delete;

  // `json` is followed by Splitter::kPadding bytes that may be read.
  base::Result<Advisory> read(std::string_view json);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace advisories
