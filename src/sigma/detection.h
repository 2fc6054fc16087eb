#pragma once

#include <expected>
#include <span>
#include <string_view>
#include <vector>

#include "sigma/rule.h"
#include "sigma/yaml.h"

namespace sigma {

// What a rule or a filter looks for.
struct Detection {
  std::vector<Selection> selections;
  Condition condition;
};

// Reads a map of selections with its `condition`; the keys of `others` are no selections.
std::expected<Detection, Problem> read_detection(const YAML::Node& map,
                                                 std::span<const std::string_view> others,
                                                 const Placeholders& placeholders);

}  // namespace sigma
