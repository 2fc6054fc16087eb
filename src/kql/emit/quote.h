#pragma once

#include <string>
#include <string_view>

#include "kql/value.h"

namespace kql::emit {

// A string literal. DuckDB's have no escapes but the doubled quote, whatever the settings.
std::string quote(std::string_view text);
// An identifier, whatever is in it.
std::string quote_name(std::string_view name);
// The constant, with its SQL type made plain.
std::string literal(const Value& value);

}  // namespace kql::emit
