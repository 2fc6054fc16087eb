#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

// Functions of the language that have no expression in SQL, as plain C++: texts and numbers in, one
// value out. kql/duckdb_natives.h gives them to a database. Threads: pure, any.
namespace kql::natives {

// A value of DuckDB's. Nothing (monostate) is NULL; views live as long as the call.
using Argument = std::variant<std::monostate, std::string_view, std::int64_t, double, bool>;
using Arguments = std::span<const Argument>;
using Outcome = std::variant<std::monostate, std::string, std::int64_t, double, bool>;

struct Native {
  const char* name;
  // A letter for each parameter, '*' when the last one repeats (from no times on), ':' and a letter
  // for the result: T VARCHAR, J JSON text, L BIGINT, R DOUBLE, B BOOLEAN. "TL*:J".
  const char* signature;
  Outcome (*call)(Arguments arguments);
};

// All of them, each name once. Valid for ever.
std::span<const Native> all();

// The parts of it.
std::span<const Native> address_natives();
std::span<const Native> text_natives();
std::span<const Native> parsing_natives();
std::span<const Native> agent_natives();
std::span<const Native> pair_natives();
std::span<const Native> array_natives();
std::span<const Native> series_natives();
std::span<const Native> season_natives();
std::span<const Native> fit_natives();
std::span<const Native> statistics_natives();
std::span<const Native> unit_natives();
std::span<const Native> format_natives();
std::span<const Native> range_natives();
std::span<const Native> bag_natives();

// Longest text and most elements that a native makes; more is null.
inline constexpr std::size_t kMaxText = 1 << 20;
inline constexpr std::size_t kMaxElements = 1 << 20;

inline std::optional<std::string_view> text_at(Arguments arguments, std::size_t index) {
  if (index >= arguments.size()) return std::nullopt;
  const auto* text = std::get_if<std::string_view>(&arguments[index]);
  return text == nullptr ? std::nullopt : std::optional(*text);
}
inline std::optional<std::int64_t> long_at(Arguments arguments, std::size_t index) {
  if (index >= arguments.size()) return std::nullopt;
  const auto* number = std::get_if<std::int64_t>(&arguments[index]);
  return number == nullptr ? std::nullopt : std::optional(*number);
}
inline std::optional<double> real_at(Arguments arguments, std::size_t index) {
  if (index >= arguments.size()) return std::nullopt;
  const auto* number = std::get_if<double>(&arguments[index]);
  return number == nullptr ? std::nullopt : std::optional(*number);
}
inline std::optional<bool> bool_at(Arguments arguments, std::size_t index) {
  if (index >= arguments.size()) return std::nullopt;
  const auto* flag = std::get_if<bool>(&arguments[index]);
  return flag == nullptr ? std::nullopt : std::optional(*flag);
}

}  // namespace kql::natives
