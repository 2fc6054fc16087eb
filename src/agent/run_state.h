#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/id.h"
#include "base/result.h"
#include "base/time.h"
#include "os/fd.h"

namespace agent {

// What the agent knows of its former runs: who it is, how the last one ended, and which numbers it
// has used. One process owns the folder. Threads: one.
class RunState {
 public:
  // How the former run ended.
  struct Previous {
    bool any = false;
    bool clean = false;
    std::string boot_id;
    base::WallTime last_alive;  // at most one heartbeat before its end
  };
  // Counters of DroppedEventsStatistics and of the kernel that go on from run to run.
  struct Totals {
    std::uint64_t kernel_lost = 0;
    std::uint64_t reported_collected_high = 0;
    std::uint64_t reported_dropped_high = 0;
    std::uint64_t reported_collected_low = 0;
    std::uint64_t reported_dropped_low = 0;
    std::uint64_t reported_kernel_lost = 0;
  };

  // Takes the folder, which is made if needed, and marks it as in use by a running agent. A damaged
  // file is put aside and counts as an unclean end. Errors: Conflict (another agent runs), Io.
  static base::Result<RunState> open(const std::string& dir, const std::string& boot_id,
                                     base::WallTime now);

  const base::Guid& agent_id() const { return agent_id_; }
  const Previous& previous() const { return previous_; }
  Totals& totals() { return totals_; }

  // A number for one event, one more than the last of this boot, restarts of the agent included.
  // After an unclean end some numbers are left out, never used twice.
  std::uint64_t next_sequence();
  // Leaves out numbers for events that are known to be lost.
  void skip_sequences(std::uint64_t count);

  // Notes that the agent is alive, with its totals; and that it ends as it should.
  base::Result<void> touch(base::WallTime now);
  base::Result<void> close(base::WallTime now);

 private:
  RunState() = default;
  void restore(std::string_view text, const std::string& boot_id);
  base::Result<void> write(bool clean, base::WallTime now);

  os::Fd lock_;
  std::string dir_;
  std::string boot_id_;
  base::Guid agent_id_;
  Previous previous_;
  Totals totals_;
  std::uint64_t sequence_ = 0;  // used last
  std::uint64_t reserved_ = 0;  // on disk: all up to here may have been used
  base::WallTime alive_;
};

}  // namespace agent
