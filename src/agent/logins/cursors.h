#pragma once

#include <map>
#include <string>

#include "agent/logins/tail.h"
#include "base/result.h"

namespace agent::logins {

// How far each source was read, kept over restarts.
struct Cursors {
  std::map<std::string, TailPosition> files;  // by path
  std::string journal;                        // empty: never read
  bool operator==(const Cursors&) const = default;
};

// Threads: pure. Errors: Malformed.
base::Result<Cursors> read_cursors(std::string_view json);
std::string write_cursors(const Cursors& cursors);

}  // namespace agent::logins
