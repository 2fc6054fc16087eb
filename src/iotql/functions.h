#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "iotql/datum.h"

namespace iotql {

// A function of the language: its names, how many arguments it takes, and what it makes of them.
struct Function {
  std::string_view name;  // upper case
  std::size_t least;
  std::size_t most;
  Datum (*call)(std::span<const Datum> arguments);
};

// Whatever the case of the name; nullptr: there is none of it.
const Function* find_function(std::string_view name);
// All names, for messages.
const std::vector<std::string_view>& function_names();

}  // namespace iotql
