#include "iotql/expression.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "base/text.h"
#include "iotql/functions.h"

namespace iotql {

using base::json::Value;

namespace {

constexpr std::array<std::string_view, 13> kReserved = {"SELECT", "FROM", "WHERE", "GROUP", "BY",
                                                        "TOP",    "AS",   "AND",   "OR",    "NOT",
                                                        "IN",     "NIN",  "ORDER"};

bool is_reserved(const Token& token) {
  return std::ranges::any_of(kReserved, [&](std::string_view word) { return token.is_word(word); });
}

// A token as a message shows it.
std::string shown(const Token& token) {
  if (token.kind == TokenKind::End) return "the end of the query";
  if (token.kind == TokenKind::Text) return "a text";
  if (token.kind == TokenKind::Number) return "a number";
  return base::json::quoted(base::to_utf8(std::string_view(token.text).substr(0, 64)));
}

std::optional<Fold> fold_of(const Token& token) {
  if (token.is_word("COUNT")) return Fold::Count;
  if (token.is_word("SUM")) return Fold::Sum;
  if (token.is_word("MIN")) return Fold::Min;
  if (token.is_word("MAX")) return Fold::Max;
  if (token.is_word("AVG")) return Fold::Average;
  return std::nullopt;
}

}  // namespace

std::unexpected<Fault> ExpressionParser::fault(std::string message, Span span) const {
  return std::unexpected(Fault{std::move(message), span});
}

std::unexpected<Fault> ExpressionParser::expected(std::string_view what) const {
  return fault("expected " + std::string(what) + ", found " + shown(token_), token_.span);
}

Lexed<void> ExpressionParser::advance() {
  last_end_ = token_.span.offset + token_.span.length;
  token_ = TRY(lexer_.next());
  return {};
}

Lexed<void> ExpressionParser::take(std::string_view symbol) {
  if (!token_.is(symbol)) return expected('"' + std::string(symbol) + '"');
  return advance();
}

// From there to the last token.
Span ExpressionParser::since(std::size_t offset) const {
  return {offset, last_end_ - offset};
}

Lexed<Expr> ExpressionParser::expression(Place place) {
  in_columns_ = place == Place::Column;
  return expression();
}

// A tree of one more level above these.
Lexed<Expr> ExpressionParser::above(Op op, std::vector<Expr> operands, std::size_t start) {
  Expr expr;
  expr.op = op;
  for (const Expr& operand : operands)
    expr.height = std::max(expr.height, operand.height + 1);
  expr.operands = std::move(operands);
  expr.span = since(start);
  if (expr.height > kMaxDepth) return fault("this is nested too deeply", expr.span);
  return expr;
}

Lexed<Expr> ExpressionParser::above(Op op, Expr left, Expr right) {
  const std::size_t start = left.span.offset;
  std::vector<Expr> operands;
  operands.push_back(std::move(left));
  operands.push_back(std::move(right));
  return above(op, std::move(operands), start);
}

Lexed<Expr> ExpressionParser::expression() {
  if (++depth_ > kMaxDepth) return fault("this is nested too deeply", token_.span);
  auto parsed = either();
  --depth_;
  return parsed;
}

// a OR b OR c, as one of three.
template <class Part>
Lexed<Expr> ExpressionParser::joined(std::string_view word, Op op, Part part) {
  Expr first = TRY(part());
  if (!token_.is_word(word)) return first;
  const std::size_t start = first.span.offset;
  std::vector<Expr> operands;
  operands.push_back(std::move(first));
  while (token_.is_word(word)) {
    TRY(advance());
    operands.push_back(TRY(part()));
  }
  return above(op, std::move(operands), start);
}

Lexed<Expr> ExpressionParser::either() {
  return joined("OR", Op::Or, [this] { return both(); });
}

Lexed<Expr> ExpressionParser::both() {
  return joined("AND", Op::And, [this] { return negated(); });
}

Lexed<Expr> ExpressionParser::negated() {
  if (!token_.is_word("NOT")) return comparison();
  const std::size_t start = token_.span.offset;
  if (++depth_ > kMaxDepth) return fault("this is nested too deeply", token_.span);
  TRY(advance());
  std::vector<Expr> operand;
  operand.push_back(TRY(negated()));
  --depth_;
  return above(Op::Not, std::move(operand), start);
}

std::optional<Op> ExpressionParser::comparison_here() const {
  constexpr std::array<std::pair<std::string_view, Op>, 6> kSymbols = {{{"=", Op::Equal},
                                                                        {"!=", Op::NotEqual},
                                                                        {"<", Op::Less},
                                                                        {"<=", Op::LessEqual},
                                                                        {">", Op::Greater},
                                                                        {">=", Op::GreaterEqual}}};
  for (const auto& [symbol, op] : kSymbols) {
    if (token_.is(symbol)) return op;
  }
  return std::nullopt;
}

Lexed<Expr> ExpressionParser::comparison() {
  Expr left = TRY(sum());
  if (const auto op = comparison_here()) {
    TRY(advance());
    left = TRY(above(*op, std::move(left), TRY(sum())));
    if (comparison_here())
      return fault("comparisons are not chained: write a < b AND b < c", token_.span);
    return left;
  }
  Op op = Op::In;
  if (token_.is_word("NIN") || token_.is_word("NOT")) {
    op = Op::NotIn;
    const bool in_follows = token_.is_word("NOT");
    if (in_follows) {
      TRY(advance());
      if (!token_.is_word("IN")) return expected("IN after NOT");
    }
  } else if (!token_.is_word("IN")) {
    return left;
  }
  TRY(advance());
  if (token_.is("(")) return fault("a list stands in square brackets: IN ['a', 'b']", token_.span);
  return above(op, std::move(left), TRY(sum()));
}

Lexed<Expr> ExpressionParser::sum() {
  Expr left = TRY(product());
  while (token_.is("+") || token_.is("-")) {
    const Op op = token_.is("+") ? Op::Add : Op::Subtract;
    TRY(advance());
    left = TRY(above(op, std::move(left), TRY(product())));
  }
  return left;
}

Lexed<Expr> ExpressionParser::product() {
  Expr left = TRY(factor());
  while (token_.is("*") || token_.is("/") || token_.is("%")) {
    const Op op = token_.is("*") ? Op::Multiply : token_.is("/") ? Op::Divide : Op::Modulo;
    TRY(advance());
    left = TRY(above(op, std::move(left), TRY(factor())));
  }
  return left;
}

Lexed<Expr> ExpressionParser::factor() {
  if (!token_.is("-")) return primary();
  const std::size_t start = token_.span.offset;
  if (++depth_ > kMaxDepth) return fault("this is nested too deeply", token_.span);
  TRY(advance());
  Expr operand = TRY(factor());
  --depth_;
  const std::int64_t* whole = operand.op == Op::Literal ? operand.literal.if_int() : nullptr;
  const double* real = operand.op == Op::Literal ? operand.literal.if_double() : nullptr;
  if (whole != nullptr && *whole != std::numeric_limits<std::int64_t>::min()) {
    operand.literal = Value(-*whole);
  } else if (real != nullptr) {
    operand.literal = Value(-*real);
  } else {
    std::vector<Expr> operands;
    operands.push_back(std::move(operand));
    return above(Op::Negate, std::move(operands), start);
  }
  operand.span = since(start);
  return operand;
}

Lexed<Expr> ExpressionParser::literal(Value value) {
  Expr expr;
  expr.op = Op::Literal;
  expr.literal = std::move(value);
  expr.span = token_.span;
  TRY(advance());
  return expr;
}

Lexed<Expr> ExpressionParser::primary() {
  if (token_.kind == TokenKind::Text) return literal(Value(token_.text));
  if (token_.kind == TokenKind::Number) return literal(token_.number);
  if (token_.is("[")) return array();
  if (token_.is("(")) {
    TRY(advance());
    Expr inner = TRY(expression());
    TRY(take(")"));
    return inner;
  }
  if (token_.kind != TokenKind::Name || is_reserved(token_)) return expected("a value");
  if (token_.is_word("TRUE") || token_.is_word("FALSE"))
    return literal(Value(token_.is_word("TRUE")));
  if (token_.is_word("NULL")) return literal({});
  if (token_.is_word("UNDEFINED")) {
    Expr expr = TRY(literal({}));
    expr.op = Op::Undefined;
    return expr;
  }
  const Token name = token_;
  TRY(advance());
  return token_.is("(") ? call(name) : path(name);
}

Lexed<Expr> ExpressionParser::array() {
  const std::size_t start = token_.span.offset;
  TRY(advance());
  std::vector<Expr> items;
  while (!token_.is("]")) {
    items.push_back(TRY(expression()));
    if (token_.is("]")) break;
    TRY(take(","));
    if (token_.is("]")) return expected("a value");
  }
  TRY(advance());
  return above(Op::Array, std::move(items), start);
}

// Behind the name; the token is the parenthesis.
Lexed<Expr> ExpressionParser::call(const Token& name) {
  const auto fold = fold_of(name);
  const Function* function = find_function(name.text);
  if (!fold && function == nullptr) return unknown_function(name);
  if (fold && (!in_columns_ || in_aggregate_))
    return fault(in_aggregate_ ? "an aggregate cannot hold another one"
                               : "aggregates stand between SELECT and FROM",
                 name.span);
  if (fold) in_aggregate_ = true;
  TRY(advance());
  std::vector<Expr> arguments;
  if (fold == Fold::Count && token_.is("*")) TRY(advance());  // COUNT(*) is COUNT()
  while (!token_.is(")")) {
    arguments.push_back(TRY(expression()));
    if (token_.is(")")) break;
    TRY(take(","));
    if (token_.is(")")) return expected("a value");
  }
  TRY(advance());
  if (fold) return aggregate(name, *fold, std::move(arguments));
  const Span span = since(name.span.offset);
  if (arguments.size() < function->least || arguments.size() > function->most) {
    std::string wanted = std::to_string(function->least);
    if (function->most != function->least) wanted += " to " + std::to_string(function->most);
    return fault(std::string(function->name) + " takes " + wanted + " arguments, not " +
                     std::to_string(arguments.size()),
                 span);
  }
  Expr expr = TRY(above(Op::Call, std::move(arguments), name.span.offset));
  expr.function = function;
  return expr;
}

Lexed<Expr> ExpressionParser::unknown_function(const Token& name) const {
  std::string upper = base::to_lower(name.text);
  for (char& c : upper)
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  std::string message = "there is no function " + shown(name);
  if (const auto near = base::nearest(upper, function_names()))
    message += "; did you mean " + std::string(*near) + "?";
  return fault(std::move(message), name.span);
}

Lexed<Expr> ExpressionParser::aggregate(const Token& name, Fold fold, std::vector<Expr> arguments) {
  in_aggregate_ = false;
  const Span span = since(name.span.offset);
  if (arguments.size() > 1 || (arguments.empty() && fold != Fold::Count))
    return fault("this aggregate takes one argument", span);
  Aggregate made;
  made.fold = fold;
  if (!arguments.empty()) made.argument = std::move(arguments[0]);
  Expr expr;
  expr.op = Op::Aggregate;
  expr.span = span;
  expr.index = aggregates_.size();
  aggregates_.push_back(std::move(made));
  return expr;
}

// Behind the first name.
Lexed<Expr> ExpressionParser::path(const Token& first) {
  Expr expr;
  expr.op = Op::Path;
  expr.path.push_back({first.text});
  while (token_.is(".") || token_.is("[")) {
    if (expr.path.size() == kMaxDepth) return fault("this path is too long", token_.span);
    expr.path.push_back(TRY(step()));
  }
  expr.span = since(first.span.offset);
  return expr;
}

Lexed<Step> ExpressionParser::step() {
  const bool dotted = token_.is(".");
  if (dotted) TRY(advance());
  Step step;
  if (token_.is("[") && lexer_.at_bracket()) {
    step.name = TRY(lexer_.bracketed_name());
    token_.span.length = lexer_.offset() - token_.span.offset;
    TRY(advance());
    return step;
  }
  if (dotted) {
    if (token_.kind != TokenKind::Name) return expected("the name of a property");
    step.name = token_.text;
    TRY(advance());
    return step;
  }
  TRY(advance());
  const std::int64_t* index = token_.kind == TokenKind::Number ? token_.number.if_int() : nullptr;
  if (index != nullptr) {
    step.index = *index;
  } else if (token_.kind == TokenKind::Text && !token_.text.empty()) {
    step.name = token_.text;
  } else {
    return expected("an index or a quoted name");
  }
  TRY(advance());
  TRY(take("]"));
  return step;
}

}  // namespace iotql
