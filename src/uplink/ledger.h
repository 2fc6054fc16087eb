#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>

namespace uplink {

// How an event that was collected ended.
enum class Outcome : std::uint8_t {
  Acknowledged,  // the hub has it
  Evicted,       // its place was needed
  Lost,          // its record is damaged or gone
  TooLarge,      // fits in no message
};
inline constexpr std::size_t kOutcomes = 4;
using OutcomeCounts = std::array<std::uint64_t, kOutcomes>;

// The account of one lane of the spool: every sequence from 1 that was given out is settled once,
// by one outcome, or pending. Threads: pure.
class Ledger {
 public:
  // As restored: everything up to `cursor` is settled, `counts` of them by outcome.
  Ledger() = default;
  Ledger(std::uint64_t cursor, const OutcomeCounts& counts) : cursor_(cursor), counts_(counts) {}

  // Settles those of first..last that are not settled yet; returns how many they were.
  std::uint64_t settle(std::uint64_t first, std::uint64_t last, Outcome outcome);

  // Everything up to here is settled: what a restart may forget.
  std::uint64_t cursor() const { return cursor_; }
  const OutcomeCounts& counts_to_cursor() const { return counts_; }
  // Including what was settled beyond the cursor.
  OutcomeCounts counts() const;
  bool settled(std::uint64_t sequence) const;

 private:
  struct Settled {
    std::uint64_t last = 0;
    Outcome outcome = Outcome::Acknowledged;
  };
  void advance();

  std::uint64_t cursor_ = 0;
  OutcomeCounts counts_{};
  std::map<std::uint64_t, Settled> beyond_;  // by first sequence, disjoint
};

}  // namespace uplink
