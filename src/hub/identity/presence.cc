#include "hub/identity/presence.h"

#include "base/hash.h"

namespace hub::identity {

namespace {

constexpr std::chrono::hours kSkewKept{24};

}  // namespace

std::size_t Presence::Hash::operator()(const Name& name) const {
  return base::table_hash(base::as_bytes(name.device_id)) * 31 +
         base::table_hash(base::as_bytes(name.module_id));
}

std::uint64_t Presence::connected(const Name& name, std::string_view client_type,
                                  std::string_view ip, const Activity& stored) {
  const base::WallTime now = now_();
  const std::lock_guard lock(mutex_);
  const auto [found, inserted] = entries_.try_emplace(name);
  Entry& entry = found->second;
  if (inserted) entry.activity = stored;
  if (entry.connection == 0) count(name, 1);
  entry.connection = next_connection_++;
  entry.changed = true;
  entry.activity.connected = true;
  entry.activity.connection_changed = now;
  entry.activity.last_activity = now;
  entry.activity.client_type = client_type;
  entry.activity.ip = ip;
  return entry.connection;
}

bool Presence::disconnected(const Name& name, std::uint64_t connection) {
  const base::WallTime now = now_();
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end() || found->second.connection != connection) return false;
  Entry& entry = found->second;
  entry.connection = 0;
  entry.changed = true;
  entry.activity.connected = false;
  entry.activity.connection_changed = now;
  count(name, -1);
  return true;
}

void Presence::remember(const Name& name, const Activity& stored) {
  const std::lock_guard lock(mutex_);
  const auto [found, inserted] = entries_.try_emplace(name);
  if (inserted) found->second.activity = stored;
}

bool Presence::observe_clock(const Name& name, base::WallTime theirs, base::WallTime received) {
  const auto ahead = std::chrono::duration_cast<std::chrono::milliseconds>(theirs - received);
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return false;
  Activity& activity = found->second.activity;
  const bool known = activity.clock_ahead && activity.clock_observed;
  if (known && ahead <= *activity.clock_ahead && received - *activity.clock_observed <= kSkewKept)
    return true;
  activity.clock_ahead = ahead;
  activity.clock_observed = received;
  found->second.changed = true;
  return true;
}

bool Presence::active(const Name& name, std::uint64_t messages, std::uint64_t security_messages,
                      std::uint64_t small_security_messages) {
  const base::WallTime now = now_();
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return false;
  Entry& entry = found->second;
  entry.changed = true;
  entry.activity.last_activity = now;
  entry.activity.messages += messages;
  entry.activity.security_messages += security_messages;
  if (messages > 0) entry.activity.last_message = now;
  if (security_messages == 0) return true;
  entry.activity.last_security_message = now;
  entry.activity.security_sizes.add(now, security_messages, small_security_messages);
  return true;
}

void Presence::forget(const Name& name) {
  const std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const auto& item) {
    const auto& [known, entry] = item;
    if (known.device_id != name.device_id ||
        (name.is_module() && known.module_id != name.module_id))
      return false;
    if (entry.connection != 0) count(known, -1);
    return true;
  });
}

std::optional<Activity> Presence::find(const Name& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end()) return std::nullopt;
  return found->second.activity;
}

std::uint64_t Presence::connected_count() const {
  const std::lock_guard lock(mutex_);
  return connected_count_;
}

std::uint64_t Presence::connected_devices() const {
  const std::lock_guard lock(mutex_);
  return connected_devices_;
}

void Presence::count(const Name& name, std::int64_t change) {
  connected_count_ += static_cast<std::uint64_t>(change);
  if (!name.is_module()) connected_devices_ += static_cast<std::uint64_t>(change);
}

std::vector<std::pair<Name, Activity>> Presence::take_changed() {
  std::vector<std::pair<Name, Activity>> changed;
  const std::lock_guard lock(mutex_);
  for (auto item = entries_.begin(); item != entries_.end();) {
    auto& [name, entry] = *item;
    if (entry.changed) changed.emplace_back(name, entry.activity);
    entry.changed = false;
    // What is neither connected nor changed is on disk.
    item = entry.connection == 0 ? entries_.erase(item) : std::next(item);
  }
  return changed;
}

void Presence::put_back(const std::vector<std::pair<Name, Activity>>& changed) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, activity] : changed) {
    const auto [found, inserted] = entries_.try_emplace(name);
    if (inserted) found->second.activity = activity;
    found->second.changed = true;
  }
}

}  // namespace hub::identity
