// format_datetime: the format is read here, once, and becomes pieces of SQL.

#include <array>

#include "kql/bind/build.h"

namespace kql::bind {
namespace {

struct Token {
  std::string_view format;    // as KQL writes it
  std::string_view strftime;  // as DuckDB does
};

// Longer ones first.
constexpr std::array kTokens{
    Token{"yyyy", "%Y"}, Token{"yy", "%y"}, Token{"MM", "%m"}, Token{"M", "%-m"}, Token{"dd", "%d"},
    Token{"d", "%-d"},   Token{"HH", "%H"}, Token{"H", "%-H"}, Token{"hh", "%I"}, Token{"h", "%-I"},
    Token{"mm", "%M"},   Token{"m", "%-M"}, Token{"ss", "%S"}, Token{"s", "%-S"}, Token{"tt", "%p"},
};

constexpr std::string_view kSeparators = " /-:,._[]";

constexpr functions::Entry kStrftime{"", "(date: datetime, format: string): string",
                                     "strftime(kql_timestamp({0}), {1})"};
// Digits of the second's fraction; F drops zeros at the end.
constexpr functions::Entry kFraction{"", "(date: datetime, digits: long): string",
                                     "left(lpad(CAST({0} % 10000000 AS VARCHAR), 7, '0'), {1})"};
constexpr functions::Entry kShortFraction{
    "", "(date: datetime, digits: long): string",
    "rtrim(left(lpad(CAST({0} % 10000000 AS VARCHAR), 7, '0'), {1}), '0')"};

const functions::Overload& overload_of(const functions::Entry& entry) {
  static const std::array overloads = [] {
    std::array<functions::Overload, 3> out;
    const std::array entries{&kStrftime, &kFraction, &kShortFraction};
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i].entry = entries[i];
      out[i].result = Type::String;
    }
    return out;
  }();
  for (const functions::Overload& each : overloads) {
    if (each.entry == &entry) return each;
  }
  return overloads.front();
}

}  // namespace

ExprRef Binder::format_datetime_call(const ast::Call& call, Span span) {
  if (!argument_count(call, 2, 2, span)) return nullptr;
  const ExprRef date = expr(call.arguments[0].value);
  const ExprRef format = expr(call.arguments[1].value);
  if (date == nullptr || format == nullptr) return nullptr;
  if (date->type != Type::DateTime && date->type != Type::Dynamic) {
    diagnostics_.error(
        call.arguments[0].span,
        fmt::format("'format_datetime' expects a datetime, found {}", type_name(date->type)));
    return nullptr;
  }
  const auto* known = std::get_if<plan::Constant>(&format->form);
  const std::string* text = known == nullptr ? nullptr : known->value.if_text();
  if (text == nullptr || text->size() > 64) {
    diagnostics_.error(call.arguments[1].span,
                       "expected a short format as a string literal, such as "
                       "\"yyyy-MM-dd HH:mm:ss\"");
    return nullptr;
  }
  const ExprRef ticks = convert(date, Type::DateTime);
  std::vector<ExprRef> pieces;
  std::string pattern;
  const auto flush = [&] {
    if (pattern.empty()) return;
    pieces.push_back(apply_overload(overload_of(kStrftime), {ticks, constant(Value::text(pattern))},
                                    Type::String));
    pattern.clear();
  };
  for (std::size_t i = 0; i < text->size();) {
    const std::string_view rest = std::string_view(*text).substr(i);
    const std::size_t run = std::min(rest.find_first_not_of(rest.front()), rest.size());
    if (rest.front() == 'f' || rest.front() == 'F') {
      flush();
      const auto digits = static_cast<std::int64_t>(std::min<std::size_t>(run, 7));
      const functions::Entry& entry = rest.front() == 'f' ? kFraction : kShortFraction;
      pieces.push_back(apply_overload(
          overload_of(entry), {ticks, constant(Value::of(Type::Long, digits))}, Type::String));
      i += run;
      continue;
    }
    const Token* found = nullptr;
    for (const Token& token : kTokens) {
      if (found == nullptr && rest.starts_with(token.format)) found = &token;
    }
    if (found != nullptr) {
      pattern += found->strftime;
      i += found->format.size();
    } else if (kSeparators.find(rest.front()) != std::string_view::npos) {
      pattern += rest.front();
      ++i;
    } else {
      diagnostics_.error(
          call.arguments[1].span,
          fmt::format("'{}' is no part of a datetime's format: expected y, M, d, H, h, m, "
                      "s, f, F, tt and separators",
                      rest.front()));
      return nullptr;
    }
  }
  flush();
  if (pieces.empty()) return constant(Value::text(""));
  for (const ExprRef piece : pieces) {
    if (piece == nullptr) return nullptr;
  }
  const auto strcat = functions::find("strcat", functions::Kind::Scalar);
  return apply_overload(strcat.front(), std::move(pieces), Type::String);
}

}  // namespace kql::bind
