#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace agent::logins {

// The accounts of /etc/passwd, read again when it changes. Accounts that other services know (LDAP)
// are told by the records themselves where they tell the number. Threads: one.
class Accounts {
 public:
  explicit Accounts(std::string path = "/etc/passwd") : path_(std::move(path)) {}

  std::optional<std::uint32_t> uid(const std::string& name);
  std::string name(std::uint32_t uid);  // empty: not known

 private:
  void refresh();

  std::string path_;
  std::uint64_t version_ = 0;  // of the file: when it changed, and which it is
  std::map<std::string, std::uint32_t> uids_;
  std::map<std::uint32_t, std::string> names_;  // the first of several
};

}  // namespace agent::logins
