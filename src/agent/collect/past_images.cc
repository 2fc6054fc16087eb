#include "agent/collect/past_images.h"

#include <ranges>

namespace agent::collect {

void PastImages::make_room(const std::string& executable) {
  auto family = by_program_.find(executable);
  const bool among_its_own =
      family != by_program_.end() && family->second.size() >= of_one_program_;
  if (!among_its_own) {
    if (kept_.size() < capacity_) return;
    family = by_program_.find(kept_.front().image->executable);
  }
  // The oldest of all is the oldest of its program, too.
  spare_.splice(spare_.end(), kept_, family->second.front());
  family->second.pop_front();
  if (family->second.empty()) by_program_.erase(family);
}

void PastImages::keep(const ProcessTable::Entry& entry) {
  if (entry.image == nullptr || capacity_ == 0) return;
  make_room(entry.image->executable);
  if (spare_.empty()) {
    kept_.push_back(entry);
  } else {
    spare_.front() = entry;
    kept_.splice(kept_.end(), spare_);
  }
  by_program_[entry.image->executable].push_back(std::prev(kept_.end()));
}

const ProcessTable::Entry* PastImages::find(std::uint32_t pid, base::WallTime at) const {
  for (const ProcessTable::Entry& entry : kept_ | std::views::reverse) {
    if (entry.process.pid == pid && entry.since <= at) return &entry;
  }
  return nullptr;
}

}  // namespace agent::collect
