#include "detect/process_memory.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/bytes.h"
#include "base/hash.h"

namespace detect {
namespace {

constexpr std::size_t kFirstSlots = 1024;

std::uint64_t key_of(std::string_view device, std::int64_t process) {
  // splitmix64's last step spreads neighbours.
  std::uint64_t key = base::table_hash(base::as_bytes(device)) +
                      static_cast<std::uint64_t>(process) * 0x9E3779B97F4A7C15ULL;
  key = (key ^ key >> 30U) * 0xBF58476D1CE4E5B9ULL;
  key = (key ^ key >> 27U) * 0x94D049BB133111EBULL;
  key ^= key >> 31U;
  return key == 0 ? 1 : key;
}

std::string file_key(std::string_view device, std::string_view path) {
  std::string key(device);
  key += '\0';
  key += path;
  return key;
}

}  // namespace

ProcessTree::ProcessTree() : slots_(kFirstSlots) {}

const ProcessTree::Slot* ProcessTree::find(std::uint64_t key) const {
  const std::size_t set = (key % (slots_.size() / kWays)) * kWays;
  for (std::size_t way = 0; way < kWays; ++way) {
    if (slots_[set + way].key == key) return &slots_[set + way];
  }
  return nullptr;
}

// The one of the key, an empty one, or the one that was not heard of for longest.
ProcessTree::Slot& ProcessTree::place_for(std::uint64_t key) {
  const std::size_t set = (key % (slots_.size() / kWays)) * kWays;
  Slot* place = &slots_[set];
  for (std::size_t way = 0; way < kWays; ++way) {
    Slot& slot = slots_[set + way];
    if (slot.key == key) return slot;
    if (place->key != 0 && (slot.key == 0 || slot.heard < place->heard)) place = &slot;
  }
  if (place->key == 0) {
    ++used_;
  } else {
    evicted_.add();
  }
  return *place;
}

void ProcessTree::grow() {
  std::vector<Slot> former(slots_.size() * 2);
  former.swap(slots_);
  used_ = 0;
  for (const Slot& slot : former) {
    if (slot.key != 0) place_for(slot.key) = slot;
  }
}

void ProcessTree::started(std::string_view device, std::int64_t process, std::int64_t parent,
                          std::string_view name) {
  if (used_ * 2 > slots_.size() && slots_.size() < kProcesses) grow();
  const std::uint64_t key = key_of(device, process);
  Slot& slot = place_for(key);
  slot.key = key;
  slot.parent = parent;
  slot.heard = ++clock_;
  slot.size = static_cast<std::uint8_t>(std::min(name.size(), kNameBytes));
  std::memcpy(slot.name, name.data(), slot.size);
}

void ProcessTree::ended(std::string_view device, std::int64_t process) {
  const std::uint64_t key = key_of(device, process);
  const Slot* slot = find(key);
  if (slot == nullptr) return;
  slots_[static_cast<std::size_t>(slot - slots_.data())] = {};
  --used_;
}

void ProcessTree::ancestors(std::string_view device, std::int64_t parent,
                            std::vector<std::string_view>& names) const {
  for (std::size_t i = 0; i < kAncestors && parent > 0; ++i) {
    const Slot* slot = find(key_of(device, parent));
    if (slot == nullptr) return;
    names.emplace_back(slot->name, slot->size);
    // A process that began under a number that came round again.
    if (slot->parent == parent) return;
    parent = slot->parent;
  }
}

void ProcessTree::forget() {
  slots_.assign(kFirstSlots, {});
  used_ = 0;
}

void Downloads::add(Download download) {
  std::string key = file_key(download.device, download.path);
  order_.emplace_back(key, ++next_);
  by_file_[std::move(key)] = {std::make_shared<const Download>(std::move(download)), next_};
  while (order_.size() > kFiles) {
    const auto found = by_file_.find(order_.front().first);
    // It may have been written anew.
    if (found != by_file_.end() && found->second.number == order_.front().second) {
      const base::WallTime newest = by_file_[order_.back().first].download->evidence.time;
      if (newest - found->second.download->evidence.time < kFor) evicted_.add();
      by_file_.erase(found);
    }
    order_.pop_front();
  }
}

const Downloads::Download* Downloads::find(std::string_view device, std::string_view path,
                                           base::WallTime time) const {
  if (by_file_.empty()) return nullptr;
  const auto found = by_file_.find(file_key(device, path));
  if (found == by_file_.end()) return nullptr;
  const Download& download = *found->second.download;
  const auto since = time - download.evidence.time;
  return since >= std::chrono::seconds(0) && since <= kFor ? &download : nullptr;
}

void Downloads::forget() {
  by_file_.clear();
  order_.clear();
}

}  // namespace detect
