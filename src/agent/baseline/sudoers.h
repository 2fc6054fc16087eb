#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// Source: sudoers(5).
namespace agent::baseline {

struct Sudoers {
  struct Default {
    std::string scope;  // "" for everybody, else ":user", "@host", ">runas", "!command"
    std::string name;
    std::string value;  // empty for flags
    bool negated = false;
    std::string where;  // "/etc/sudoers:9"
  };
  struct Grant {
    std::string text;  // "%sudo ALL=(ALL:ALL) NOPASSWD: ALL"
    std::string where;
  };
  std::vector<Default> defaults;
  std::vector<Grant> grants;

  // What holds for everybody: the last word on it.
  std::optional<Default> general(std::string_view name) const;
};

// Reads a sudoers file with what it includes. `read` gives a file's text, `list` a folder's names.
// Errors: of reading; TooLarge (over 256 files). Threads: pure.
base::Result<Sudoers> read_sudoers(
    const std::string& path,
    const std::function<base::Result<std::string>(const std::string& path)>& read,
    const std::function<base::Result<std::vector<std::string>>(const std::string& path)>& list);

}  // namespace agent::baseline
