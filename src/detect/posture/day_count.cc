#include "detect/posture/day_count.h"

#include <algorithm>

namespace detect::posture {
namespace {

constexpr std::int64_t kHours = 24;

std::int64_t hour_of(base::WallTime time) {
  return std::chrono::floor<std::chrono::hours>(time.time_since_epoch()).count();
}

}  // namespace

void DayCount::add(base::WallTime now, MessageCount count) {
  const std::int64_t hour = hour_of(now);
  const auto place = std::ranges::lower_bound(hours_, hour, {}, &Hour::hour);
  if (place != hours_.end() && place->hour == hour) {
    place->count.messages += count.messages;
    place->count.small += count.small;
  } else {
    hours_.insert(place, {hour, count});
  }
  std::erase_if(
      hours_, [last = hours_.back().hour](const Hour& each) { return each.hour + kHours < last; });
}

MessageCount DayCount::sum(base::WallTime now) const {
  MessageCount all;
  for (const Hour& each : hours_) {
    if (each.hour + kHours < hour_of(now)) continue;
    all.messages += each.count.messages;
    all.small += each.count.small;
  }
  return all;
}

bool DayCount::idle(base::WallTime now) const {
  return hours_.empty() || hours_.back().hour + kHours < hour_of(now);
}

}  // namespace detect::posture
