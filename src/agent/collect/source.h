#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "agent/collect/facts.h"
#include "base/result.h"
#include "os/loop.h"
#include "os/process.h"

namespace audit {
class Stream;
}

namespace agent::collect {

// What a source saw and what it knows it missed, since it was opened.
struct SourceStats {
  std::uint64_t received = 0;     // records, messages or processes
  std::uint64_t kernel_lost = 0;  // events the kernel could not hand over; exact for eBPF, a lower
                                  // bound for the connector, an estimate for polling
  std::uint64_t overruns = 0;     // times the kernel said that it dropped an unknown number
  std::uint64_t malformed = 0;    // records that could not be read
};

// Tells the sink what happens to processes, from when it is opened until it is destroyed.
class Source {
 public:
  virtual ~Source() = default;
  virtual Tier tier() const = 0;
  // Tells what waits in the kernel, without waiting for more: before the source is given up.
  virtual void drain() = 0;
  virtual SourceStats stats() const = 0;
};

struct SourceOptions {
  std::size_t ring_bytes = std::size_t{8} << 20U;                           // eBPF
  std::size_t socket_bytes = std::size_t{4} << 20U;                         // connector
  std::chrono::nanoseconds poll_interval = std::chrono::milliseconds(250);  // polling
  audit::Stream* audit = nullptr;  // audit; outlives the source
  bool starts = true;              // connector; false: ends and forks only
  // Called when the source can no longer work; it may be destroyed from there only by a later turn
  // of the loop.
  std::function<void(const base::Error&)> on_failed{};
};

// The loop and the sink must outlive the source. Threads: the loop's.
// Errors: Denied, Unsupported, Io; the detail says what would help.
base::Result<std::unique_ptr<Source>> open_source(Tier tier, os::Loop& loop, Sink& sink,
                                                  const SourceOptions& options);

base::Result<std::unique_ptr<Source>> open_ebpf(os::Loop& loop, Sink& sink,
                                                const SourceOptions& options);
// Starts from audit rules; forks and ends from the connector, which alone knows how a process
// ended, or, where that does not work, ends from polling.
base::Result<std::unique_ptr<Source>> open_audit(os::Loop& loop, Sink& sink,
                                                 const SourceOptions& options,
                                                 const os::ProcFs& proc = os::ProcFs());
base::Result<std::unique_ptr<Source>> open_connector(os::Loop& loop, Sink& sink,
                                                     const SourceOptions& options,
                                                     const os::ProcFs& proc = os::ProcFs());
base::Result<std::unique_ptr<Source>> open_polling(os::Loop& loop, Sink& sink,
                                                   const SourceOptions& options,
                                                   const os::ProcFs& proc = os::ProcFs());

// Reads a living process from /proc. What could not be read any more is a gap; `process.pid` and
// `time` are the caller's to fill. False when nothing at all could be read: it is gone.
bool read_started(const os::ProcFs& proc, Started& started);

// Wall-clock time of an instant of another clock, as both clocks are now.
class ClockMap {
 public:
  explicit ClockMap(int clock_id) { refresh(clock_id); }
  void refresh(int clock_id);
  base::WallTime wall(std::uint64_t nanoseconds) const {
    return base::WallTime(std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds)) +
                          offset_);
  }

 private:
  std::chrono::nanoseconds offset_{0};
};

}  // namespace agent::collect
