#pragma once

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "iotql/ast.h"
#include "iotql/lex.h"

namespace iotql {

// The tokens of a query, and the expressions among them. Threads: one at a time; pure.
class ExpressionParser {
 public:
  explicit ExpressionParser(std::string_view text) : lexer_(text) {}

 protected:
  std::unexpected<Fault> fault(std::string message, Span span) const;
  std::unexpected<Fault> expected(std::string_view what) const;
  Lexed<void> advance();
  Lexed<void> take(std::string_view symbol);
  // From there to the last token.
  Span since(std::size_t offset) const;

  // One, from the current token on. Aggregates stand in columns only.
  enum class Place : bool { Column, Elsewhere };
  Lexed<Expr> expression(Place place);
  // Those that were found.
  std::vector<Aggregate> take_aggregates() { return std::move(aggregates_); }
  const Token& token() const { return token_; }

 private:
  // A tree of one more level above these.
  Lexed<Expr> above(Op op, std::vector<Expr> operands, std::size_t start);
  Lexed<Expr> above(Op op, Expr left, Expr right);
  Lexed<Expr> expression();
  // a OR b OR c, as one of three.
  template <class Part>
  Lexed<Expr> joined(std::string_view word, Op op, Part part);
  Lexed<Expr> either();
  Lexed<Expr> both();
  Lexed<Expr> negated();
  std::optional<Op> comparison_here() const;
  Lexed<Expr> comparison();
  Lexed<Expr> sum();
  Lexed<Expr> product();
  Lexed<Expr> factor();
  Lexed<Expr> literal(base::json::Value value);
  Lexed<Expr> primary();
  Lexed<Expr> array();
  // Behind the name; the token is the parenthesis.
  Lexed<Expr> call(const Token& name);
  Lexed<Expr> unknown_function(const Token& name) const;
  Lexed<Expr> aggregate(const Token& name, Fold fold, std::vector<Expr> arguments);
  // Behind the first name.
  Lexed<Expr> path(const Token& first);
  Lexed<Step> step();

  Lexer lexer_;
  Token token_;
  std::vector<Aggregate> aggregates_;
  std::size_t last_end_ = 0;
  int depth_ = 0;
  bool in_columns_ = false;
  bool in_aggregate_ = false;
};

}  // namespace iotql
