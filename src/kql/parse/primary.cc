#include <charconv>

#include <fmt/format.h>

#include "base/id.h"
#include "base/json.h"
#include "kql/lex/strings.h"
#include "kql/parse/parser.h"

namespace kql::parse {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  while (!text.empty() && blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && blank(text.back()))
    text.remove_suffix(1);
  return text;
}

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

// The inside of type(...), already without quotes.
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

std::string_view example_of(Type type) {
  switch (type) {
    case Type::Bool:
      return "bool(true)";
    case Type::Int:
      return "int(42)";
    case Type::Long:
      return "long(42)";
    case Type::Real:
      return "real(0.5)";
    case Type::Decimal:
      return "decimal(0.5)";
    case Type::DateTime:
      return "datetime(2019-03-01T12:00:00Z)";
    case Type::TimeSpan:
      return "timespan(1.02:03:04)";
    case Type::Guid:
      return "guid(00000000-0000-0000-0000-000000000000)";
    default:
      return "";
  }
}

}  // namespace

const ast::Expr* Parser::literal(Value value, Span span) {
  return make(span, ast::Literal{std::move(value)});
}

const ast::Expr* Parser::primary() {
  const Span span = peek().span;
  switch (peek().kind) {
    case TokenKind::Long:
      return literal(Value::of(Type::Long, take().integer), span);
    case TokenKind::Real:
      return literal(Value::of(take().real), span);
    case TokenKind::TimeSpan:
      return literal(Value::of(Type::TimeSpan, take().integer), span);
    case TokenKind::String:
      return string_literal();
    case TokenKind::TypedLiteral:
      return typed_literal();
    case TokenKind::OpenParen:
      return parenthesised();
    case TokenKind::Star:
      take();
      return make(span, ast::Star{});
    case TokenKind::OpenBracket:
      if (auto quoted = name("an expression")) {
        return make(quoted->span, ast::NameRef{std::move(quoted->text)});
      }
      take();
      return missing();
    case TokenKind::Name:
      return named();
    default:
      expected("an expression");
      return missing();
  }
}

const ast::Expr* Parser::named() {
  const Span span = peek().span;
  const std::string& word = peek().text;
  if (word == "true" || word == "false") return literal(Value::of(take().text == "true"), span);
  if (word == "dynamic" && peek(1).kind == TokenKind::OpenParen) return dynamic_literal();
  if (word == "typeof" && peek(1).kind == TokenKind::OpenParen) return type_of();
  const bool reserved = word == "and" || word == "or" || word == "by" || word.front() == '!';
  if (reserved) {
    expected("an expression");
    return missing();
  }
  Token token = take();
  if (at(TokenKind::OpenParen)) return call(std::move(token));
  return make(span, ast::NameRef{std::move(token.text)});
}

const ast::Expr* Parser::call(Token callee) {
  const Depth depth(*this);
  if (too_deep()) return missing();
  take();
  ast::Call form{{std::move(callee.text), callee.span}, {}};
  while (!at(TokenKind::CloseParen) && !at(TokenKind::End)) {
    const std::size_t before = at_;
    if (at(TokenKind::Name) && peek(1).kind == TokenKind::Assign) {
      form.arguments.push_back(assignment());
    } else {
      const ast::Expr* argument = pipeline();
      form.arguments.push_back({{}, argument, argument->span});
    }
    if (!accept(TokenKind::Comma) || at_ == before) break;
  }
  if (!expect(TokenKind::CloseParen, "or ',' after the argument")) {
    recover();
    accept(TokenKind::CloseParen);
  }
  return make(from(callee.span.begin), std::move(form));
}

const ast::Expr* Parser::parenthesised() {
  const std::uint32_t begin = take().span.begin;
  const ast::Expr* inside = pipeline();
  if (!expect(TokenKind::CloseParen, "to close the parenthesis")) {
    recover();
    accept(TokenKind::CloseParen);
  }
  ast::Expr copy = *inside;
  copy.span = from(begin);
  return tree_.exprs.make(std::move(copy));
}

// Strings that stand side by side are one.
const ast::Expr* Parser::string_literal() {
  Token first = take();
  while (at(TokenKind::String))
    first.text += take().text;
  return literal(Value::text(std::move(first.text)), from(first.span.begin));
}

