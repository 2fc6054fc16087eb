#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <unordered_map>

#include "audit/event.h"
#include "audit/record.h"
#include "base/time.h"

namespace audit {

// Puts the records of one event together: those of a system call come one by one, mixed with those
// of others, up to a record that says that it was the last.
//
// Bounded: when too many events are open, the one that has waited longest is handed over as it is;
// of an event too large, the middle of its argv goes, and then what comes last. Threads: one.
class Assembler {
 public:
  struct Options {
    std::chrono::nanoseconds timeout = std::chrono::seconds(2);
    std::size_t max_open = 512;
    std::size_t max_records = 256;        // of one event, EXECVE records not counted
    std::size_t argv_head = 128U << 10U;  // bytes of EXECVE records kept from the front,
    std::size_t argv_tail = 4;            // and records of them from the end
  };
  using Emit = std::function<void(Event)>;

  Assembler(Options options, Emit emit);

  void add(RecordType type, const Head& head, base::MonoTime now);
  // Hands over what has waited too long.
  void expire(base::MonoTime now);
  // Hands over all that is open.
  void flush();

  std::size_t open() const { return events_.size(); }
  // Events handed over without their end.
  std::uint64_t incomplete() const { return incomplete_; }

 private:
  struct Open {
    Event event;
    base::MonoTime since;
    std::size_t argv_bytes = 0;  // of EXECVE records at the front
    std::size_t argv_late = 0;   // EXECVE records behind the omitted ones
    std::size_t other = 0;       // other records
  };
  using Events = std::list<Open>;

  void append(Open& open, RecordType type, std::string_view body);
  void append_late_argv(Open& open, std::string_view body);
  void emit_incomplete();

  Options options_;
  Emit emit_;
  Events events_;  // by age
  std::unordered_map<std::uint64_t, Events::iterator> by_serial_;
  std::uint64_t incomplete_ = 0;
};

}  // namespace audit
