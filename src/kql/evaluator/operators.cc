#include "kql/evaluator/operators.h"

#include <cmath>
#include <compare>

#include <re2/re2.h>

#include "kql/evaluator/convert.h"

namespace kql::evaluator {
namespace {

Cell whole_arithmetic(Context& context, ast::BinaryOp op, std::int64_t a, std::int64_t b,
                      Type type) {
  std::int64_t out = 0;
  switch (op) {
    case ast::BinaryOp::Add:
      return __builtin_add_overflow(a, b, &out) ? context.overflow(type) : Cell::of(type, out);
    case ast::BinaryOp::Subtract:
      return __builtin_sub_overflow(a, b, &out) ? context.overflow(type) : Cell::of(type, out);
    case ast::BinaryOp::Multiply:
      return __builtin_mul_overflow(a, b, &out) ? context.overflow(type) : Cell::of(type, out);
    case ast::BinaryOp::Divide:
      if (b == 0) return Cell::null(type);
      if (b == -1)
        return __builtin_sub_overflow(0, a, &out) ? context.overflow(type) : Cell::of(type, out);
      return Cell::of(type, a / b);
    case ast::BinaryOp::Modulo:
      if (b == 0) return Cell::null(type);
      if (b == -1) return Cell::of(type, 0);
      // 0 <= a % b < |b|
      out = a % b;
      if (out < 0) out = b < 0 ? out - b : out + b;
      return Cell::of(type, out);
  }
  return Cell::null(type);
}

Cell real_arithmetic(Context& context, ast::BinaryOp op, double a, double b) {
  switch (op) {
    case ast::BinaryOp::Add:
      return Cell::of(a + b);
    case ast::BinaryOp::Subtract:
      return Cell::of(a - b);
    case ast::BinaryOp::Multiply:
      return Cell::of(a * b);
    case ast::BinaryOp::Divide:
      return Cell::of(a / b);
    case ast::BinaryOp::Modulo:
      break;
  }
  if (!std::isfinite(a) || !std::isfinite(b) || b == 0) {
    return context.refuse("the remainder of what is not finite", Type::Real);
  }
  const double rest = std::fmod(a, b);
  return Cell::of(rest < 0 ? rest + std::abs(b) : rest);
}

// Beyond the years 1 to 9999 there is no datetime.
Cell date(const Cell& ticks) {
  if (ticks.is_null()) return Cell::null(Type::DateTime);
  const bool inside = ticks.integer() >= 0 && ticks.integer() <= kMaxDateTimeTicks;
  return inside ? ticks : Cell::null(Type::DateTime);
}

// A timespan times or by a number.
Cell scaled(Context& context, ast::BinaryOp op, const Cell& span, const Cell& by) {
  if (span.is_null() || by.is_null()) return Cell::null(Type::TimeSpan);
  if (is_integer(by.type)) {
    return whole_arithmetic(context, op, span.integer(), by.integer(), Type::TimeSpan);
  }
  if (by.type != Type::Real) return context.refuse("a timespan by a decimal", Type::TimeSpan);
  const double ticks = static_cast<double>(span.integer());
  const double out = op == ast::BinaryOp::Multiply ? ticks * by.real() : ticks / by.real();
  if (!(std::abs(out) < 9e15)) return context.overflow(Type::TimeSpan);
  return Cell::of(Type::TimeSpan, static_cast<std::int64_t>(std::round(out)));
}

Cell time_arithmetic(Context& context, ast::BinaryOp op, const Cell& a, const Cell& b) {
  const bool missing = a.is_null() || b.is_null();
  const bool add = op == ast::BinaryOp::Add;
  const bool subtract = op == ast::BinaryOp::Subtract;
  const auto ticks = [&](Type type) {
    if (missing) return Cell::null(type);
    return whole_arithmetic(context, op, a.integer(), b.integer(), type);
  };
  const bool spans = a.type == Type::TimeSpan && b.type == Type::TimeSpan;
  if (a.type == Type::DateTime && b.type == Type::DateTime && subtract) {
    return ticks(Type::TimeSpan);
  }
  if (spans && op == ast::BinaryOp::Divide) {
    if (missing) return Cell::null(Type::Real);
    return Cell::of(static_cast<double>(a.integer()) / static_cast<double>(b.integer()));
  }
  if (spans && op != ast::BinaryOp::Multiply) return ticks(Type::TimeSpan);
  const bool moved = (a.type == Type::DateTime && b.type == Type::TimeSpan && (add || subtract)) ||
                     (a.type == Type::TimeSpan && b.type == Type::DateTime && add);
  if (moved) return date(ticks(Type::DateTime));
  if (a.type == Type::TimeSpan && is_numeric(b.type)) return scaled(context, op, a, b);
  if (b.type == Type::TimeSpan && is_numeric(a.type) && op == ast::BinaryOp::Multiply) {
    return scaled(context, op, b, a);
  }
  return context.refuse("arithmetic between such types");
}

bool is_letter_or_digit(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const bool latin = c >= 0xC0 && c < 0x250 && c != 0xD7 && c != 0xF7;
  const bool greek = c >= 0x386 && c < 0x400 && c != 0x387;
  return latin || greek || (c >= 0x400 && c < 0x482) || (c >= 0x4E00 && c < 0xA000);
}

char32_t to_lower(char32_t c) {
  if (c >= 'A' && c <= 'Z') return c + 32;
  const bool latin = c >= 0xC0 && c <= 0xDE && c != 0xD7;
  const bool greek = c >= 0x391 && c <= 0x3A9;
  if (latin || greek || (c >= 0x410 && c <= 0x42F)) return c + 32;
  return c >= 0x400 && c <= 0x40F ? c + 80 : c;
}

char32_t to_upper(char32_t c) {
  if (c >= 'a' && c <= 'z') return c - 32;
  const bool latin = c >= 0xE0 && c <= 0xFE && c != 0xF7;
  const bool greek = c >= 0x3B1 && c <= 0x3C9 && c != 0x3C2;
  if (latin || greek || (c >= 0x430 && c <= 0x44F)) return c - 32;
  return c >= 0x450 && c <= 0x45F ? c - 80 : c;
}

// Whether the needle stands in the text as whole terms: where it starts or ends with a letter or a
// digit, none may touch it there.
bool has_term(std::u32string_view text, std::u32string_view needle, bool from_start, bool to_end) {
  if (needle.empty()) return true;
  for (std::size_t at = text.find(needle); at != std::u32string_view::npos;
       at = text.find(needle, at + 1)) {
    const std::size_t end = at + needle.size();
    const bool left = !from_start || at == 0 || !is_letter_or_digit(needle.front()) ||
                      !is_letter_or_digit(text[at - 1]);
    const bool right = !to_end || end == text.size() || !is_letter_or_digit(needle.back()) ||
                       !is_letter_or_digit(text[end]);
    if (left && right) return true;
  }
  return false;
}

}  // namespace

std::u32string characters(std::string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t more = first < 0x80 ? 0 : (first < 0xE0 ? 1 : (first < 0xF0 ? 2 : 3));
    char32_t c = more == 0 ? first : first & (0x3FU >> more);
    for (std::size_t j = 1; j <= more && i + j < text.size(); ++j) {
      c = (c << 6U) | (static_cast<unsigned char>(text[i + j]) & 0x3FU);
    }
    out += c;
    i += more + 1;
  }
  return out;
}

