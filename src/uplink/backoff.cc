#include "uplink/backoff.h"

#include <algorithm>

namespace uplink {

std::chrono::nanoseconds Backoff::bound() const {
  auto bound = first_;
  for (std::uint32_t i = 0; i < failures_ && bound < most_; ++i)
    bound *= 2;
  return std::min(bound, most_);
}

std::chrono::nanoseconds Backoff::next(double random) {
  const std::chrono::duration<double, std::nano> delay =
      random * std::chrono::duration<double, std::nano>(bound());
  if (bound() < most_) ++failures_;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(delay);
}

void Backoff::penalise() {
  constexpr std::uint32_t kFailures = 4;
  failures_ = std::max(failures_, kFailures);
}

}  // namespace uplink
