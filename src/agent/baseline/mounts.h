#pragma once

#include <string>
#include <string_view>
#include <vector>

// Threads: pure. Source: proc(5), fstab(5).
namespace agent::baseline {

struct Mount {
  std::string device;  // as the line names it
  std::string number;  // of the file system, "8:1"; empty in fstab
  std::string point;
  std::string type;
  std::vector<std::string> options;  // of the mount, not of the file system

  bool has(std::string_view option) const;
};

// /proc/self/mountinfo, in the order of mounting: of two on one point the later covers the other.
std::vector<Mount> read_mountinfo(std::string_view text);
// /etc/fstab.
std::vector<Mount> read_fstab(std::string_view text);
// What is mounted on the folder now; nullptr: nothing.
const Mount* mounted_on(const std::vector<Mount>& mounts, std::string_view point);
// Network file systems, and those that are made up by the kernel.
bool is_network_type(std::string_view type);
bool is_kernel_type(std::string_view type);

}  // namespace agent::baseline
