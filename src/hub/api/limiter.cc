#include "hub/api/limiter.h"

#include <algorithm>

#include <arpa/inet.h>

#include "base/text.h"

namespace hub::api {

namespace {

// What one subscriber can choose freely: an IPv4 address, or the half of an IPv6 one.
std::string network_of(std::string_view address) {
  in6_addr parsed{};
  std::string text(address);
  if (::inet_pton(AF_INET6, text.c_str(), &parsed) != 1) return text;
  if (IN6_IS_ADDR_V4MAPPED(&parsed)) return text;
  return base::hex_encode(base::ByteView(parsed.s6_addr, 8));
}

std::string key_of(std::string_view address, std::string_view name) {
  std::string key = network_of(address);
  key.push_back('\0');
  return key += base::to_lower(name.substr(0, 128));
}

std::chrono::seconds wait_after(std::uint32_t failures, std::uint32_t free) {
  if (failures < free) return std::chrono::seconds(0);
  const std::uint32_t doublings = std::min(failures - free, 16U);
  return std::min(std::chrono::seconds(std::int64_t{1} << doublings), LoginLimiter::kLongestWait);
}

}  // namespace

std::chrono::seconds LoginLimiter::attempt(std::string_view address, std::string_view name,
                                           base::MonoTime now) {
  const std::lock_guard lock(mutex_);
  make_room(now);
  Entry& by_address = entry(network_of(address), now);
  Entry& by_name = entry(key_of(address, name), now);
  const auto left = [now](const Entry& entry, std::uint32_t free) {
    const auto until = entry.last + wait_after(entry.failures, free);
    return std::chrono::ceil<std::chrono::seconds>(until - now);
  };
  const auto wait = std::max(left(by_name, kFreePerName), left(by_address, kFreePerAddress));
  if (wait > std::chrono::seconds(0)) return wait;
  for (Entry* each : {&by_address, &by_name}) {
    ++each->failures;
    each->last = now;
  }
  return std::chrono::seconds(0);
}

void LoginLimiter::succeeded(std::string_view address, std::string_view name) {
  const std::lock_guard lock(mutex_);
  entries_.erase(key_of(address, name));
  // The address may be shared by many: one success takes back its own attempt only.
  const auto found = entries_.find(network_of(address));
  if (found != entries_.end() && found->second.failures > 0) --found->second.failures;
}

std::size_t LoginLimiter::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

LoginLimiter::Entry& LoginLimiter::entry(const std::string& key, base::MonoTime now) {
  Entry& found = entries_.try_emplace(key, Entry{0, now}).first->second;
  if (now - found.last >= kForget) found = Entry{0, now};
  return found;
}

void LoginLimiter::make_room(base::MonoTime now) {
  if (entries_.size() + 2 <= kMaxEntries) return;
  std::erase_if(entries_, [now](const auto& each) { return now - each.second.last >= kForget; });
  while (entries_.size() + 2 > kMaxEntries) {
    entries_.erase(std::min_element(
        entries_.begin(), entries_.end(),
        [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
  }
}

}  // namespace hub::api
