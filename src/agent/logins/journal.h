#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/logins/observation.h"
#include "base/result.h"
#include "os/loop.h"

namespace agent::logins {

// An entry of systemd's journal, as far as logins need it.
struct JournalEntry {
  base::WallTime time;
  std::string identifier;  // SYSLOG_IDENTIFIER
  std::string message;
  std::string executable;            // _EXE: journald's word, not the sender's
  std::optional<std::uint32_t> uid;  // _UID, likewise
  std::uint32_t pid = 0;             // _PID, likewise
  std::string cursor;
};

// What an entry says about a login. An entry that journald had from another
// program than the one it names, or from one that is no part of the system, says nothing: anyone
// may write to the journal. Threads: pure.
std::optional<Observation> read_journal(const JournalEntry& entry);

// Follows the journal's entries of the facilities auth and authpriv, through libsystemd, which is
// loaded when it is there (LGPL, not linked). Threads: the loop's.
class Journal {
 public:
  struct Options {
    std::string folder;  // of journal files, for tests; empty: this machine's
    std::string cursor;  // where an earlier run was; empty: begin with what comes from now on
    std::function<void(const JournalEntry&)> on_entry;
  };

  // Errors: Unsupported (no libsystemd), NotFound (no journal), Denied, Io.
  static base::Result<std::unique_ptr<Journal>> open(os::Loop& loop, Options options);
  virtual ~Journal() = default;

  // Hands over what is there now, without waiting.
  virtual void read() = 0;
  // Of the last entry that was handed over; empty: none yet.
  virtual std::string cursor() const = 0;
};

}  // namespace agent::logins
