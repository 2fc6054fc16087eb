#include "kql/evaluator/convert.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "base/id.h"
#include "base/text.h"

namespace kql::evaluator {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\n\r";
  const std::size_t from = text.find_first_not_of(kBlank);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlank) + 1 - from);
}

Cell long_of_text(std::string_view text) {
  text = trimmed(text);
  std::int64_t number = 0;
  const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  std::string_view digits = text;
  if (hexadecimal) digits.remove_prefix(2);
  if (!hexadecimal && digits.starts_with('+')) digits.remove_prefix(1);
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, hexadecimal ? 16 : 10);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  return whole ? Cell::of(Type::Long, number) : Cell::null(Type::Long);
}

Cell real_of_text(Context& context, std::string_view text) {
  text = trimmed(text);
  const std::string lower = base::to_lower(text);
  if (lower.find("nan") != std::string::npos || lower.find("inf") != std::string::npos) {
    return context.refuse("a text that says NaN or infinity", Type::Real);
  }
  std::string_view digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.ends_with('.') || digits.starts_with('.') || digits.starts_with("-.")) {
    return context.refuse("a number that starts or ends with its point", Type::Real);
  }
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  return whole ? Cell::of(number) : Cell::null(Type::Real);
}

Cell bool_of_text(std::string_view text) {
  const std::string lower = base::to_lower(trimmed(text));
  if (lower == "true") return Cell::of(true);
  if (lower == "false") return Cell::of(false);
  const Cell number = long_of_text(text);
  return number.is_null() ? Cell::null(Type::Bool) : Cell::of(number.integer() != 0);
}

Cell guid_of_text(std::string_view text) {
  const auto guid = base::Guid::parse(text);
  if (!guid) return Cell::null(Type::Guid);
  return {Type::Guid, guid->to_string()};
}

Cell whole_of_real(double number, Type type) {
  const double cut = std::trunc(number);
  const double limit = type == Type::Int ? 2147483648.0 : 9223372036854775808.0;
  if (!(cut >= -limit && cut < limit)) return Cell::null(type);
  return Cell::of(type, static_cast<std::int64_t>(cut));
}

Cell as_int(const Cell& cell) {
  if (cell.is_null()) return Cell::null(Type::Int);
  const bool fits = cell.integer() >= INT32_MIN && cell.integer() <= INT32_MAX;
  return fits ? Cell::of(Type::Int, cell.integer()) : Cell::null(Type::Int);
}

std::string real_text(Context& context, double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  const double size = std::abs(number);
  if (size != 0 && (size < 1e-4 || size >= 1e15)) {
    context.refuse("how a very large or small real is written");
    return "";
  }
  std::string out = fmt::format("{}", number);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

Cell of_text(Context& context, const std::string& text, Type to) {
  switch (to) {
    case Type::Bool:
      return bool_of_text(text);
    case Type::Int:
      return as_int(long_of_text(text));
    case Type::Long:
      return long_of_text(text);
    case Type::Real:
      return real_of_text(context, text);
    case Type::DateTime: {
      const auto ticks = parse_datetime(trimmed(text));
      return ticks ? Cell::of(to, *ticks) : Cell::null(to);
    }
    case Type::TimeSpan: {
      const auto ticks = parse_timespan(trimmed(text));
      return ticks ? Cell::of(to, *ticks) : Cell::null(to);
    }
    case Type::Guid:
      return guid_of_text(text);
    case Type::Dynamic: {
      if (text.empty()) return Cell::null(to);
      auto json = base::json::parse(text);
      return json ? Cell::of(std::move(*json)) : Cell::of(Json(text));
    }
    case Type::String:
    case Type::Decimal:
      break;
  }
  return context.refuse("a text as a decimal", to);
}

Cell of_json(Context& context, const Json& json, Type to) {
  const bool whole = to == Type::Long || to == Type::Int;
  if (const double* number = json.if_double(); number && whole) return whole_of_real(*number, to);
  if (const bool* flag = json.if_bool(); flag && whole) return Cell::of(to, *flag ? 1 : 0);
  if (const double* number = json.if_double(); number && to == Type::Real) {
    return Cell::of(*number);
  }
  const std::string* text = json.if_string();
  return of_text(context, text != nullptr ? *text : json_text(json), to);
}

Cell of_number(Context& context, const Cell& cell, Type to) {
  const bool real = cell.type == Type::Real;
  if (to == Type::Bool) return Cell::of(real ? cell.real() != 0 : cell.integer() != 0);
  if (to == Type::Real) {
    return Cell::of(real ? cell.real() : static_cast<double>(cell.integer()));
  }
  if (real) {
    if (to == Type::Long || to == Type::Int) return whole_of_real(cell.real(), to);
    return context.refuse("a real as something else", to);
  }
  if (to == Type::Int) return as_int(cell);
  if (to == Type::DateTime) {
    const bool inside = cell.integer() >= 0 && cell.integer() <= kMaxDateTimeTicks;
    return inside ? Cell::of(to, cell.integer()) : Cell::null(to);
  }
  if (to == Type::Long || to == Type::TimeSpan) return Cell::of(to, cell.integer());
  return context.refuse("a number as something else", to);
}

}  // namespace

