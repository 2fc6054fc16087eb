#include <cmath>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "kql/lex/strings.h"
#include "kql/parse/parse.h"
#include "kql/parse/parser.h"

namespace kql::parse {
namespace {

// 42.0 stays a real within dynamic values: JSON's 42 is a long.
void append_real(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  const std::string text = fmt::format("{}", number);
  out += text;
  if (text.find_first_of(".e") == std::string::npos) out += ".0";
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
      want(&Wanted::expression);
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

// Where the text ends behind a '(' or a ',' of a list, and somebody wants to know what could come:
// the value that is still to be written.
const ast::Expr* Parser::wanted_value(bool table) {
  if (wanted_ == nullptr || wanted_->settled || !at(TokenKind::End) || at_ == 0) return nullptr;
  const TokenKind last = tokens_[at_ - 1].kind;
  if (last != TokenKind::OpenParen && last != TokenKind::Comma) return nullptr;
  if (table) want(&Wanted::table);
  want(&Wanted::expression);
  settle();
  return missing();
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
  const bool table = form.name.text == "toscalar" || form.name.text == "materialize";
  if (const ast::Expr* value = wanted_value(table))
    form.arguments.push_back({{}, value, value->span});
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
  std::string_view inside = base::trim(diagnostics_.text(token.raw));
  if (inside == "null") return literal(Value::null(type), token.span);
  std::string unquoted;
  if (const auto quoted = lex::read_string(inside, 0); quoted && quoted->end == inside.size()) {
    unquoted = quoted->content;
    inside = base::trim(unquoted);
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
      append_real(out, negative ? -number : number);
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
        append_real(out, *value.if_real());
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
