#pragma once

#include <chrono>
#include <cstdint>

namespace uplink {

// How long to wait before the next attempt: anything from nothing to a bound that doubles with each
// failure ("full jitter"), so that a fleet that lost its hub does not come back as one.
// Threads: pure.
class Backoff {
 public:
  Backoff(std::chrono::nanoseconds first, std::chrono::nanoseconds most)
      : first_(first), most_(most) {}

  // The delay after one more failure; `random` is uniform in 0..1.
  std::chrono::nanoseconds next(double random);
  // A failure that will not pass by itself, such as refused credentials: waits longer at once.
  void penalise();
  void reset() { failures_ = 0; }
  // Upper end of the next delay.
  std::chrono::nanoseconds bound() const;

 private:
  std::chrono::nanoseconds first_;
  std::chrono::nanoseconds most_;
  std::uint32_t failures_ = 0;
};

}  // namespace uplink
