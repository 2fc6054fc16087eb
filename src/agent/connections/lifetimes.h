#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <unordered_map>

#include "agent/watch/connection.h"
#include "agent/watch/watch.h"
#include "base/time.h"

namespace agent::connections {

// What of a connection's life a report is about.
enum class Phase : std::uint8_t {
  Whole,   // it was opened and is closed: bytes are known
  Open,    // it was opened and lives; an Ended follows, where the source sees ends
  Ended,   // the end of one that was reported as Open: bytes are known
  Failed,  // it never came to be
  Single,  // the source tells no ends (UDP)
};

struct Report {
  Observed seen;
  std::optional<ProcessFacts> process;
  Phase phase = Phase::Open;
  std::optional<std::chrono::nanoseconds> duration;
};

// Joins what a source tells of one connection, so that a short one makes one report with its bytes.
//
// An opened connection waits at most `hold` for its end, or, when only the listener is known, for
// who uses it. Bounded: beyond `max_waiting` the oldest is reported early. Time is a parameter.
// Threads: pure.
class Lifetimes {
 public:
  struct Options {
    std::chrono::nanoseconds hold = std::chrono::seconds(1);
    std::size_t max_waiting = 4096;
    // Who that is, at that moment. Asked at once: it may be gone when the report is made.
    std::function<std::optional<ProcessFacts>(const Observed&)> who;
    std::function<void(const Report&)> emit;
  };
  explicit Lifetimes(Options options) : options_(std::move(options)) {}

  void take(const Observed& seen, base::MonoTime now);
  // Reports what waited long enough.
  void expire(base::MonoTime now);
  // When expire() has something to do next; MonoTime::max(): nothing waits.
  base::MonoTime next_expiry() const;
  // Reports everything that waits.
  void flush();

 private:
  struct Waiting {
    Report report;
    base::MonoTime due;
  };

  void opened(const Observed& seen, base::MonoTime now);
  void owned(const Observed& seen);
  void closed(const Observed& seen);
  void emit(const Observed& seen, Phase phase);
  void release_oldest();

  Options options_;
  std::unordered_map<std::uint64_t, Waiting> waiting_;
  // In the order of their due times; those that ended meanwhile are still in it.
  std::deque<std::pair<std::uint64_t, base::MonoTime>> order_;
};

}  // namespace agent::connections
