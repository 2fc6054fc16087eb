#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace agent::hardware {

// What the kernel, or udev after it has dealt with it, tells about a device.
struct Uevent {
  std::string action;   // "add", "remove", "change", "move", "bind", ...
  std::string devpath;  // "/devices/...", below /sys
  std::string subsystem;
  bool from_udev = false;  // udev has finished with it
  std::vector<std::pair<std::string, std::string>> properties;

  // Empty when there is none of that name.
  std::string_view property(std::string_view name) const;
};

// Reads one datagram of the kernel ("add@/devices/...", then NAME=value, each with its NUL) or of
// udev ("libudev", a header, the same). At most 256 properties are kept. Errors: Truncated,
// Malformed. Threads: pure. Source: lib/kobject_uevent.c of Linux; libudev's monitor.
base::Result<Uevent> read_uevent(base::ByteView datagram);

}  // namespace agent::hardware
