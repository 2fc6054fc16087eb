#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace kql::evaluator {

// A smaller query for which `fails` still holds: without operators and rows that do not matter, and
// with parts of expressions in the place of the whole. `fails` is asked at most `attempts` times.
std::string shrink(std::string query, const std::function<bool(const std::string&)>& fails,
                   std::size_t attempts);

}  // namespace kql::evaluator
