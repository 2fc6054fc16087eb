#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// PAM stacks. Source: pam.conf(5).
namespace agent::baseline {

struct PamEntry {
  std::string type;     // "auth", "account", "password", "session"; lower case, without "-"
  std::string control;  // "required", "[success=1 default=ignore]"
  std::string module;   // "pam_unix.so", without its folder
  std::vector<std::string> arguments;
  std::string where;  // "/etc/pam.d/su:15"

  bool has(std::string_view argument) const;
  // Of "name=value"; nullopt when it is not given.
  std::optional<std::string> value(std::string_view name) const;
};

// The lines of one file in its order; includes ("@include x", "auth include x", "substack") have
// the module "@include" and the name as their only argument. Threads: pure.
std::vector<PamEntry> read_pam(std::string_view text, const std::string& path);

// The whole stack of a service with everything that it includes. `read` gives the text of a file
// in /etc/pam.d; what is included and not there is passed over. Errors: of reading; TooLarge (over
// 64 files). Threads: pure.
base::Result<std::vector<PamEntry>> read_pam_stack(
    const std::string& service,
    const std::function<base::Result<std::string>(const std::string& path)>& read);

}  // namespace agent::baseline
