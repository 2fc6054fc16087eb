#include "detect/custom/presence.h"

#include <algorithm>

namespace detect::custom {

void Presence::connected(std::string_view device, base::WallTime time) {
  auto found = entries_.find(device);
  if (found == entries_.end()) found = entries_.emplace(std::string(device), Entry()).first;
  Entry& entry = found->second;
  if (entry.connections++ > 0) return;
  if (!entry.times.empty() && time - entry.times.back().until <= kBlink) {
    entry.times.back().until = base::WallTime::max();
    return;
  }
  entry.times.push_back({time, base::WallTime::max()});
  if (entry.times.size() > kTimes) entry.times.pop_front();
}

void Presence::disconnected(std::string_view device, base::WallTime time) {
  const auto found = entries_.find(device);
  if (found == entries_.end() || found->second.connections == 0) return;
  Entry& entry = found->second;
  if (--entry.connections == 0) entry.times.back().until = std::max(time, entry.times.back().from);
}

void Presence::restarted(base::WallTime time) {
  for (auto& [device, entry] : entries_) {
    if (entry.connections == 0 || entry.times.back().from >= time) continue;
    entry.connections = 0;
    entry.times.back().until = time;
  }
}

bool Presence::was_connected(std::string_view device, base::WallTime time) const {
  const auto found = entries_.find(device);
  if (found == entries_.end()) return false;
  return std::ranges::any_of(found->second.times, [time](const Time& each) {
    return each.from <= time && time <= each.until;
  });
}

std::optional<base::WallTime> Presence::known_since(std::string_view device) const {
  const auto found = entries_.find(device);
  if (found == entries_.end() || found->second.times.empty()) return std::nullopt;
  return found->second.times.front().from;
}

void Presence::forget(base::WallTime before) {
  std::erase_if(entries_, [before](const auto& each) {
    const Entry& entry = each.second;
    return entry.connections == 0 && (entry.times.empty() || entry.times.back().until < before);
  });
}

}  // namespace detect::custom
