#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "os/fd.h"

namespace agent::local {

// One imitated attack, and whether it was seen.
struct Trial {
  enum class Outcome : std::uint8_t {
    Seen,
    Missed,    // it happened, and no event told of it in time
    NotTried,  // it cannot be imitated here, or is not watched as configured; `detail` says why
  };
  std::string name;   // for people
  std::string event;  // type that should tell of it
  Outcome outcome = Outcome::Missed;
  std::chrono::milliseconds after{0};  // until it was seen
  std::string detail;
};

struct SelftestOptions {
  os::Fd events;  // lines of JSON: events, or messages with events
  // Collectors for this test alone, which take their pictures as they begin: starts them, waits for
  // them, and gives the lines to read instead of the above.
  bool own = false;
  std::function<base::Result<os::Fd>()> begin;
  std::string file_path;  // a folder that is watched for FileEvent; empty: none
  std::chrono::milliseconds patience{10'000};
};

// Imitates each harmless attack once, at the same time, and reads events until all are seen or the
// time is over: a program from a temporary folder with the name of a miner, and its end; a
// connection to an address that is nobody's (192.0.2.1, RFC 5737); a listening port; a file in a
// watched folder; a wrong password for su. Leaves nothing behind but the events, and the one
// failed attempt in the system's log. Threads: blocks.
// Errors: of `begin`.
base::Result<std::vector<Trial>> selftest(SelftestOptions options);

// All that was tried was seen, and something was.
bool passed(const std::vector<Trial>& trials);
std::string table_of(const std::vector<Trial>& trials);
std::string json_of(const std::vector<Trial>& trials, bool own);

// What an event must have to tell of a trial: its type, and texts that some member of one item of
// its payload holds. Threads: pure.
struct Expected {
  std::string event;
  std::vector<std::pair<std::string, std::string>> members;  // name, part of its value
};
// Is it in this line, an event or a message of several? What is no JSON is not.
bool tells_of(std::string_view line, const Expected& expected);

}  // namespace agent::local
