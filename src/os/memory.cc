#include "os/memory.h"

#include <algorithm>

#include <sys/sysinfo.h>

#include "base/text.h"
#include "os/file.h"

namespace os {
namespace {

constexpr std::size_t kMaxBytes = 64 * 1024;

// The group's path in the unified hierarchy: the line "0::/system.slice/x.service".
std::string group_of(const std::string& cgroup_file) {
  const auto text = read_file(cgroup_file, kMaxBytes);
  if (!text) return {};
  for (const std::string_view line : base::split(*text, '\n')) {
    if (line.starts_with("0::/")) return std::string(line.substr(3));
  }
  return {};
}

}  // namespace

std::uint64_t usable_memory(std::uint64_t machine, const std::string& cgroup_file,
                            const std::string& cgroup_root) {
  std::uint64_t least = machine;
  for (std::string group = group_of(cgroup_file); !group.empty();) {
    if (const auto text = read_file(cgroup_root + group + "/memory.max", kMaxBytes)) {
      // "max" is no number.
      const auto bytes = base::parse_int(base::trim(*text));
      if (bytes && *bytes > 0) least = std::min(least, static_cast<std::uint64_t>(*bytes));
    }
    group.erase(group.rfind('/'));
  }
  return least;
}

std::uint64_t usable_memory() {
  struct sysinfo info{};
  if (::sysinfo(&info) != 0) return std::uint64_t{1} << 30U;
  return usable_memory(std::uint64_t{info.totalram} * info.mem_unit, "/proc/self/cgroup",
                       "/sys/fs/cgroup");
}

}  // namespace os
