#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/time.h"

namespace agent::collect {

// Names of local accounts, from the account file itself: the name service may ask a network, load
// foreign code and block. Reads the file again when it has changed, looking at most once a second.
// Threads: one.
class Users {
 public:
  explicit Users(std::string file = "/etc/passwd") : file_(std::move(file)) {}

  std::optional<std::string> name(std::uint32_t uid, base::MonoTime now);

 private:
  void refresh(base::MonoTime now);

  std::string file_;
  std::unordered_map<std::uint32_t, std::string> names_;
  base::MonoTime looked_{};
  std::int64_t stamp_ = -1;  // of the file that was read
};

}  // namespace agent::collect
