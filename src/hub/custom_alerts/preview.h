#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "detect/custom/definition.h"
#include "store/query.h"

// What a custom alert would have raised.
namespace hub::custom_alerts {

inline constexpr std::chrono::days kPreviewDays{30};

struct PreviewOptions {
  base::WallTime now;
  std::chrono::nanoseconds back = kPreviewDays;
  std::size_t max_rows = 200'000;  // of the history that is looked at; the newest count
  std::size_t max_items = 200;
  std::chrono::milliseconds timeout{60'000};
  store::Cancel* cancel = nullptr;  // may be nullptr; must outlive the call
  // The security group of a device.
  std::function<std::string(std::string_view device)> group_of;
};

// One alert: the same thing again adds to it.
struct WouldRaise {
  std::string device_id;
  std::string entity;
  std::string why;  // of the latest
  base::WallTime first;
  base::WallTime last;
  std::int64_t hits = 0;
};

struct Preview {
  base::WallTime from;  // what was looked at: later than asked for when there were too many rows
  base::WallTime to;
  bool truncated = false;
  std::size_t alerts = 0;
  std::size_t devices = 0;
  std::int64_t hits = 0;
  std::vector<WouldRaise> items;                                     // the newest first
  std::vector<std::pair<base::WallTime, std::int64_t>> hits_by_day;  // of UTC, those with any
};

// Plays what is stored against the definition as if it had been in force; windows begin so that
// one ends now. What was connected is known from when the hub recorded that it came. Errors: those
// of store::Queries.
std::expected<Preview, store::QueryFailure> preview(store::Queries& queries,
                                                    const detect::custom::Definition& definition,
                                                    const PreviewOptions& options);

}  // namespace hub::custom_alerts
