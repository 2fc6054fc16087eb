#include "hub/identity/sign_ins.h"

namespace hub::identity {

bool SignIns::is_renewal(const Grant& grant, std::string_view ip, base::WallTime now) const {
  if (grant.auth.type != "sas") return false;
  const std::lock_guard lock(mutex_);
  const auto found = last_.find(grant.name);
  if (found == last_.end()) return false;
  const Last& last = found->second;
  const bool same = last.credential == grant.auth.credential && !last.credential.empty() &&
                    last.client_type == grant.client_type && last.ip == ip;
  if (!same || grant.expires_at <= last.expires) return false;
  if (last.ended && (last.ending == Ending::Broken || now - *last.ended > kRenewalGap))
    return false;
  return now - last.began >= (last.expires - last.began) / 2;
}

// Makes room by forgetting who is not connected. Called with the lock held.
SignIns::Last& SignIns::entry(const Name& name, base::WallTime now) {
  const auto found = last_.find(name);
  if (found != last_.end()) return found->second;
  if (last_.size() >= kMax) {
    std::erase_if(last_, [now](const auto& item) {
      return item.second.ended && now - *item.second.ended > kRenewalGap;
    });
  }
  if (last_.size() >= kMax) last_.erase(last_.begin());
  return last_[name];
}

std::optional<base::WallTime> SignIns::began(const Grant& grant, std::string_view ip,
                                             base::WallTime now) {
  const std::lock_guard lock(mutex_);
  Last& last = entry(grant.name, now);
  last.credential = grant.auth.credential;
  last.client_type = grant.client_type;
  last.ip = ip;
  last.began = now;
  last.expires = grant.expires_at;
  last.ended.reset();
  if (grant.auth.type != "sas") return std::nullopt;
  // Tokens of hours or years are not the SDKs'.
  if (now >= base::WallTime::max() - kUsualLife - kMostSkew) return std::nullopt;
  const bool usual = grant.expires_at >= now + kUsualLife - kMostSkew &&
                     grant.expires_at <= now + kUsualLife + kMostSkew;
  if (!usual) return std::nullopt;
  return grant.expires_at - kUsualLife;
}

void SignIns::ended(const Name& name, Ending ending, base::WallTime now) {
  const std::lock_guard lock(mutex_);
  const auto found = last_.find(name);
  if (found == last_.end()) return;
  found->second.ended = now;
  found->second.ending = ending;
}

void SignIns::forget(const Name& name) {
  const std::lock_guard lock(mutex_);
  if (name.is_module()) {
    last_.erase(name);
    return;
  }
  auto item = last_.lower_bound(name);
  while (item != last_.end() && item->first.device_id == name.device_id)
    item = last_.erase(item);
}

}  // namespace hub::identity
