#pragma once

#include <functional>
#include <string_view>

#include "agent/baseline/check.h"

namespace agent::baseline {

// One of our own checks. All text is the program's own and lives as long as it.
struct Check {
  std::string_view id;
  std::string_view group;
  schema::BaselineSeverity severity = schema::BaselineSeverity::Warning;
  std::string_view cce;
  std::string_view cce_rhel;
  std::string_view cis;
  std::string_view distro;  // an expression, see distro.h
  std::string_view verb;
  std::string_view title;
  std::string_view remedy;
  Parameters parameters;
};

// The checks of content/baseline, as generate.py packs them.
std::string_view packed_catalogue();
// Reads them one by one, keeping nothing. Threads: pure.
void each_check(std::string_view packed, const std::function<void(const Check&)>& on_check);

}  // namespace agent::baseline
