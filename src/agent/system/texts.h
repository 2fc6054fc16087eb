#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Readers of the small text files that describe a Linux system. All are pure.
namespace agent::system {

using Assignments = std::vector<std::pair<std::string, std::string>>;

// NAME=value lines with the shell's quoting, as /etc/os-release has them; comments and lines that
// are no assignment are passed over, a later assignment wins. At most 128 are kept.
// Source: os-release(5).
Assignments read_assignments(std::string_view text);
// The value of that name; empty when there is none.
std::string_view value_of(const Assignments& assignments, std::string_view name);

// /proc/meminfo, in KiB.
struct Memory {
  std::int64_t total = 0;
  std::int64_t free = 0;
  std::int64_t available = 0;  // what new programs could have without swapping
  std::int64_t swap_total = 0;
  std::int64_t swap_free = 0;
};
// nullopt: it does not say how much there is.
std::optional<Memory> read_memory(std::string_view meminfo);
// The same of sysinfo(2), whose figures count units of `unit` bytes.
Memory memory_of(std::uint64_t total, std::uint64_t free, std::uint64_t swap_total,
                 std::uint64_t swap_free, std::uint64_t unit);

// A line of /proc/PID/mountinfo. Source: proc_pid_mountinfo(5).
struct Mount {
  std::string device;  // "253:0"
  std::string point;
  std::string type;
  std::string source;
};
// The last mount at that point, which hides the earlier ones.
std::optional<Mount> find_mount(std::string_view mountinfo, std::string_view point);

// The argument of that name of a kernel command line; the last one wins. Quotes are removed.
std::optional<std::string> kernel_argument(std::string_view command_line, std::string_view name);

// The first value of a "key : value" line of /proc/cpuinfo; empty when there is none.
std::string_view cpu_field(std::string_view cpuinfo, std::string_view key);

// "Europe/Berlin" of the target of /etc/localtime; empty when it does not lead into a zoneinfo
// folder.
std::string_view zone_of_link(std::string_view target);

}  // namespace agent::system
