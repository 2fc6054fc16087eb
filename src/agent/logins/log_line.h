#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace agent::logins {

// One line of a system log, taken apart; views into the line.
struct LogLine {
  base::WallTime time;
  std::string_view host;
  std::string_view program;  // "sshd"
  std::uint32_t pid = 0;     // 0: not told
  std::string_view message;
  unsigned repeats = 1;  // "message repeated N times: [ ... ]" is the message, N times
};

// Reads a line as rsyslog, syslog-ng and busybox write them, in the old form ("Nov  2 07:08:09 host
// sshd[12]: ...", by local time and without a year) or with an RFC 3339 time; with or without
// "<PRI>" and busybox's "auth.info". The year is the latest that does not put the line more than a
// day after `now`. nullopt: not such a line. Threads: any (asks the C library for the time zone).
std::optional<LogLine> read_log_line(std::string_view line, base::WallTime now);

// "last message repeated N times", as a message.
std::optional<unsigned> repeats_of_last(std::string_view message);

}  // namespace agent::logins
