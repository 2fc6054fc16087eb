#include "store/recent_keys.h"

#include <algorithm>

#include "base/hash.h"

namespace store {
namespace {

constexpr std::size_t kFirstSlots = 1024;

KeyDigest usable(KeyDigest key) {
  if (key.high == 0 && key.low == 0) key.low = 1;
  return key;
}

}  // namespace

KeyDigest event_digest(std::string_view device, std::string_view module,
                       const base::Guid& event_id) {
  // Lengths in front: no two different triples make the same bytes.
  base::ByteWriter bytes;
  bytes.reserve(device.size() + module.size() + 24);
  bytes.u32be(static_cast<std::uint32_t>(device.size()));
  bytes.text(device);
  bytes.u32be(static_cast<std::uint32_t>(module.size()));
  bytes.text(module);
  bytes.bytes(event_id.bytes);
  const base::Sha256 hash = base::sha256(bytes.view());
  base::Cursor cursor(hash);
  return {*cursor.u64be(), *cursor.u64be()};
}

std::size_t RecentKeys::find(KeyDigest key) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = key.low & mask;
  while (slots_[slot].key != KeyDigest{} && slots_[slot].key != key)
    slot = (slot + 1) & mask;
  return slot;
}

bool RecentKeys::insert(KeyDigest key, kql::Ticks time_stamp) {
  if (2 * (size_ + 1) > slots_.size()) rehash(std::max(kFirstSlots, slots_.size() * 2));
  key = usable(key);
  Slot& slot = slots_[find(key)];
  if (slot.key == key) return false;
  slot = {key, time_stamp};
  ++size_;
  return true;
}

bool RecentKeys::contains(KeyDigest key) const {
  if (slots_.empty()) return false;
  key = usable(key);
  return slots_[find(key)].key == key;
}

void RecentKeys::rehash(std::size_t slots) {
  std::vector<Slot> old(slots, Slot{});
  old.swap(slots_);
  size_ = 0;
  for (const Slot& slot : old) {
    if (slot.key == KeyDigest{}) continue;
    slots_[find(slot.key)] = slot;
    ++size_;
  }
}

void RecentKeys::shrink(std::size_t limit) {
  if (size_ <= limit) return;
  std::vector<kql::Ticks> times;
  times.reserve(size_);
  for (const Slot& slot : slots_) {
    if (slot.key != KeyDigest{}) times.push_back(slot.time_stamp);
  }
  // Everything at or before the cut goes: also when very many have the same time stamp.
  const std::size_t keep = limit / 2;
  const auto cut = times.end() - static_cast<std::ptrdiff_t>(keep) - 1;
  std::ranges::nth_element(times, cut);
  const kql::Ticks last_dropped = *cut;
  std::size_t kept = 0;
  for (Slot& slot : slots_) {
    if (slot.key == KeyDigest{}) continue;
    if (slot.time_stamp <= last_dropped) {
      slot = {};
    } else {
      ++kept;
    }
  }
  horizon_ = std::max(horizon_, last_dropped + 1);
  std::size_t slots = kFirstSlots;
  while (slots < 2 * (kept + 1))
    slots *= 2;
  rehash(slots);
}

}  // namespace store