std::string utf8(std::u32string_view characters) {
  std::string out;
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  for (const char32_t c : characters) {
    if (c < 0x80) {
      put(c);
    } else if (c < 0x800) {
      put(0xC0U | (c >> 6U));
      put(0x80U | (c & 0x3FU));
    } else if (c < 0x10000) {
      put(0xE0U | (c >> 12U));
      put(0x80U | ((c >> 6U) & 0x3FU));
      put(0x80U | (c & 0x3FU));
    } else {
      put(0xF0U | (c >> 18U));
      put(0x80U | ((c >> 12U) & 0x3FU));
      put(0x80U | ((c >> 6U) & 0x3FU));
      put(0x80U | (c & 0x3FU));
    }
  }
  return out;
}

std::string lowered(std::string_view text) {
  std::u32string out = characters(text);
  for (char32_t& c : out)
    c = to_lower(c);
  return utf8(out);
}

std::string raised(std::string_view text) {
  std::u32string out = characters(text);
  for (char32_t& c : out)
    c = to_upper(c);
  return utf8(out);
}

Cell arithmetic(Context& context, ast::BinaryOp op, Cell left, Cell right) {
  // A dynamic operand is taken for a number, or for what stands on the other side.
  if (left.type == Type::Dynamic && right.type == Type::Dynamic) {
    left = convert(context, left, Type::Real);
  }
  if (left.type == Type::Dynamic) left = convert(context, left, right.type);
  if (right.type == Type::Dynamic) right = convert(context, right, left.type);
  if (!is_numeric(left.type) || !is_numeric(right.type)) {
    return time_arithmetic(context, op, left, right);
  }
  if (left.type == Type::Decimal || right.type == Type::Decimal) {
    return context.refuse("decimals", Type::Decimal);
  }
  const bool real = left.type == Type::Real || right.type == Type::Real;
  const Type type = real ? Type::Real : Type::Long;
  left = convert(context, left, type);
  right = convert(context, right, type);
  if (left.is_null() || right.is_null()) return Cell::null(type);
  return real ? real_arithmetic(context, op, left.real(), right.real())
              : whole_arithmetic(context, op, left.integer(), right.integer(), type);
}