std::string text_of(Context& context, const Cell& cell) {
  if (cell.is_null()) return "";
  switch (cell.type) {
    case Type::Bool:
      return cell.flag() ? "true" : "false";
    case Type::Int:
    case Type::Long:
      return fmt::format("{}", cell.integer());
    case Type::Real:
      return real_text(context, cell.real());
    case Type::DateTime:
      return format_datetime(cell.integer());
    case Type::TimeSpan:
      return format_timespan(cell.integer());
    case Type::String:
    case Type::Guid:
      return cell.text();
    case Type::Dynamic: {
      const std::string* text = cell.json().if_string();
      return text != nullptr ? *text : json_text(cell.json());
    }
    case Type::Decimal:
      break;
  }
  context.refuse("a decimal as text");
  return "";
}

Cell convert(Context& context, const Cell& cell, Type to) {
  if (cell.type == to) return cell;
  if (to == Type::String) return Cell::of(text_of(context, cell));
  if (cell.is_null()) return Cell::null(to);
  if (cell.type == Type::Decimal || to == Type::Decimal) {
    return context.refuse("decimals", to);
  }
  if (cell.type == Type::String) return of_text(context, cell.text(), to);
  if (to == Type::Dynamic) return as_json(context, cell);
  if (cell.type == Type::Dynamic) return of_json(context, cell.json(), to);
  if (cell.type == Type::Bool && (is_integer(to) || to == Type::Real)) {
    const std::int64_t number = cell.flag() ? 1 : 0;
    return to == Type::Real ? Cell::of(static_cast<double>(number)) : Cell::of(to, number);
  }
  if (is_numeric(cell.type)) return of_number(context, cell, to);
  const bool time = cell.type == Type::DateTime || cell.type == Type::TimeSpan;
  if (time && to == Type::Long) return Cell::of(to, cell.integer());
  return context.refuse("a conversion", to);
}

Cell as_json(Context& context, const Cell& cell) {
  if (cell.is_null()) return Cell::null(Type::Dynamic);
  switch (cell.type) {
    case Type::Dynamic:
      return cell;
    case Type::Bool:
      return Cell::of(Json(cell.flag()));
    case Type::Int:
    case Type::Long:
      return Cell::of(Json(cell.integer()));
    case Type::Real:
      if (!std::isfinite(cell.real())) return Cell::null(Type::Dynamic);
      return Cell::of(Json(cell.real()));
    case Type::String:
    case Type::Guid:
      return Cell::of(Json(cell.text()));
    case Type::DateTime:
    case Type::TimeSpan:
      return Cell::of(Json(text_of(context, cell)));
    case Type::Decimal:
      break;
  }
  return context.refuse("decimals");
}

std::optional<Type> common_type(Type a, Type b) {
  if (a == b) return a;
  const auto size = [](Type type) {
    switch (type) {
      case Type::Int:
        return 1;
      case Type::Long:
        return 2;
      case Type::Real:
        return 3;
      case Type::Decimal:
        return 4;
      default:
        return 0;
    }
  };
  if (size(a) != 0 && size(b) != 0) return size(a) > size(b) ? a : b;
  if (a == Type::Dynamic) return b;
  if (b == Type::Dynamic) return a;
  return std::nullopt;
}

Cell literal_as(Context& context, const Cell& cell, Type type) {
  const bool wanted = type == Type::DateTime || type == Type::TimeSpan || type == Type::Guid;
  return cell.type == Type::String && wanted ? of_text(context, cell.text(), type) : cell;
}

}  // namespace kql::evaluator
