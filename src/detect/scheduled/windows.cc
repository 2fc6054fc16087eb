#include "detect/scheduled/windows.h"

#include <algorithm>

namespace detect::scheduled {

std::optional<Window> next_window(base::WallTime last, base::WallTime now, const Timing& timing) {
  if (now < last + timing.frequency) return std::nullopt;
  Window window;
  const base::WallTime oldest = now - std::max(timing.catch_up, timing.period);
  if (last < oldest) {
    window.skipped = static_cast<std::uint64_t>((oldest - last) / timing.frequency);
    last = oldest;
  }
  // Late by more than a run: one as long as the rule allows takes the place of several.
  const bool late = now >= last + 2 * timing.frequency;
  window.to = late ? std::min(now, last + timing.period) : last + timing.frequency;
  window.from = window.to - timing.period;
  return window;
}

}  // namespace detect::scheduled
