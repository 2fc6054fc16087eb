#pragma once

#include <bitset>
#include <cstdint>
#include <optional>

namespace audit {

// Finds the events that never came, from the numbers of those that did: the kernel numbers all
// without a gap, and hands them over nearly in order. Threads: one.
class SerialGaps {
 public:
  void saw(std::uint64_t serial);
  // Starts over: what comes next is no continuation.
  void restart() { *this = SerialGaps(lost_); }
  // Numbers that did not come while kWindow later ones did.
  std::uint64_t lost() const { return lost_; }
  // The same, and those younger ones that are missing so far.
  std::uint64_t missing() const;

  static constexpr std::uint64_t kWindow = 2048;

  SerialGaps() = default;

 private:
  explicit SerialGaps(std::uint64_t lost) : lost_(lost) {}
  std::optional<std::uint64_t> newest_;
  std::bitset<kWindow> seen_;  // of the last kWindow numbers, by number modulo kWindow
  std::uint64_t lost_ = 0;
};

}  // namespace audit
