#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "dissect/address.h"
#include "sensor/packet/counts.h"

namespace sensor::packet {

enum class FragmentCount : std::uint8_t {
  Fragments,
  Datagrams,   // put together
  Overlaps,    // a fragment repeated bytes; the first copy wins
  Conflicts,   // ... and they differed
  Malformed,   // beyond 64 KB, or a middle one that is no multiple of 8
  TimedOut,    // datagrams that never became whole
  CrowdedOut,  // datagrams given up for want of room
  End,
};
std::string_view count_name(FragmentCount which);

// One fragment of an IP datagram.
struct Fragment {
  dissect::IpAddress from;
  dissect::IpAddress to;
  std::uint32_t id = 0;
  std::uint8_t protocol = 0;
  std::uint32_t offset = 0;  // in bytes
  bool more = false;
  base::ByteView bytes;
};

// Puts IP fragments together (RFC 791, RFC 8200 section 4.5): at most kSlots datagrams wait, for at
// most kPatience of packet time. Which of them goes when there is no room depends on nothing but
// what was put in. Threads: one.
class Defragmenter {
 public:
  static constexpr std::size_t kSlots = 256;
  static constexpr std::size_t kWays = 8;
  static constexpr std::size_t kRanges = 64;
  static constexpr std::size_t kMaxDatagram = 65535;
  static constexpr base::WallTime::duration kPatience = std::chrono::seconds(30);

  Defragmenter();

  // The whole payload when this fragment completes it: good until release().
  std::optional<base::ByteView> add(const Fragment& fragment, base::WallTime time);
  // What add() gave is no longer needed.
  void release();

  const Counts<FragmentCount>& counts() const { return counts_; }

 private:
  struct Range {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };
  struct Slot {
    bool used = false;
    bool done = false;
    dissect::IpAddress from;
    dissect::IpAddress to;
    std::uint32_t id = 0;
    std::uint8_t protocol = 0;
    base::WallTime since;
    std::uint32_t size = 0;  // of the whole; 0: not known yet
    std::uint32_t ranges = 0;
    std::array<Range, kRanges> have;
    base::ByteVec bytes;

    bool is(const Fragment& fragment) const;
  };

  Slot* find(const Fragment& fragment, base::WallTime time);
  void copy(Slot& slot, const Fragment& fragment);
  // False: too many holes.
  static bool note(Slot& slot, Range range);

  std::vector<Slot> slots_;
  bool any_done_ = false;
  Counts<FragmentCount> counts_;
};

}  // namespace sensor::packet
