#pragma once

// Private to the commands: includes CLI11.

#include <array>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "base/json.h"

namespace cli {

// Which alerts a command is about, as options of it.
struct AlertFilter {
  std::string status;
  std::string severity;
  std::string device;
  std::string rule;
  std::string entity;
  std::string technique;
  std::string tactic;
  std::string assignee;
  std::string verdict;
  std::string from;
  std::string until;
  std::string hidden;
  std::string suppression;
  std::string search;

  // The options with their names in the API; those that were not given are empty.
  std::array<std::pair<std::string_view, const std::string*>, 14> members() const;
  void add_to(std::string& path) const;  // as parameters
  base::json::Value to_json() const;     // as an object
};

void add_alert_filter(CLI::App& command, AlertFilter& filter);

}  // namespace cli
