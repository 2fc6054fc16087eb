#pragma once

#include <expected>
#include <memory>
#include <string_view>

#include "iotql/ast.h"

namespace iotql {

// A whole query, or what selects targets (Query::parse_target).
enum class Grammar : std::uint8_t { Query, Target };

std::expected<std::shared_ptr<const Parsed>, Problem> parse(std::string_view text, Grammar grammar);

}  // namespace iotql
