#include "sensor/packet/duplicates.h"

#include <cstring>

namespace sensor::packet {

namespace {

// Not keyed: whoever makes sets collide makes copies pass, which harms nobody.
std::uint64_t mix(const Fingerprint& one) {
  std::uint64_t words[4];
  std::memcpy(&words[0], one.from.bytes.data() + 8, 8);
  std::memcpy(&words[1], one.to.bytes.data() + 8, 8);
  words[2] = std::uint64_t{one.ports} << 32U | one.id << 16U | one.checksum;
  words[3] = std::uint64_t{one.sequence} << 32U | (one.acknowledged ^ one.size);
  std::uint64_t mixed = 0;
  for (const std::uint64_t word : words) {
    mixed = (mixed ^ word) * 0x9E3779B97F4A7C15ULL;
    mixed ^= mixed >> 29U;
  }
  return mixed;
}

}  // namespace

bool Duplicates::seen(const Fingerprint& fingerprint, base::WallTime time) {
  Set& set = sets_[(mix(fingerprint) >> 20U) % kSets];
  for (Entry& entry : set.entries) {
    if (entry.fingerprint != fingerprint) continue;
    const auto apart = time > entry.time ? time - entry.time : entry.time - time;
    entry.time = time;
    return apart <= kWindow;
  }
  set.entries[set.next] = {fingerprint, time};
  set.next = static_cast<std::uint8_t>((set.next + 1) % kWays);
  return false;
}

}  // namespace sensor::packet
