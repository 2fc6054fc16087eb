#include "hub/listen/service.h"

namespace hub::listen {

std::optional<SessionTable::Place> SessionTable::replace(const identity::Name& name, Place place) {
  const std::lock_guard lock(mutex_);
  const auto [found, inserted] = places_.try_emplace(name, place);
  if (inserted) return std::nullopt;
  return std::exchange(found->second, place);
}

void SessionTable::remove(const identity::Name& name, Place place) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(name);
  if (found != places_.end() && found->second == place) places_.erase(found);
}

std::vector<SessionTable::Place> SessionTable::find(const identity::Name& name) const {
  std::vector<Place> found;
  const std::lock_guard lock(mutex_);
  for (auto item = places_.lower_bound(name); item != places_.end(); ++item) {
    if (item->first.device_id != name.device_id) break;
    if (name.is_module() && item->first.module_id != name.module_id) break;
    found.push_back(item->second);
  }
  return found;
}

}  // namespace hub::listen
