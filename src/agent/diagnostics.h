#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.h"
#include "base/time.h"
#include "os/loop.h"
#include "schema/message.h"

namespace agent {

// Which lines of the log may become events: each kind now and then, all together not too many, so
// that a fault that repeats itself costs little and drives out nothing. Threads: one; pure.
class LineLimit {
 public:
  struct Verdict {
    bool admitted = false;
    std::uint64_t suppressed = 0;  // before it, of its kind
  };
  Verdict admit(std::string_view kind, base::MonoTime now);

 private:
  struct Kind {
    base::MonoTime last;
    std::uint64_t suppressed = 0;
  };
  double tokens_ = 20;
  base::MonoTime refilled_{};
  std::map<std::string, Kind, std::less<>> kinds_;
};

// Makes Diagnostic events of the lines that this process logs, while it lives; one at a time in a
// process. Threads: the loop's; lines may come from any.
class Diagnostics {
 public:
  Diagnostics(os::Loop& loop, base::LogLevel level, std::function<void(schema::Event)> emit);
  ~Diagnostics();
  Diagnostics(const Diagnostics&) = delete;
  Diagnostics& operator=(const Diagnostics&) = delete;

  // Lines at least as urgent become events.
  void set_level(base::LogLevel level);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace agent
