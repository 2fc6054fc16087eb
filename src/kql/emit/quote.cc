#include "kql/emit/quote.h"

#include <cmath>

#include <fmt/format.h>

#include "base/result.h"

namespace kql::emit {
namespace {

std::string doubled(std::string_view text, char mark) {
  std::string out(1, mark);
  for (const char c : text) {
    // A zero byte would end the statement for the C API; the front end lets none through.
    ASSERT(c != '\0');
    if (c == mark) out += mark;
    out += c;
  }
  out += mark;
  return out;
}

}  // namespace

std::string quote(std::string_view text) {
  return doubled(text, '\'');
}

std::string quote_name(std::string_view name) {
  return doubled(name, '"');
}

std::string literal(const Value& value) {
  if (value.is_null()) return fmt::format("NULL::{}", sql_type(value.type));
  if (const bool* flag = value.if_bool()) return *flag ? "true" : "false";
  if (const std::int64_t* number = value.if_int()) {
    return fmt::format("({})::{}", *number, sql_type(value.type));
  }
  if (const double* real = value.if_real()) {
    if (std::isnan(*real)) return "'nan'::DOUBLE";
    if (std::isinf(*real)) return *real < 0 ? "'-inf'::DOUBLE" : "'inf'::DOUBLE";
    return fmt::format("'{}'::DOUBLE", *real);
  }
  const std::string& text = *value.if_text();
  if (value.type == Type::String) return quote(text);
  return fmt::format("{}::{}", quote(text), sql_type(value.type));
}

}  // namespace kql::emit
