#include "sensor/packet/defragment.h"

#include <algorithm>
#include <cstring>

namespace sensor::packet {

namespace {

// Which set of slots a datagram belongs to. Not keyed: an attacker can only crowd out fragments,
// which sending many of them does anyway, and it is counted.
std::size_t set_of(const Fragment& fragment) {
  std::uint64_t mixed = fragment.id;
  for (std::size_t i = 8; i < 16; ++i)
    mixed = mixed * 31 + fragment.from.bytes[i] * 7U + fragment.to.bytes[i];
  mixed *= 0x9E3779B97F4A7C15ULL;
  return static_cast<std::size_t>(mixed >> 32U) % (Defragmenter::kSlots / Defragmenter::kWays);
}

}  // namespace

std::string_view count_name(FragmentCount which) {
  static constexpr std::string_view kNames[] = {
      "fragments",          "datagrams_reassembled", "fragment_overlaps",    "fragment_conflicts",
      "fragment_malformed", "datagrams_timed_out",   "datagrams_crowded_out"};
  return kNames[static_cast<std::size_t>(which)];
}

Defragmenter::Defragmenter() : slots_(kSlots) {}

bool Defragmenter::Slot::is(const Fragment& fragment) const {
  return used && !done && id == fragment.id && protocol == fragment.protocol &&
         from == fragment.from && to == fragment.to;
}

Defragmenter::Slot* Defragmenter::find(const Fragment& fragment, base::WallTime time) {
  Slot* const first = &slots_[set_of(fragment) * kWays];
  Slot* free = nullptr;
  Slot* oldest = nullptr;
  for (Slot* slot = first; slot != first + kWays; ++slot) {
    if (slot->used && !slot->done && time - slot->since > kPatience) {
      counts_.add(FragmentCount::TimedOut);
      slot->used = false;
    }
    if (slot->is(fragment)) return slot;
    if (!slot->used) {
      if (free == nullptr) free = slot;
    } else if (!slot->done && (oldest == nullptr || slot->since < oldest->since)) {
      oldest = slot;
    }
  }
  if (free == nullptr) {
    // Those that are done are being read; there are never kWays of them (see release()).
    if (oldest == nullptr) return nullptr;
    counts_.add(FragmentCount::CrowdedOut);
    free = oldest;
  }
  free->used = true;
  free->done = false;
  free->from = fragment.from;
  free->to = fragment.to;
  free->id = fragment.id;
  free->protocol = fragment.protocol;
  free->since = time;
  free->size = 0;
  free->ranges = 0;
  return free;
}

void Defragmenter::copy(Slot& slot, const Fragment& fragment) {
  const std::uint32_t begin = fragment.offset;
  const auto end = static_cast<std::uint32_t>(begin + fragment.bytes.size());
  if (slot.bytes.size() < end) slot.bytes.resize(end);
  std::uint32_t at = begin;
  bool overlaps = false;
  bool differs = false;
  for (std::uint32_t i = 0; i < slot.ranges && at < end; ++i) {
    const Range& have = slot.have[i];
    if (have.end <= at) continue;
    if (have.begin >= end) break;
    if (have.begin > at) std::memcpy(&slot.bytes[at], &fragment.bytes[at - begin], have.begin - at);
    const std::uint32_t from = std::max(at, have.begin);
    const std::uint32_t to = std::min(end, have.end);
    overlaps = true;
    differs |= std::memcmp(&slot.bytes[from], &fragment.bytes[from - begin], to - from) != 0;
    at = to;
  }
  if (at < end) std::memcpy(&slot.bytes[at], &fragment.bytes[at - begin], end - at);
  if (overlaps) counts_.add(FragmentCount::Overlaps);
  if (differs) counts_.add(FragmentCount::Conflicts);
}

bool Defragmenter::note(Slot& slot, Range range) {
  std::uint32_t first = 0;
  while (first < slot.ranges && slot.have[first].end < range.begin)
    ++first;
  std::uint32_t last = first;
  while (last < slot.ranges && slot.have[last].begin <= range.end) {
    range.begin = std::min(range.begin, slot.have[last].begin);
    range.end = std::max(range.end, slot.have[last].end);
    ++last;
  }
  auto* const have = slot.have.data();
  if (first == last) {
    if (slot.ranges == kRanges) return false;
    std::copy_backward(have + first, have + slot.ranges, have + slot.ranges + 1);
    ++slot.ranges;
  } else {
    std::copy(have + last, have + slot.ranges, have + first + 1);
    slot.ranges -= last - first - 1;
  }
  have[first] = range;
  return true;
}

std::optional<base::ByteView> Defragmenter::add(const Fragment& fragment, base::WallTime time) {
  counts_.add(FragmentCount::Fragments);
  const std::size_t end = fragment.offset + fragment.bytes.size();
  if (end > kMaxDatagram || fragment.bytes.empty() ||
      (fragment.more && fragment.bytes.size() % 8 != 0)) {
    counts_.add(FragmentCount::Malformed);
    return std::nullopt;
  }
  Slot* const slot = find(fragment, time);
  if (slot == nullptr) return std::nullopt;
  if (!fragment.more && slot->size == 0) slot->size = static_cast<std::uint32_t>(end);
  copy(*slot, fragment);
  if (!note(*slot, {fragment.offset, static_cast<std::uint32_t>(end)})) {
    counts_.add(FragmentCount::CrowdedOut);
    slot->used = false;
    return std::nullopt;
  }
  const Range& front = slot->have[0];
  if (slot->size == 0 || front.begin != 0 || front.end < slot->size) return std::nullopt;
  counts_.add(FragmentCount::Datagrams);
  slot->done = true;
  any_done_ = true;
  return base::ByteView(slot->bytes).first(slot->size);
}

void Defragmenter::release() {
  if (!any_done_) return;
  any_done_ = false;
  for (Slot& slot : slots_) {
    if (!slot.done) continue;
    slot.used = false;
    slot.done = false;
  }
}

}  // namespace sensor::packet
