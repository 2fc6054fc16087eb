#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include "base/result.h"
#include "base/time.h"
#include "os/loop.h"

namespace os {

// When to look for more, so that one turn of the loop takes many items at little cost for each:
// soon after the first of few, later while they stream. Pure, time is a parameter. Threads: one.
class GatherPace {
 public:
  struct Options {
    std::chrono::nanoseconds first = std::chrono::milliseconds(5);    // after the first of few
    std::chrono::nanoseconds stream = std::chrono::milliseconds(40);  // between looks at a stream
    double stream_items = 40;  // this many in about a tenth of a second are a stream
  };

  GatherPace() = default;
  explicit GatherPace(Options options) : options_(options) {}

  // So many were taken now; is it a stream, which is better looked at again than waited for?
  bool streams(std::size_t items, base::MonoTime now);
  const Options& options() const { return options_; }

 private:
  Options options_;
  double recent_ = 0;  // items, each counting less the longer ago it was
  base::MonoTime when_{};
};

// Watches a descriptor from which many small things come, and takes them in batches.
// The loop must outlive it; the descriptor stays the caller's and must outlive it too.
// Threads: the loop's.
class Gather {
 public:
  struct Taken {
    std::size_t items = 0;
    bool more = false;  // as many as one turn should take: look again in the next one
  };
  // Takes what waits, without waiting for more. May end() what called it.
  using Take = std::function<Taken()>;
  // The descriptor cannot be watched any more.
  using Failed = std::function<void(const base::Error&)>;

  Gather(Loop& loop, GatherPace::Options pace) : loop_(loop), pace_(pace) {}
  explicit Gather(Loop& loop) : Gather(loop, GatherPace::Options()) {}
  ~Gather() { end(); }
  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;

  // Errors: Io.
  base::Result<void> begin(int fd, Take take, Failed failed);
  void end();

 private:
  void plan(std::chrono::nanoseconds delay);
  void turn();

  Loop& loop_;
  GatherPace pace_;
  int fd_ = -1;
  Take take_;
  Failed failed_;
  TimerId timer_ = 0;
};

}  // namespace os
