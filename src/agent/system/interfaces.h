#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace agent::system {

struct Interface {
  std::string name;
  std::string mac;     // empty: it has none
  std::string driver;  // empty: none (a virtual one)
  std::string state;   // "up", "down", "unknown", ...
  std::string kind;    // DEVTYPE of its uevent: "wlan", "bridge", "vlan"; empty: plain
  bool physical = false;
  std::int64_t speed_mbit = 0;         // 0: not known
  std::int64_t mtu = 0;                // 0: not known
  std::vector<std::string> addresses;  // "192.0.2.7/24", "fe80::1/64"
};

// The network interfaces, by name; what sysfs at `sys` says of them and the addresses the kernel
// gives. At most 256. Errors: Io.
base::Result<std::vector<Interface>> interfaces(const std::string& sys);
// As a JSON array.
std::string interfaces_json(const std::vector<Interface>& interfaces);

}  // namespace agent::system