Cell negate(Context& context, Cell value) {
  if (value.type == Type::Dynamic) value = convert(context, value, Type::Real);
  if (value.type == Type::Int) value = convert(context, value, Type::Long);
  if (value.is_null()) return value;
  if (value.type == Type::Real) return Cell::of(-value.real());
  if (value.type != Type::Long && value.type != Type::TimeSpan) {
    return context.refuse("the negative of such a type");
  }
  return whole_arithmetic(context, ast::BinaryOp::Subtract, 0, value.integer(), value.type);
}

namespace {

// A dynamic value beside a number is compared by value: 5.7 is not 5.
bool by_value(const Cell& a, const Cell& b) {
  return a.type == Type::Dynamic && !a.is_null() && a.json().if_double() != nullptr &&
         is_integer(b.type);
}

bool is_flag_beside_number(const Cell& a, const Cell& b) {
  return a.type == Type::Dynamic && !a.is_null() && a.json().if_bool() != nullptr &&
         is_numeric(b.type);
}

bool holds(ast::CompareOp op, std::partial_ordering order) {
  switch (op) {
    case ast::CompareOp::Equal:
      return order == std::partial_ordering::equivalent;
    case ast::CompareOp::NotEqual:
      return order != std::partial_ordering::equivalent;
    case ast::CompareOp::Less:
      return order < 0;
    case ast::CompareOp::LessEqual:
      return order <= 0;
    case ast::CompareOp::Greater:
      return order > 0;
    case ast::CompareOp::GreaterEqual:
      return order >= 0;
  }
  return false;
}

}  // namespace

