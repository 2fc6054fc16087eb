#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kql::lex {

struct StringLiteral {
  std::string content;
  std::size_t end = 0;  // just behind it
  // Empty when the literal is fine; else what is wrong, and where.
  std::string problem;
  std::size_t problem_at = 0;
};

// The string literal that starts at `at`, nullopt when none does. All of KQL's kinds:
// "a\n" 'a' (escapes), @"a\b""c" (verbatim), ```a``` and ~~~a~~~ (raw, many lines), each also with
// an h or H before it (obfuscated: the same value).
std::optional<StringLiteral> read_string(std::string_view text, std::size_t at);

}  // namespace kql::lex
