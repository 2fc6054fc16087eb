#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kql {

enum class Severity : std::uint8_t { Error, Warning };

// One finding about a query, pointing into it.
// `offset` and `length` count bytes; `line` and `column` count from 1, columns in characters (code
// points), as an editor shows them.
struct Diagnostic {
  Severity severity = Severity::Error;
  std::size_t offset = 0;
  std::size_t length = 0;
  int line = 1;
  int column = 1;
  std::string message;
};

// Like a compiler: "2:9: error: ...", the line of the query, and carets below the place.
std::string render(const Diagnostic& diagnostic, std::string_view query);

}  // namespace kql