Cell compare(Context& context, ast::CompareOp op, Cell left, Cell right) {
  if (is_flag_beside_number(left, right) || is_flag_beside_number(right, left)) {
    return context.refuse("true as a number", Type::Bool);
  }
  if (by_value(left, right)) right = convert(context, right, Type::Real);
  if (by_value(right, left)) left = convert(context, left, Type::Real);
  left = literal_as(context, left, right.type);
  right = literal_as(context, right, left.type);
  const auto type = common_type(left.type, right.type);
  if (!type || *type == Type::Dynamic || *type == Type::Decimal) {
    return context.refuse("a comparison of such types", Type::Bool);
  }
  left = convert(context, left, *type);
  right = convert(context, right, *type);
  const bool equality = op == ast::CompareOp::Equal || op == ast::CompareOp::NotEqual;
  if (left.is_null() || right.is_null()) {
    if (!equality || (left.is_null() && right.is_null())) return Cell::null(Type::Bool);
    return Cell::of(op == ast::CompareOp::NotEqual);
  }
  if (*type == Type::Real) return Cell::of(holds(op, left.real() <=> right.real()));
  const int found = order(left, right);
  return Cell::of(holds(op, found <=> 0));
}

Cell both(const Cell& a, const Cell& b) {
  if (!a.is_null() && !a.flag()) return a;
  if (!b.is_null() && !b.flag()) return b;
  return a.is_null() ? a : b;
}

Cell either(const Cell& a, const Cell& b) {
  if (!a.is_null() && a.flag()) return a;
  if (!b.is_null() && b.flag()) return b;
  return a.is_null() ? a : b;
}

Cell opposite(const Cell& a) {
  return a.is_null() ? a : Cell::of(!a.flag());
}

bool text_match(Context& context, ast::TextOp op, bool case_sensitive, const std::string& text,
                const std::string& needle) {
  if (op == ast::TextOp::MatchesRegex) {
    const RE2 regex(needle);
    if (!regex.ok()) context.refuse("no regular expression");
    return regex.ok() && RE2::PartialMatch(text, regex);
  }
  const std::u32string all = characters(case_sensitive ? text : lowered(text));
  const std::u32string part = characters(case_sensitive ? needle : lowered(needle));
  switch (op) {
    case ast::TextOp::EqualNoCase:
      return all == part;
    case ast::TextOp::Contains:
      return all.find(part) != std::u32string::npos;
    case ast::TextOp::StartsWith:
      return all.starts_with(part);
    case ast::TextOp::EndsWith:
      return all.ends_with(part);
    case ast::TextOp::Has:
      return has_term(all, part, true, true);
    case ast::TextOp::HasPrefix:
      return has_term(all, part, true, false);
    case ast::TextOp::HasSuffix:
      return has_term(all, part, false, true);
    case ast::TextOp::MatchesRegex:
      break;
  }
  return false;
}

bool is_one_of(Context& context, const Cell& value, std::span<const Cell> items,
               bool case_sensitive) {
  for (const Cell& item : items) {
    if (value.is_null() || item.is_null()) continue;
    if (!case_sensitive) {
      if (lowered(text_of(context, value)) == lowered(text_of(context, item))) return true;
      continue;
    }
    const Cell same = compare(context, ast::CompareOp::Equal, value, item);
    if (!same.is_null() && same.flag()) return true;
  }
  return false;
}

Cell step_into(Context& context, const Cell& base, const Cell& key) {
  if (base.type != Type::Dynamic) return context.refuse("a path into what is not dynamic");
  if (base.is_null() || key.is_null()) return Cell::null(Type::Dynamic);
  if (is_integer(key.type)) {
    const Json::Array* array = base.json().if_array();
    if (array == nullptr) return Cell::null(Type::Dynamic);
    const auto size = static_cast<std::int64_t>(array->size());
    const std::int64_t at = key.integer() < 0 ? key.integer() + size : key.integer();
    if (at < 0 || at >= size) return Cell::null(Type::Dynamic);
    return Cell::of((*array)[static_cast<std::size_t>(at)]);
  }
  if (base.json().if_object() == nullptr) return Cell::null(Type::Dynamic);
  const Json* member = base.json().find(text_of(context, key));
  return member == nullptr ? Cell::null(Type::Dynamic) : Cell::of(*member);
}

}  // namespace kql::evaluator
