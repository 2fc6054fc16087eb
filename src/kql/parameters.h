#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "kql/types.h"

// What a query declares with 'declare query_parameters' and gets from whoever runs it.
namespace kql {

// Longer values are refused, in bytes of text.
inline constexpr std::size_t kMaxParameterBytes = 64 * 1024;

// Values by name. For a string: text, to the letter. For other types: text is read as a literal of
// the type as a query has it (7, 2026-01-31, datetime(2026-01-31), 1h); beside it bool takes true
// and false, int, long, real and decimal take numbers, dynamic takes any JSON (and text that is
// JSON). null is the null of the type; of a string, which has none, it is ''.
using Parameters = std::map<std::string, base::json::Value, std::less<>>;

struct DeclaredParameter {
  std::string name;
  Type type = Type::String;
  bool required = true;  // it has no default
};

// What the query declares, in its order; also of a query that is wrong elsewhere. Threads: pure.
std::vector<DeclaredParameter> declared_parameters(std::string_view query);

}  // namespace kql
