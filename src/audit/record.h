#pragma once

#include <cstdint>
#include <string_view>

#include "audit/event.h"
#include "base/result.h"
#include "base/time.h"

namespace audit {

// What stands before the fields: "audit(1700000000.123:4567): ".
struct Head {
  std::uint64_t serial = 0;
  base::WallTime time;
  std::string_view body;  // view into the text
};

// A record as the kernel sends it: its text without the type. NULs and line ends behind it are
// passed over. Errors: Malformed, TooLarge. Threads: pure.
base::Result<Head> read_head(std::string_view text);

// A line of auditd's log: "type=SYSCALL msg=audit(...): ...", with or without "node=..." before it;
// what enriched logs add behind a group separator is left out.
struct Line {
  RecordType type = 0;
  Head head;
};
base::Result<Line> read_line(std::string_view text);

}  // namespace audit
