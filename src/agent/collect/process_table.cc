#include "agent/collect/process_table.h"

#include <algorithm>
#include <utility>

#include "base/result.h"

namespace agent::collect {

bool same_process(const ProcessId& a, const ProcessId& b) {
  if (a.pid != b.pid) return false;
  return a.start == 0 || b.start == 0 || a.start == b.start;
}

ProcessTable::ProcessTable(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 2)) {}

void ProcessTable::fork(const ProcessId& child, const ProcessId& parent, base::WallTime since) {
  // By value: placing the child may move or evict the parent's entry.
  const Entry* const parent_entry = find(parent);
  std::shared_ptr<const Image> image = parent_entry == nullptr ? nullptr : parent_entry->image;
  Entry& entry = place(child).entry;
  entry = {child, parent, std::move(image), false, since};
}

void ProcessTable::exec(const ProcessId& process, const ProcessId& parent,
                        std::shared_ptr<const Image> image, base::WallTime since) {
  place(process).entry = {process, parent, std::move(image), true, since};
}

std::optional<ProcessTable::Entry> ProcessTable::exit(const ProcessId& process) {
  const auto found = index_.find(process.pid);
  if (found == index_.end()) return std::nullopt;
  const std::uint32_t slot = found->second;
  if (!same_process(slots_[slot].entry.process, process)) return std::nullopt;
  Entry entry = std::move(slots_[slot].entry);
  remove(slot);
  return entry;
}

const ProcessTable::Entry* ProcessTable::find(const ProcessId& process) {
  const auto found = index_.find(process.pid);
  if (found == index_.end()) return nullptr;
  const std::uint32_t slot = found->second;
  if (!same_process(slots_[slot].entry.process, process)) return nullptr;
  unlink(slot);
  link_newest(slot);
  return &slots_[slot].entry;
}

const ProcessTable::Entry* ProcessTable::peek(const ProcessId& process) const {
  const auto found = index_.find(process.pid);
  if (found == index_.end()) return nullptr;
  const Entry& entry = slots_[found->second].entry;
  return same_process(entry.process, process) ? &entry : nullptr;
}

ProcessTable::Slot& ProcessTable::place(const ProcessId& process) {
  if (const auto found = index_.find(process.pid); found != index_.end()) {
    unlink(found->second);
    link_newest(found->second);
    return slots_[found->second];
  }
  if (index_.size() >= capacity_) {
    remove(oldest_);
    ++evicted_;
  }
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  index_.emplace(process.pid, slot);
  link_newest(slot);
  return slots_[slot];
}

void ProcessTable::link_newest(std::uint32_t slot) {
  slots_[slot].older = newest_;
  slots_[slot].newer = kNone;
  if (newest_ != kNone) slots_[newest_].newer = slot;
  newest_ = slot;
  if (oldest_ == kNone) oldest_ = slot;
}

void ProcessTable::unlink(std::uint32_t slot) {
  const Slot& out = slots_[slot];
  if (out.newer != kNone) slots_[out.newer].older = out.older;
  if (out.older != kNone) slots_[out.older].newer = out.newer;
  if (newest_ == slot) newest_ = out.older;
  if (oldest_ == slot) oldest_ = out.newer;
}

void ProcessTable::remove(std::uint32_t slot) {
  ASSERT(slot != kNone);
  unlink(slot);
  index_.erase(slots_[slot].entry.process.pid);
  slots_[slot].entry = {};
  free_.push_back(slot);
}

}  // namespace agent::collect
