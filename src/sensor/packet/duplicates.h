#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "dissect/address.h"

namespace sensor::packet {

// What two copies of one IP packet have in common, whatever path they took.
struct Fingerprint {
  dissect::IpAddress from;
  dissect::IpAddress to;
  std::uint32_t ports = 0;
  std::uint32_t id = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledged = 0;
  std::uint32_t size = 0;
  std::uint16_t checksum = 0;
  std::uint16_t flags = 0;

  bool operator==(const Fingerprint&) const = default;
};

// Recognises packets that a mirror port delivers twice: when they came in and when they went out.
// Remembers whole fingerprints, so that nothing is taken for a copy that is none; when there is no
// room, a copy may pass. Threads: one.
class Duplicates {
 public:
  static constexpr base::WallTime::duration kWindow = std::chrono::milliseconds(5);

  Duplicates() : sets_(kSets) {}
  // Whether it was seen within kWindow, before or after.
  bool seen(const Fingerprint& fingerprint, base::WallTime time);

 private:
  static constexpr std::size_t kSets = 4096;
  static constexpr std::size_t kWays = 4;
  struct Entry {
    Fingerprint fingerprint;
    base::WallTime time;
  };
  struct Set {
    std::array<Entry, kWays> entries;
    std::uint8_t next = 0;
  };
  std::vector<Set> sets_;
};

}  // namespace sensor::packet
