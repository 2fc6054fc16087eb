#include "sensor/delivery/interest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sensor::delivery {

using dissect::Access;

base::Result<Access> parse_access(std::string_view name) {
  for (std::size_t i = 0; i < kAccesses; ++i) {
    if (dissect::access_name(static_cast<Access>(i)) == name) return static_cast<Access>(i);
  }
  return base::fail(base::Code::Invalid, "access", -1,
                    fmt::format("some of {}", fmt::join(names_of(~AccessSet{0}), ", ")));
}

std::vector<std::string> names_of(AccessSet accesses) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kAccesses; ++i) {
    const auto access = static_cast<Access>(i);
    if ((accesses & bit(access)) != 0) names.emplace_back(dissect::access_name(access));
  }
  return names;
}

bool Interest::wants(const dissect::Transaction& one) {
  const bool failed =
      one.status.outcome == dissect::Outcome::Failed && industrial_.contains(one.protocol);
  if ((accesses_ & bit(one.access)) == 0 && !failed) return false;
  const auto minute = std::chrono::floor<std::chrono::minutes>(one.time);
  if (minute != minute_) {
    minute_ = minute;
    in_this_minute_ = 0;
  }
  if (++in_this_minute_ <= most_in_a_minute_) return true;
  ++held_back_;
  return false;
}

uplink::Priority Interest::priority(Access access) {
  switch (access) {
    case Access::ProgramUpload:
    case Access::ProgramDownload:
    case Access::Start:
    case Access::Stop:
    case Access::Reset:
    case Access::ModeChange:
    case Access::Firmware:
    case Access::ConfigWrite:
      return uplink::Priority::High;
    default:
      return uplink::Priority::Low;
  }
}

}  // namespace sensor::delivery
