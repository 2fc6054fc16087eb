#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/time.h"

namespace hub::ingest {

// Up to when everything that was received can be queried, learned from how far the journal and the
// stores are: what was committed by a time that we remember is stored now. Threads: one.
class Watermark {
 public:
  // A message is in the journal at most so long after it was received, unless the disk is slower.
  explicit Watermark(std::chrono::nanoseconds slack) : slack_(slack) {}

  // `committed` and `stored`: sequences of the journal at this time. It never goes back.
  base::WallTime advance(base::WallTime now, std::uint64_t committed, std::uint64_t stored) {
    if (stored >= committed) {
      // Nothing waits.
      until_ = std::max(until_, now - slack_);
      mark_ = {now, committed};
    } else if (stored >= mark_.sequence) {
      until_ = std::max(until_, mark_.time - slack_);
      mark_ = {now, committed};
    }
    return until_;
  }

 private:
  struct Mark {
    base::WallTime time = base::WallTime::min() + std::chrono::hours(1);
    std::uint64_t sequence = 0;
  };

  const std::chrono::nanoseconds slack_;
  Mark mark_;
  base::WallTime until_ = base::WallTime::min();
};

}  // namespace hub::ingest
