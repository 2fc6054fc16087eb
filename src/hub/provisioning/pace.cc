#include "hub/provisioning/pace.h"

#include <algorithm>

namespace hub::provisioning {

bool Pace::take(std::string_view name, base::MonoTime now) {
  if (buckets_.size() >= kMaxNames) forget(now);
  const auto most = static_cast<double>(rate_.count);
  const auto [found, fresh] = buckets_.try_emplace(std::string(name), Bucket{most, now});
  Bucket& bucket = found->second;
  if (!fresh) {
    const std::chrono::duration<double> passed = now - bucket.at;
    bucket.left = std::min(
        most, bucket.left + passed.count() * most / static_cast<double>(rate_.per.count()));
    bucket.at = now;
  }
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

void Pace::forget(base::MonoTime now) {
  std::erase_if(buckets_, [&](const auto& each) { return now - each.second.at >= rate_.per; });
  // Still that many within that time: then all begin anew.
  if (buckets_.size() >= kMaxNames) buckets_.clear();
}

}  // namespace hub::provisioning
