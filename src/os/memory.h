#pragma once

#include <cstdint>
#include <string>

namespace os {

// Bytes of memory that this process may use: the machine's, or less where a control group says so
// (cgroup v2, memory.max of its own and of those around it).
std::uint64_t usable_memory();

// The same for other roots of /proc/self/cgroup and /sys/fs/cgroup, and a machine of that size.
std::uint64_t usable_memory(std::uint64_t machine, const std::string& cgroup_file,
                            const std::string& cgroup_root);

}  // namespace os
