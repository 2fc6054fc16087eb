#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "journal/log.h"
#include "journal/reader.h"
#include "uplink/ledger.h"

namespace uplink {

enum class Priority : std::uint8_t { High, Low };
inline constexpr std::size_t kPriorities = 2;

// The account of one lane. Always: collected = acknowledged + dropped() + pending.
struct LaneStats {
  std::uint64_t collected = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t pending = 0;
  std::uint64_t evicted = 0;    // to keep the spool within its limit or its disk
  std::uint64_t lost = 0;       // damaged on disk
  std::uint64_t too_large = 0;  // for any message
  std::uint64_t refused = 0;    // could not be written: disk full or failing
  std::uint64_t dropped() const { return evicted + lost + too_large + refused; }
};

struct SpoolStats {
  LaneStats high;
  LaneStats low;
  std::size_t bytes = 0;            // in files
  std::uint64_t bytes_written = 0;  // since the start, to the files and the account
  std::uint64_t write_errors = 0;   // since the start
  std::uint64_t sync_errors = 0;    // since the start
  std::uint64_t syncs = 0;          // since the start
  std::uint64_t torn_bytes = 0;     // cut off by this start: a write that was never completed
  std::uint64_t damaged_bytes = 0;  // found by this start in the middle of the files
  bool account_lost = false;        // this start found the cell damaged, and began a new account
};

// Events on their way, on disk: one journal for each priority and one account.
//
// An event is *collected* when its record has been handed to the kernel (flush()), or at the moment
// when the spool gives it up because that failed, in which case it is dropped (`refused`) in the
// same step. From there on it is pending until it is acknowledged or dropped, for a counted reason.
// The account is derived from the positions in the journals and a small cell that is replaced in
// one step: after SIGKILL or a power failure it holds again, for what the disk then has. An
// acknowledgement that was not on disk yet is forgotten: the event is pending again and will be
// sent again, which the hub recognises by its id.
//
// Durability: what was flushed survives the process at once, and a power failure after the next
// sync: the owner runs begin_sync() jobs, soon for High (while they stream, twice a second)
// and within a second for Low. Publishing waits for flush() only: an event that reached the hub and
// is lost here harms nobody.
//
// When full, the oldest Low file goes first, then for a High event the oldest High file; a Low
// event never displaces a High one. Threads: loop only.
class Spool {
 public:
  struct Options {
    std::string folder;
    std::size_t max_bytes = 64U << 20U;  // both lanes together, at least kMinBytes
    std::size_t max_event_bytes = 256U << 10U;
  };

  static constexpr std::size_t kMinBytes = 8U << 10U;

  // Errors: Conflict (another process has it), Io, Invalid (options).
  static base::Result<std::unique_ptr<Spool>> open(const Options& options);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Takes one encoded event; flush() collects it. One that cannot be taken is counted (too_large,
  // refused). Never fails beyond that.
  void append(std::string event, Priority priority);
  void flush();

  // The next event of a lane, in order. Settled ones are passed over; what is found missing is
  // settled as lost. Views hold until the lane's next read. Errors: Io; may be tried again.
  base::Result<std::optional<journal::Record>> read(Priority priority);
  // Has read() not yet returned everything that was flushed?
  bool has_unread(Priority priority) const;
  bool settled(Priority priority, std::uint64_t sequence) const;

  // Settles events of the range (those that are not settled yet).
  void settle(Priority priority, journal::Range range, Outcome outcome);

  // Makes the present state durable: run the job on any thread, then call end_sync() here with what
  // came of it. One at a time. end_sync() also removes the files that are of no more use.
  struct Sync {
    journal::SyncJob job;
    std::array<std::uint64_t, kPriorities> cursors{};
  };
  Sync begin_sync();
  void end_sync(const Sync& sync, const base::Result<void>& result);
  // The same, at once.
  base::Result<void> sync();
  // Is there anything that a sync would make durable?
  bool needs_sync() const;

  // Another limit from now on. What is beyond it goes at once, as when the spool is full.
  // `max_bytes` is at least kMinBytes.
  void set_max_bytes(std::size_t max_bytes);
  std::size_t max_bytes() const;

  SpoolStats stats() const;

 private:
  struct State;
  explicit Spool(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace uplink
