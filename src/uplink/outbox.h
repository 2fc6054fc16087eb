#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "uplink/spool.h"

namespace schema {
struct Event;
enum class EventName : std::uint8_t;
}  // namespace schema

namespace uplink {

struct OutboxStats {
  std::uint64_t merged = 0;         // events that became a hit of another
  std::uint64_t held = 0;           // hits that wait for the end of their window, not collected yet
  std::uint64_t evicted_early = 0;  // windows that ended early because the table was full
};

// Aggregates identical events: the first goes on at once; repeats within the window become one
// event with a hit count and the time of the first and last of them in its ExtraDetails.
//
// Identical: same name, priority and payload, except process ids, the port that the other side or
// the system chose (RemotePort of what came in, LocalPort of what went out) and the ExtraDetails
// named in Options. In an event of several hits those are zero; FirstProcessId and LastProcessId
// say more. Only events with one payload item are aggregated. Repeats are held in memory: they
// count as collected when their window ends, and a crash loses that count (never the first
// occurrence). Bounded: a full table ends early the window that would end first. Time is a
// parameter. Threads: pure.
class Outbox {
 public:
  // The events that are aggregated, and for how long each.
  using Windows = std::map<schema::EventName, std::chrono::nanoseconds>;

  struct Options {
    Windows windows;  // empty: everything passes
    std::size_t max_entries = 2048;
    std::size_t max_bytes = 1U << 20U;
    // ExtraDetails that differ between otherwise identical events.
    std::set<std::string, std::less<>> ignored_details;
    // Ignored too; numbers, of which an event of several hits has the sum.
    std::set<std::string, std::less<>> summed_details;
  };
  using Emit = std::function<void(const schema::Event&, Priority)>;

  Outbox(Options options, Emit emit);
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Emits the event, or holds it as a repeat.
  void submit(schema::Event event, Priority priority, base::MonoTime now);
  // Ends the windows that are over by `now`.
  void expire(base::MonoTime now);
  // Ends all windows.
  void flush();
  // For events from now on. Windows of a kind that has another length now, or none, end.
  void set_windows(Windows windows);
  // When expire() has something to do next; MonoTime::max(): nothing is held.
  base::MonoTime next_expiry() const;

  OutboxStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace uplink
