#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace detect::scheduled {

// What a rule looks at in one run: what was received in [from, to).
struct Window {
  base::WallTime from;
  base::WallTime to;
  // Whole frequencies before it that nobody will look at, because they are too long ago.
  std::uint64_t skipped = 0;
};

struct Timing {
  std::chrono::seconds frequency;
  std::chrono::seconds period;
  std::chrono::seconds catch_up;  // how far back what was missed is made up for
};

// The next run of a rule whose last window ended at `last`; nullopt: it is not due. `now` is the
// time up to which everything that was received is stored.
//
// Windows leave no gap: they end one frequency after each other; and when the rule is late, as far
// after each other as they are long.
std::optional<Window> next_window(base::WallTime last, base::WallTime now, const Timing& timing);

}  // namespace detect::scheduled
