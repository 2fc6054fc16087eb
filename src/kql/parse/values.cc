// The values of literals with a type: long(5), datetime(2024-05-06), guid(...).

#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "kql/lex/strings.h"
#include "kql/parse/parse.h"
#include "kql/parse/parser.h"

namespace kql::parse {
namespace {

std::optional<Value> whole_value(Type type, std::string_view text) {
  std::int64_t value = 0;
  const bool hexadecimal = text.starts_with("0x");
  const std::string_view digits = hexadecimal ? text.substr(2) : text;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hexadecimal ? 16 : 10);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (type == Type::Int && (value < INT32_MIN || value > INT32_MAX)) return std::nullopt;
  return Value::of(type, value);
}

std::optional<Value> real_value(std::string_view text) {
  if (text == "nan" || text == "NaN") return Value::of(std::numeric_limits<double>::quiet_NaN());
  if (text == "+inf" || text == "inf") return Value::of(std::numeric_limits<double>::infinity());
  if (text == "-inf") return Value::of(-std::numeric_limits<double>::infinity());
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return Value::of(value);
}

// Digits with an optional sign, point and exponent-less fraction, short enough for DECIMAL(38,12).
std::optional<Value> decimal_value(std::string_view text) {
  std::string_view digits = text;
  if (!digits.empty() && (digits.front() == '-' || digits.front() == '+')) digits.remove_prefix(1);
  const std::size_t point = std::min(digits.find('.'), digits.size());
  if (digits.empty() || point > 26 || digits.size() == 1 + (point == 0 ? 0U : digits.size())) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != point && (digits[i] < '0' || digits[i] > '9')) return std::nullopt;
  }
  return Value{Type::Decimal, std::string(text)};
}

std::optional<Value> bool_value(std::string_view text) {
  if (text == "true" || text == "True" || text == "1") return Value::of(true);
  if (text == "false" || text == "False" || text == "0") return Value::of(false);
  return std::nullopt;
}

// 2025, 6, 14 and with hours, minutes, seconds behind, as datetime() takes them, too.
std::optional<Ticks> listed_datetime(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else if (c != ' ') {
      parts.back() += c;
    }
  }
  if (parts.size() < 3 || parts.size() > 6) return std::nullopt;
  for (std::string& part : parts) {
    if (part.size() == 1) part.insert(part.begin(), '0');
  }
  std::string written = fmt::format("{}-{}-{}", parts[0], parts[1], parts[2]);
  for (std::size_t i = 3; i < 6; ++i) {
    written += fmt::format("{}{}", i == 3 ? "T" : ":", i < parts.size() ? parts[i] : "00");
  }
  return parse_datetime(written);
}

}  // namespace

std::optional<Value> typed_value(Type type, std::string_view text) {
  switch (type) {
    case Type::Bool:
      return bool_value(text);
    case Type::Int:
    case Type::Long:
      return whole_value(type, text);
    case Type::Real:
      return real_value(text);
    case Type::Decimal:
      return decimal_value(text);
    case Type::DateTime:
      if (const auto ticks = parse_datetime(text)) return Value::of(type, *ticks);
      if (const auto ticks = listed_datetime(text)) return Value::of(type, *ticks);
      return std::nullopt;
    case Type::TimeSpan:
      if (const auto ticks = parse_timespan(text)) return Value::of(type, *ticks);
      return std::nullopt;
    case Type::Guid:
      if (const auto guid = base::Guid::parse(text)) return Value{type, guid->to_string()};
      return std::nullopt;
    case Type::String:
    case Type::Dynamic:
      break;
  }
  return std::nullopt;
}

// long(5) or 5, datetime(2024-05-06) or 2024-05-06 or "2024-05-06".
std::optional<Value> value_of(Type type, std::string_view text) {
  std::string_view inside = base::trim(text);
  const std::string open = std::string(kql::type_name(type)) + "(";
  if (inside.starts_with(open) && inside.ends_with(")")) {
    inside = base::trim(inside.substr(open.size(), inside.size() - open.size() - 1));
  }
  if (type == Type::String) return std::nullopt;
  if (inside == "null") return Value::null(type);
  if (type == Type::Dynamic) {
    if (!base::json::parse(inside)) return std::nullopt;
    return Value{type, std::string(inside)};
  }
  const auto quoted = lex::read_string(inside, 0);
  const bool whole = quoted && quoted->problem.empty() && quoted->end == inside.size();
  return typed_value(type, whole ? base::trim(quoted->content) : inside);
}

}  // namespace kql::parse
