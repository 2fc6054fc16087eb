#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "sigma/rule.h"

namespace sigma {

struct ConditionError {
  std::size_t offset = 0;  // into the text
  std::string message;
};

// Reads `selection and not 1 of filter_*`. A star in a name stands for any characters, and a
// pattern must name at least one selection. Nesting up to 64 levels. Threads: pure.
std::expected<Condition, ConditionError> parse_condition(std::string_view text,
                                                         std::span<const Selection> selections);

}  // namespace sigma
