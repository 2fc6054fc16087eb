#include "agent/baseline/sysctl_files.h"

#include <algorithm>

#include "agent/baseline/lines.h"
#include "base/text.h"

namespace agent::baseline {

using base::Result;

void read_sysctl_conf(std::string_view text, const std::string& file,
                      std::map<std::string, SysctlSetting>& settings) {
  each_line(text, [&](std::string_view line, int) {
    line = base::trim(line);
    if (line.empty() || line.front() == '#' || line.front() == ';') return;
    // A dash in front: errors do not matter.
    if (line.front() == '-') line.remove_prefix(1);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) return;
    std::string key(base::trim(line.substr(0, equals)));
    // With slashes, dots in a name (of an interface) stay: we ask for none of those.
    std::replace(key.begin(), key.end(), '/', '.');
    settings[key] = {.value = std::string(base::trim(line.substr(equals + 1))), .file = file};
  });
}

Result<std::map<std::string, SysctlSetting>> read_sysctl_files(const Host& host) {
  // Of files with one name the first folder's wins; then all go by name.
  std::map<std::string, std::string> files;
  for (const char* const folder : {"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d",
                                   "/usr/lib/sysctl.d", "/lib/sysctl.d"}) {
    for (const std::string& name : TRY(list_optional(host, folder))) {
      if (name.ends_with(".conf")) files.try_emplace(name, std::string(folder) + "/" + name);
    }
  }
  std::map<std::string, SysctlSetting> settings;
  for (const auto& [name, path] : files)
    read_sysctl_conf(TRY(read_optional(host, path)), path, settings);
  // Last with sysctl --system; with systemd through a link in /etc/sysctl.d.
  read_sysctl_conf(TRY(read_optional(host, "/etc/sysctl.conf")), "/etc/sysctl.conf", settings);
  return settings;
}

}  // namespace agent::baseline
