#pragma once

#include <map>
#include <string>
#include <string_view>

#include "agent/baseline/host.h"

// What the files of sysctl.d will set at the next start. Source: sysctl.d(5), sysctl(8).
namespace agent::baseline {

struct SysctlSetting {
  std::string value;
  std::string file;
};
// By key with dots; later lines replace earlier ones. Threads: pure.
void read_sysctl_conf(std::string_view text, const std::string& file,
                      std::map<std::string, SysctlSetting>& settings);
// All files in the order in which they are applied.
base::Result<std::map<std::string, SysctlSetting>> read_sysctl_files(const Host& host);

}  // namespace agent::baseline
