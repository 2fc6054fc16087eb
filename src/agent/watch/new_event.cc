#include "agent/watch/new_event.h"

#include <ctime>

namespace agent {

namespace {

// The zone's offset from UTC at that time, looked up once in a while: it changes twice a year.
std::chrono::minutes local_offset(base::WallTime time) {
  struct Cached {
    base::WallTime from{};
    base::WallTime until{};
    std::chrono::minutes offset{0};
  };
  thread_local Cached cached;
  if (time >= cached.from && time < cached.until) return cached.offset;
  const auto quarter =
      std::chrono::floor<std::chrono::minutes>(time) -
      std::chrono::floor<std::chrono::minutes>(time).time_since_epoch() % std::chrono::minutes(15);
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm local{};
  ::localtime_r(&seconds, &local);
  cached = {quarter, quarter + std::chrono::minutes(15),
            std::chrono::minutes(local.tm_gmtoff / 60)};
  return cached.offset;
}

}  // namespace

schema::Event new_event(base::WallTime time) {
  schema::Event event;
  event.id = base::Guid::random();
  event.time = {time, local_offset(time)};
  return event;
}

}  // namespace agent
