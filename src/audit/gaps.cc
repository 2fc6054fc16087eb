#include "audit/gaps.h"

#include <algorithm>

namespace audit {

void SerialGaps::saw(std::uint64_t serial) {
  if (!newest_) {
    // Events before this one may still come; that they do not is no loss.
    newest_ = serial;
    seen_.set();
    return;
  }
  if (serial <= *newest_) {
    // The kernel's counter has 32 bits; so large a step back is its turn, or another kernel's.
    if (*newest_ - serial >= kWindow) {
      restart();
      saw(serial);
      return;
    }
    seen_.set(serial % kWindow);
    return;
  }
  const std::uint64_t step = serial - *newest_;
  // What the window leaves behind is decided.
  for (std::uint64_t i = 1; i <= std::min(step, kWindow); ++i) {
    const std::uint64_t place = (*newest_ + i) % kWindow;
    if (!seen_.test(place)) ++lost_;
    seen_.reset(place);
  }
  if (step > kWindow) lost_ += step - kWindow;
  newest_ = serial;
  seen_.set(serial % kWindow);
}

std::uint64_t SerialGaps::missing() const {
  return lost_ + (kWindow - seen_.count());
}

}  // namespace audit
