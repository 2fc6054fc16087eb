#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace agent::baseline {

// The configuration that an SSH server takes from its files.
//
// The first value of a keyword counts, except for those that collect (AllowUsers and the like).
// What a Match block sets holds for some connections only, so it is kept apart. Built-in defaults
// are OpenSSH's, without a distribution's patches. Source: sshd_config(5) of OpenSSH 9.2.
class SshdConfig {
 public:
  // Gives the text of a file, and the files that an Include pattern names.
  struct Files {
    std::function<base::Result<std::string>(const std::string& path)> read;
    std::function<base::Result<std::vector<std::string>>(const std::string& pattern)> expand;
  };
  // Errors: of reading; TooLarge (over 16 nested or 256 included files). Threads: pure.
  static base::Result<SshdConfig> read(const std::string& path, const Files& files);

  struct Value {
    std::string text;
    std::string where;  // "/etc/ssh/sshd_config:7"; empty: built in
  };
  // What holds for everybody; nullopt where neither a file nor a default gives one.
  std::optional<Value> global(std::string_view keyword) const;
  struct Exception {
    std::string condition;  // "User backup"
    Value value;
  };
  std::vector<Exception> exceptions(std::string_view keyword) const;
  // An algorithm list with "+", "-" and "^" applied to the default. Nothing when there is none.
  std::vector<std::string> algorithms(std::string_view keyword) const;
  // "keyword value", lower-case keywords, as `sshd -T` prints them.
  std::vector<std::string> effective_lines() const;

 private:
  struct Setting {
    std::string keyword;  // lower case
    std::string condition;
    Value value;
  };
  struct Reader;
  std::vector<Setting> settings_;
};

// "90", "2m", "1h30m": seconds; nullopt: not a time.
std::optional<long long> sshd_seconds(std::string_view text);

}  // namespace agent::baseline
