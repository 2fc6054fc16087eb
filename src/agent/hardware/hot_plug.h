#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/hardware/device.h"
#include "agent/hardware/uevent.h"
#include "base/time.h"

namespace agent::hardware {

enum class Change : std::uint8_t { Added, Removed, Changed };
std::string_view to_string(Change change);

// Makes of uevents what was attached, taken away or changed. Knows what is there, so that it can
// say what it was that went.
//
// An added device is told a moment later, when its driver has taken it and udev, if it runs, has
// named it; one that goes before that is told as it was first seen. Who may write to sysfs can have
// the kernel send any event again: one that changes nothing is not told.
// Threads: one. Time is a parameter.
class HotPlug {
 public:
  struct Options {
    // As Reader::read.
    std::function<std::optional<Device>(const std::string& devpath)> read;
    std::function<void(Change, const Device&)> tell;
    std::chrono::milliseconds settle{300};
    std::chrono::milliseconds settle_with_udev{2000};  // at most, for udev's own event
  };

  explicit HotPlug(Options options) : options_(std::move(options)) {}

  // Takes what is there now as known, without telling.
  void learn(std::vector<Device> present);
  // After events were missed: tells how what is there now differs from what was known.
  void compare(std::vector<Device> present);
  void on_event(const Uevent& event, bool udev_runs, base::MonoTime now);
  // Tells what is due; nullopt: nothing waits any more, else when to call again.
  std::optional<base::MonoTime> settle(base::MonoTime now);
  // Tells everything that waits.
  void flush();

  std::size_t known() const { return known_.size(); }
  // Something did not fit: compare() is due.
  bool wants_comparison() const { return wants_comparison_; }

 private:
  struct Pending {
    base::MonoTime due;
    std::optional<Device> first_seen;  // as it was when the kernel told
    bool by_event_only = false;        // it was gone by then: only the kernel's word is known
  };

  void look(const std::string& devpath, const Pending& pending);
  void removed(const std::string& devpath);
  void moved(const Uevent& event);

  Options options_;
  std::map<std::string, Device> known_;
  std::map<std::string, Pending> pending_;
  bool wants_comparison_ = false;
};

}  // namespace agent::hardware
