#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

namespace cli {

// The world around a command, so that tests can make one.
struct Environment {
  std::istream& in;
  std::ostream& out;  // data
  std::ostream& err;  // diagnostics
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // Value of an environment variable = {}; nullopt or empty: not set.
  std::function<std::optional<std::string>(const std::string&)> variable = {};
};

}  // namespace cli
