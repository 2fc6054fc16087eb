#pragma once

// Private to the commands: includes CLI11.

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace cli {

// The validators of CLI11 without their descriptions, which help would show beside the type's name.
template <class... Filters>
CLI::Validator one_of(std::vector<std::string> values, Filters... filters) {
  CLI::Validator validator = CLI::IsMember(std::move(values), filters...);
  return validator.description("");
}

inline CLI::Validator in_range(int least, int most) {
  CLI::Validator validator = CLI::Range(least, most);
  return validator.description("");
}

}  // namespace cli
