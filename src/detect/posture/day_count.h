#pragma once

#include <chrono>
#include <vector>

#include "base/time.h"
#include "detect/posture/device_checks.h"

namespace detect::posture {

// Messages of the last 24 hours, by the hour. Threads: none of its own.
class DayCount {
 public:
  struct Hour {
    std::int64_t hour = 0;  // since the epoch
    MessageCount count;
  };

  void add(base::WallTime now, MessageCount count);
  // Of the hours that are not over for longer than a day.
  MessageCount sum(base::WallTime now) const;
  // Rising, at most 25.
  const std::vector<Hour>& hours() const { return hours_; }
  bool idle(base::WallTime now) const;  // nothing for a day

 private:
  std::vector<Hour> hours_;
};

}  // namespace detect::posture
