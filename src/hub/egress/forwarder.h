#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/counter.h"
#include "base/time.h"
#include "hub/egress/cursor_table.h"
#include "hub/egress/feed.h"
#include "hub/egress/target.h"
#include "hub/operations/operations.h"

namespace hub::egress {

// Since start.
struct ForwardCounters {
  base::Counter lines;       // taken by the target
  base::Counter bytes;       // of these
  base::Counter deliveries;  // that were taken
  base::Counter failures;    // that were not, and are tried again
  base::Counter refused;     // lines that the target will never take
  base::Counter lost;        // records that left the journal before their turn
};

// What a forward does now.
struct ForwardState {
  std::string name;
  ForwardType type = ForwardType::File;
  std::string destination;  // https://host:port/.. without the query, or the path
  std::uint64_t lines = 0;
  std::uint64_t bytes = 0;
  std::uint64_t deliveries = 0;
  std::uint64_t failures = 0;
  std::uint64_t refused = 0;
  std::uint64_t lost = 0;
  Offset next;               // where it goes on
  std::uint64_t behind = 0;  // records of the journal it has not looked at
  bool failing = false;
  std::string problem;  // of the last failure; empty when it is not failing
  std::optional<base::WallTime> last_delivery;
};

// Brings lines to one target, in order and at least once: what the target took is noted a second
// later at most, and what was not noted before a crash comes again.
//
// Reads the journal on a thread of its own, behind those who write it: nothing waits for it. What
// it cannot deliver stays in the journal as long as that keeps it; what is gone by then is counted,
// and recorded as an operation. Its failures are recorded when they begin and when they end.
// Threads: any, but stop() once.
class Forwarder {
 public:
  // All must outlive it.
  Forwarder(ForwardSettings settings, std::unique_ptr<Target> target, ingest::Ingest& ingest,
            CursorTable& cursors, operations::Operations& operations, Offset from);
  ~Forwarder();  // stops
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // Ends a delivery that waits; the next start repeats it.
  void stop();
  ForwardState state() const;

 private:
  void run(const std::stop_token& stop);
  bool forward(const Feed::Batch& batch, const std::stop_token& stop);
  bool deliver(std::span<const Line> lines, const std::stop_token& stop);
  void report(const std::string* problem);
  void report_lost(std::uint64_t count);
  void save(const Offset& next, bool now);
  bool pause(std::chrono::nanoseconds length, const std::stop_token& stop);

  const ForwardSettings settings_;
  const std::unique_ptr<Target> target_;
  ingest::Ingest& ingest_;
  CursorTable& cursors_;
  operations::Operations& operations_;
  ForwardCounters counters_;

  // The thread's own.
  Feed feed_;
  Offset saved_;
  base::MonoTime saved_at_{};

  mutable std::mutex mutex_;  // guards the five below
  std::condition_variable_any paused_;
  Offset next_;
  bool failing_ = false;
  std::string problem_;
  std::optional<base::WallTime> last_delivery_;

  std::jthread thread_;
};

}  // namespace hub::egress
