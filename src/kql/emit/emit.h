#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "kql/plan/plan.h"

namespace kql::emit {

// The plan as one SELECT of DuckDB. `row_limit` 0: none.
// Columns of the plan are named c1, c2...; texts appear as quoted literals only.
std::string emit(const plan::Plan& plan, std::size_t row_limit);

// The macros that the SQL calls.
std::string_view prelude();

}  // namespace kql::emit
