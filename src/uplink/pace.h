#pragma once

#include <chrono>
#include <cstdint>

#include "base/time.h"

// When something may be sent or written; pure, time is a parameter.
namespace uplink {

// The occasions of one lane: at once, or every so often. At an occasion everything that waits is
// sent; then nothing until the next one. What is there in the beginning is due. Threads: pure.
class Occasions {
 public:
  Occasions(std::chrono::nanoseconds every, base::MonoTime now);

  // Another length, counted from the last occasion; zero: at once, always.
  void set_every(std::chrono::nanoseconds every, base::MonoTime now);
  bool due(base::MonoTime now);
  // Nothing is left: until the next occasion.
  void drained() { open_ = false; }
  // When due() will be true by itself; MonoTime::max(): it is, or was when last asked.
  base::MonoTime next() const;

 private:
  std::chrono::nanoseconds every_;
  bool open_ = true;
  base::MonoTime last_;
};

// Keeps a device that was cut off for long from flooding its hub, together with all the others that
// were: a backlog begins after a random while, slowly, and twice as fast every ten seconds.
class Pace {
 public:
  struct Options {
    std::uint64_t bytes_per_second = 256U << 10U;  // in the beginning
    std::chrono::nanoseconds spread = std::chrono::seconds(3);
    std::chrono::nanoseconds doubling = std::chrono::seconds(10);
    std::uint64_t least_events = 256;  // fewer are no backlog
  };

  explicit Pace(Options options) : options_(options) {}

  void set_rate(std::uint64_t bytes_per_second) { options_.bytes_per_second = bytes_per_second; }
  // Connected, with so many events waiting. `random` is in [0, 1).
  void resumed(std::uint64_t events, base::MonoTime now, double random);
  // Nothing waits any more.
  void drained() { left_ = 0; }
  bool may_send(base::MonoTime now) const { return left_ == 0 || now >= next_; }
  void sent(std::uint64_t events, std::uint64_t bytes, base::MonoTime now);
  // When may_send() will be true.
  base::MonoTime next() const { return next_; }

 private:
  Options options_;
  std::uint64_t left_ = 0;  // events of the backlog
  base::MonoTime began_{};
  base::MonoTime next_{};
};

// Bounds what making durable costs beyond the events themselves: each time writes some blocks to
// flash, however little has changed, and keeps the processor as busy as many events do.
class SyncBudget {
 public:
  struct Options {
    std::uint64_t bytes_per_day = 512U << 20U;
    std::uint64_t burst = 64U << 20U;
    std::uint64_t cost = 16U << 10U;  // of one sync: the ends of two files, the account, the folder
    // From one to the next while events stream; the first after a pause does not wait.
    std::chrono::nanoseconds apart = std::chrono::milliseconds(500);
  };

  SyncBudget(Options options, base::MonoTime now);

  // How long to wait for the next one.
  std::chrono::nanoseconds wait(base::MonoTime now) const;
  void spend(base::MonoTime now);

 private:
  double at(base::MonoTime now) const;
  Options options_;
  double left_;
  base::MonoTime when_;
  base::MonoTime next_{};  // not earlier
};

}  // namespace uplink
