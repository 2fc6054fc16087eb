#include "uplink/ledger.h"

#include <algorithm>
#include <iterator>

#include "base/result.h"

namespace uplink {

std::uint64_t Ledger::settle(std::uint64_t first, std::uint64_t last, Outcome outcome) {
  std::uint64_t fresh = 0;
  first = std::max(first, cursor_ + 1);
  // Fills the holes between what is settled beyond the cursor.
  while (first <= last) {
    auto after = beyond_.upper_bound(first);
    if (after != beyond_.begin() && std::prev(after)->second.last >= first) {
      first = std::prev(after)->second.last + 1;
      continue;
    }
    const std::uint64_t hole_end = after == beyond_.end() ? last : std::min(last, after->first - 1);
    beyond_.emplace_hint(after, first, Settled{hole_end, outcome});
    fresh += hole_end - first + 1;
    first = hole_end + 1;
  }
  advance();
  return fresh;
}

void Ledger::advance() {
  while (!beyond_.empty() && beyond_.begin()->first == cursor_ + 1) {
    const Settled& settled = beyond_.begin()->second;
    counts_[static_cast<std::size_t>(settled.outcome)] += settled.last - cursor_;
    cursor_ = settled.last;
    beyond_.erase(beyond_.begin());
  }
}

OutcomeCounts Ledger::counts() const {
  OutcomeCounts counts = counts_;
  for (const auto& [first, settled] : beyond_) {
    counts[static_cast<std::size_t>(settled.outcome)] += settled.last - first + 1;
  }
  return counts;
}

bool Ledger::settled(std::uint64_t sequence) const {
  if (sequence <= cursor_) return true;
  const auto after = beyond_.upper_bound(sequence);
  return after != beyond_.begin() && std::prev(after)->second.last >= sequence;
}

}  // namespace uplink
