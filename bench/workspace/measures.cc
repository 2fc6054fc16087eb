#include "workspace/measures.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <time.h>

#include "base/text.h"
#include "devices.h"
#include "os/file.h"

namespace bench {
namespace {

double cpu_clock(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

double process_cpu_seconds() {
  return cpu_clock(CLOCK_PROCESS_CPUTIME_ID);
}
double thread_cpu_seconds() {
  return cpu_clock(CLOCK_THREAD_CPUTIME_ID);
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const auto rank = std::ceil(share * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

std::size_t peak_resident_bytes() {
  const auto status = os::read_file("/proc/self/status");
  if (!status) give_up(status.error().to_string());
  for (const std::string_view line : base::split(*status, '\n')) {
    constexpr std::string_view kKey = "VmHWM:";
    if (!line.starts_with(kKey)) continue;
    const auto words = base::split(base::trim(line.substr(kKey.size())), ' ');
    return static_cast<std::size_t>(*base::parse_int(words[0])) * 1024;
  }
  give_up("the kernel does not tell the peak of resident memory");
}

void reset_peak() {
  // 5: the peak begins again with what is resident now. Where the kernel refuses, it stays.
  std::ofstream("/proc/self/clear_refs") << '5';
}

std::uint64_t bytes_below(const std::string& folder) {
  std::uint64_t bytes = 0;
  std::error_code failed;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, failed)) {
    if (entry.is_regular_file(failed)) bytes += entry.file_size(failed);
  }
  return bytes;
}

}  // namespace bench