const ast::Expr* Parser::typed_literal() {
  const Token token = take();
  const Type type = type_of_name(token.text).value_or(Type::Long);
  std::string_view inside = trimmed(diagnostics_.text(token.raw));
  if (inside == "null") return literal(Value::null(type), token.span);
  std::string unquoted;
  if (const auto quoted = lex::read_string(inside, 0); quoted && quoted->end == inside.size()) {
    unquoted = quoted->content;
    inside = trimmed(unquoted);
  }
  if (auto value = typed_value(type, inside)) return literal(std::move(*value), token.span);
  diagnostics_.error(
      token.raw, fmt::format("'{}' is no {} literal: expected something like {} or "
                             "{}(null)",
                             inside, kql::type_name(type), example_of(type), kql::type_name(type)));
  return missing();
}

const ast::Expr* Parser::type_of() {
  const std::uint32_t begin = take().span.begin;
  take();
  const auto type = this->type_name("in typeof()");
  expect(TokenKind::CloseParen, "after the type");
  if (!type) return missing();
  return make(from(begin), ast::TypeOf{*type});
}

// dynamic(...): JSON, and KQL's own literals in it.
const ast::Expr* Parser::dynamic_literal() {
  const std::uint32_t begin = take().span.begin;
  take();
  std::string text;
  if (!json_value(text)) {
    recover();
    accept(TokenKind::CloseParen);
    return missing();
  }
  if (!expect(TokenKind::CloseParen, "after the dynamic value")) recover();
  Value value = text == "null" ? Value::null(Type::Dynamic) : Value{Type::Dynamic, std::move(text)};
  return literal(std::move(value), from(begin));
}

bool Parser::json_value(std::string& out) {
  const Depth depth(*this);
  if (too_deep()) return false;
  base::json::Writer writer(out);
  const bool negative = accept(TokenKind::Minus);
  switch (peek().kind) {
    case TokenKind::String:
      out += base::json::quoted(take().text);
      return true;
    case TokenKind::Long: {
      const std::int64_t number = take().integer;
      writer.value(negative ? -number : number);
      return true;
    }
    case TokenKind::Real: {
      const double number = take().real;
      writer.value(negative ? -number : number);
      return true;
    }
    case TokenKind::TimeSpan:
      out += base::json::quoted(format_timespan(take().integer));
      return true;
    case TokenKind::OpenBracket:
      return json_members(out, false);
    case TokenKind::OpenBrace:
      return json_members(out, true);
    case TokenKind::Name:
      if (at_name("true") || at_name("false") || at_name("null")) {
        out += take().text;
        return true;
      }
      break;
    case TokenKind::TypedLiteral: {
      const ast::Expr* typed = typed_literal();
      const auto* form = std::get_if<ast::Literal>(&typed->form);
      if (form == nullptr) return false;
      const Value& value = form->value;
      if (value.is_null()) {
        out += "null";
      } else if (value.type == Type::DateTime) {
        out += base::json::quoted(format_datetime(*value.if_int()));
      } else if (value.type == Type::TimeSpan) {
        out += base::json::quoted(format_timespan(*value.if_int()));
      } else if (value.if_int() != nullptr) {
        writer.value(*value.if_int());
      } else if (value.if_real() != nullptr) {
        writer.value(*value.if_real());
      } else if (value.if_bool() != nullptr) {
        writer.value(*value.if_bool());
      } else {
        out += base::json::quoted(*value.if_text());
      }
      return true;
    }
    default:
      break;
  }
  expected("a JSON value");
  return false;
}

bool Parser::json_members(std::string& out, bool object) {
  take();
  out += object ? '{' : '[';
  const TokenKind close = object ? TokenKind::CloseBrace : TokenKind::CloseBracket;
  for (bool first = true; !at(close); first = false) {
    if (!first && !expect(TokenKind::Comma, "or the closing bracket in the dynamic value"))
      return false;
    if (!first && at(close)) break;  // a comma too many, as people write them
    if (!first) out += ',';
    if (object) {
      if (!at(TokenKind::String)) {
        expected("a string as the property's name");
        return false;
      }
      out += base::json::quoted(take().text);
      if (!expect(TokenKind::Colon, "after the property's name")) return false;
      out += ':';
    }
    if (!json_value(out)) return false;
  }
  take();
  out += object ? '}' : ']';
  return true;
}

}  // namespace kql::parse
