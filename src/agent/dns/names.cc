#include "agent/dns/names.h"

#include <algorithm>

namespace agent::dns {

namespace {
constexpr std::chrono::seconds kAtLeast = std::chrono::minutes(5);
constexpr std::chrono::seconds kAtMost = std::chrono::days(1);
}  // namespace

void Names::add(const Answer& answer, base::MonoTime now) {
  for (const AddressRecord& record : answer.addresses) {
    const Key& key = record.address.bytes;
    if (const auto found = entries_.find(key); found != entries_.end()) {
      oldest_first_.erase(found->second.age);
      entries_.erase(found);
    } else if (entries_.size() >= capacity_) {
      entries_.erase(oldest_first_.front());
      oldest_first_.pop_front();
    }
    oldest_first_.push_back(key);
    entries_.emplace(key, Entry{answer.name, now + std::clamp(record.ttl, kAtLeast, kAtMost),
                                std::prev(oldest_first_.end())});
  }
}

std::optional<std::string> Names::find(const connections::Address& address,
                                       base::MonoTime now) const {
  const auto found = entries_.find(address.bytes);
  if (found == entries_.end() || found->second.until <= now) return std::nullopt;
  return found->second.name;
}

}  // namespace agent::dns
