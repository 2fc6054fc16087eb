#include "hub/link/session_table.h"

#include <utility>

namespace hub::link {

// Hosts are called with the lock held: that is what keeps them alive meanwhile.

void SessionTable::replace(const identity::Name& name, Place place, operations::Reason reason) {
  const std::lock_guard lock(mutex_);
  const auto [found, inserted] = places_.try_emplace(name, place);
  if (inserted) return;
  const Place before = std::exchange(found->second, place);
  before.host->cut(before.connection, reason);
}

void SessionTable::remove(const identity::Name& name, Place place) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(name);
  if (found != places_.end() && found->second == place) places_.erase(found);
}

void SessionTable::cut(const identity::Name& name, operations::Reason reason) {
  const std::lock_guard lock(mutex_);
  for (auto item = places_.lower_bound(name); item != places_.end(); ++item) {
    if (item->first.device_id != name.device_id) break;
    if (name.is_module() && item->first.module_id != name.module_id) break;
    item->second.host->cut(item->second.connection, reason);
  }
}

bool SessionTable::deliver(const identity::Name& name, Delivery delivery) {
  const std::lock_guard lock(mutex_);
  const auto found = places_.find(name);
  if (found == places_.end()) return false;
  found->second.host->deliver(found->second.connection, std::move(delivery));
  return true;
}

bool SessionTable::contains(const identity::Name& name) const {
  const std::lock_guard lock(mutex_);
  return places_.contains(name);
}

}  // namespace hub::link
