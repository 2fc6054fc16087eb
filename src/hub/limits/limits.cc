#include "hub/limits/limits.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/hash.h"

namespace hub::limits {

using std::chrono::nanoseconds;

namespace {

constexpr unsigned kUnitBits = 40;
constexpr std::uint64_t kUnitMask = (std::uint64_t{1} << kUnitBits) - 1;
constexpr double kMaxCost = 86'400e9;  // nanoseconds; slower than once a day is not counted

std::int64_t day_of(base::WallTime wall) {
  return std::chrono::floor<std::chrono::days>(wall).time_since_epoch().count();
}

std::uint64_t pack(std::int64_t day, std::uint64_t units) {
  return static_cast<std::uint64_t>(day) << kUnitBits | std::min(units, kUnitMask);
}
std::int64_t packed_day(std::uint64_t used) {
  return static_cast<std::int64_t>(used >> kUnitBits);
}

// A day begins anew when it has come. A clock that went back a little does not give it twice; one
// that was far ahead does not stop the count.
bool is_over(std::int64_t day, std::int64_t today) {
  return today > day || day > today + 1;
}

nanoseconds cost_of(double rate, double count) {
  return nanoseconds(static_cast<std::int64_t>(std::min(count * 1e9 / rate, kMaxCost)));
}

std::uint64_t key_of(Kind kind, Who who) {
  const std::uint64_t device = base::table_hash(base::as_bytes(who.device_id));
  const std::uint64_t module = base::table_hash(base::as_bytes(who.module_id));
  return (device * 31 + module) * kKinds + static_cast<std::uint64_t>(kind);
}

}  // namespace

Bucket::Taken Bucket::take(nanoseconds cost, nanoseconds burst, nanoseconds max_delay,
                           base::MonoTime now) {
  const std::int64_t at = now.time_since_epoch().count();
  // One at least may come at once.
  const std::int64_t room = std::max(burst, cost).count();
  std::int64_t before = full_at_.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t after = std::max(before, at) + cost.count();
    const nanoseconds late(after - at - room);
    if (late > max_delay) return {};
    if (full_at_.compare_exchange_weak(before, after, std::memory_order_relaxed))
      return {true, std::max(late, nanoseconds(0))};
  }
}

bool Bucket::is_full(base::MonoTime now) const {
  return full_at_.load(std::memory_order_relaxed) <= now.time_since_epoch().count();
}

void Bucket::give_back(nanoseconds cost) {
  full_at_.fetch_sub(cost.count(), std::memory_order_relaxed);
}

std::uint64_t Limits::units_of(std::size_t bytes) const {
  return std::max<std::uint64_t>(1, (bytes + settings_.meter_block - 1) / settings_.meter_block);
}

// False: the day has not so many left.
bool Limits::reserve(std::uint64_t units, base::WallTime wall) {
  const std::int64_t today = day_of(wall);
  std::uint64_t before = used_.load(std::memory_order_relaxed);
  for (;;) {
    const bool over = is_over(packed_day(before), today);
    const std::int64_t day = over ? today : packed_day(before);
    const std::uint64_t used = over ? 0 : before & kUnitMask;
    if (settings_.daily_units != 0 && used + units > settings_.daily_units) return false;
    if (used_.compare_exchange_weak(before, pack(day, used + units), std::memory_order_relaxed))
      return true;
  }
}

void Limits::release(std::uint64_t units) {
  std::uint64_t before = used_.load(std::memory_order_relaxed);
  while (!used_.compare_exchange_weak(
      before, pack(packed_day(before), (before & kUnitMask) - std::min(units, before & kUnitMask)),
      std::memory_order_relaxed)) {
  }
}

Bucket::Taken Limits::take_own(Kind kind, Who who, nanoseconds cost, base::MonoTime now) {
  const std::uint64_t key = key_of(kind, who);
  Shard& shard = shards_[key % kShards];
  const std::lock_guard lock(shard.mutex);
  auto found = shard.buckets.find(key);
  if (found == shard.buckets.end()) {
    constexpr std::size_t kMost = kMaxTracked / kShards;
    if (shard.buckets.size() >= kMost) {
      // What is full again says nothing.
      std::erase_if(shard.buckets, [now](const auto& item) { return item.second.is_full(now); });
    }
    if (shard.buckets.size() >= kMost) {
      counters_.untracked.add();
      return {true, nanoseconds(0)};
    }
    found = shard.buckets.try_emplace(key).first;
  }
  return found->second.take(cost, settings_.burst, settings_.max_delay, now);
}

void Limits::give_back_own(Kind kind, Who who, nanoseconds cost) {
  const std::uint64_t key = key_of(kind, who);
  Shard& shard = shards_[key % kShards];
  const std::lock_guard lock(shard.mutex);
  if (const auto found = shard.buckets.find(key); found != shard.buckets.end())
    found->second.give_back(cost);
}

Decision Limits::check(Kind kind, Who who, std::size_t bytes, base::MonoTime now,
                       base::WallTime wall) {
  const auto index = static_cast<std::size_t>(kind);
  const std::uint64_t blocks = units_of(bytes);
  const std::uint64_t units = is_metered(kind) ? blocks : 0;
  if (units > 0 && !reserve(units, wall)) {
    counters_.quota_refused.add();
    return {Decision::Verdict::Quota, nanoseconds(0), 0};
  }
  const double count = kind == Kind::Method ? static_cast<double>(blocks) : 1;
  const double own_rate = who.device_id.empty() ? 0 : settings_.identity[index];
  const nanoseconds own_cost = own_rate > 0 ? cost_of(own_rate, count) : nanoseconds(0);
  Bucket::Taken own{true};
  if (own_rate > 0) own = take_own(kind, who, own_cost, now);
  Bucket::Taken all{own.taken};
  if (own.taken && settings_.hub[index] > 0) {
    all = hub_[index].take(cost_of(settings_.hub[index], count), settings_.burst,
                           settings_.max_delay, now);
    if (!all.taken && own_rate > 0) give_back_own(kind, who, own_cost);
  }
  if (!all.taken) {
    release(units);
    counters_.throttled[index].add();
    return {Decision::Verdict::Throttled, nanoseconds(0), 0};
  }
  const nanoseconds delay = std::max(own.delay, all.delay);
  if (delay.count() == 0) {
    counters_.passed[index].add();
    return {Decision::Verdict::Pass, delay, units};
  }
  counters_.delayed[index].add();
  return {Decision::Verdict::Delay, delay, units};
}

Usage Limits::usage(base::WallTime wall) const {
  const std::uint64_t used = used_.load(std::memory_order_relaxed);
  const std::int64_t today = day_of(wall);
  if (is_over(packed_day(used), today)) return {today, 0};
  return {packed_day(used), used & kUnitMask};
}

void Limits::restore(const Usage& usage) {
  used_.store(pack(usage.day, usage.units), std::memory_order_relaxed);
}

}  // namespace hub::limits
