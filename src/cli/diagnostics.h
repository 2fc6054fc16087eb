#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace cli {

// What is wrong with a query, from the diagnostics of the hub's answer. Like a compiler: the
// message, the line of the query and carets below the place. Empty when there are none.
std::string rendered_diagnostics(const base::json::Value& diagnostics, std::string_view query);

}  // namespace cli
