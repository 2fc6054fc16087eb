#pragma once

#include <string_view>

#include "base/json.h"
#include "base/time.h"

// Devices that are being worked on, by a tag of their twin: nobody wonders when they are silent.
namespace hub::queries {

inline constexpr std::string_view kMaintenanceTag = "Maintenance";

// The tag is `true`, or a text with the time (RFC 3339) at which maintenance ends. Whatever else it
// is, there is none.
struct Maintenance {
  bool now = false;
  base::WallTime ended{};  // when it ended by itself; the epoch where it did not
};
// Threads: pure.
Maintenance maintenance(const base::json::Value& tags, base::WallTime now);

}  // namespace hub::queries
