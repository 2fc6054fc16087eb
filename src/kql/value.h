#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "kql/types.h"

namespace kql {

// A constant. Int, Long, DateTime and TimeSpan hold an int64 (ticks); Real a double; Decimal, Guid
// and String their text; Dynamic a JSON text. Nothing (monostate) is the null of the type.
struct Value {
  Type type = Type::String;
  std::variant<std::monostate, bool, std::int64_t, double, std::string> data;

  bool is_null() const { return std::holds_alternative<std::monostate>(data); }
  const bool* if_bool() const { return std::get_if<bool>(&data); }
  const std::int64_t* if_int() const { return std::get_if<std::int64_t>(&data); }
  const double* if_real() const { return std::get_if<double>(&data); }
  const std::string* if_text() const { return std::get_if<std::string>(&data); }

  static Value of(Type type, std::int64_t number) { return {type, number}; }
  static Value of(bool flag) { return {Type::Bool, flag}; }
  static Value of(double number) { return {Type::Real, number}; }
  static Value text(std::string text) { return {Type::String, std::move(text)}; }
  static Value null(Type type) { return {type, std::monostate{}}; }
};

}  // namespace kql
