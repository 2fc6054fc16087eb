#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kql/ast/ast.h"
#include "kql/lex/token.h"
#include "kql/parse/wanted.h"
#include "kql/source.h"

namespace kql::parse {

using lex::Token;
using lex::TokenKind;

// The word between two operands that is nearest to this one: has, in~, between...
std::optional<std::string_view> nearest_comparison(std::string_view word);

// What stands in type(...), without quotes and blanks around it; nullopt: no such literal.
std::optional<Value> typed_value(Type type, std::string_view text);

// Recursive descent over the tokens, one token of look-ahead. A member that fails has reported why
// and returns a Missing; callers carry on, and resynchronise where an operator or a statement ends.
class Parser {
 public:
  Parser(std::vector<Token> tokens, Diagnostics& diagnostics, ast::Tree& tree, Wanted* wanted);

  void run();

 private:
  friend struct OperatorTable;

  // Deepest nesting of brackets and operators within each other, and the longest chains; far above
  // what people write, far below what a stack holds.
  static constexpr int kMaxDepth = 64;
  static constexpr int kMaxChain = 200;
  static constexpr std::size_t kMaxOperators = 200;

  // --- tokens ---
  const Token& peek(std::size_t ahead = 0) const;
  bool at(TokenKind kind) const { return peek().kind == kind; }
  bool at_name(std::string_view text) const;
  // Where the text ends, and somebody wants to know what could come: sets that flag. What comes
  // after the first error there is recovery, and says nothing.
  void want(bool Wanted::* flag) const {
    if (wanted_ != nullptr && !wanted_->settled && at(TokenKind::End)) wanted_->*flag = true;
  }
  void settle() const {
    if (wanted_ != nullptr && at(TokenKind::End)) wanted_->settled = true;
  }
  Token take();
  bool accept(TokenKind kind);
  bool accept_name(std::string_view text);
  // Reports "expected X <why>, found Y" at the present token when it is not there.
  bool expect(TokenKind kind, std::string_view why);
  void expected(std::string_view what);
  // At something that neither goes on with the query nor ends it: `what`, and how to mend what
  // people often write there.
  void expected_end(std::string_view what);
  bool adjacent(std::size_t ahead) const;  // no space between that token and the one before it
  bool adjacent_to_last() const { return peek().span.begin == last_end_; }
  Span from(std::uint32_t begin) const { return {begin, std::max(begin, last_end_)}; }
  // Skips to a '|' ';' or closing bracket of the present nesting.
  void recover();

  template <class Form>
  const ast::Expr* make(Span span, Form form) {
    return tree_.exprs.make(span, std::move(form));
  }
  const ast::Expr* missing() { return make(peek().span, ast::Missing{}); }

  // --- statements: parser.cc ---
  void begin_statement() const;
  ast::Query query(TokenKind end);
  void statement(ast::Query& into);
  void let(ast::Query& into);
  bool at_lambda() const;
  const ast::Expr* lambda();
  ast::Parameter parameter();
  std::optional<Type> type_name(std::string_view why);
  std::vector<ast::NamedType> column_list();
  std::vector<ast::NamedType> column_list_rest();  // behind its '('
  void set_statement(ast::Query& into);
  void query_parameters(ast::Query& into);
  std::optional<ast::Name> name(std::string_view what);

  // --- tables: tables.cc ---
  // source | operator | ...; a plain expression when no '|' follows.
  const ast::Expr* pipeline();
  const ast::Expr* sourceless();
  const ast::Expr* pipeline_from(const ast::Expr* source);
  const ast::Expr* source();
  const ast::Expr* datatable();
  const ast::Expr* print();
  const ast::Expr* range();
  bool starts_operator() const;

  // --- operators: operators.cc, operators_rows.cc ---
  ast::Operator one_operator();
  std::string operator_word(Span& span);
  std::optional<ast::Property> property();
  std::vector<ast::Property> properties();
  ast::Operator where();
  ast::Operator extend();
  ast::Operator project();
  ast::Operator project_away();
  ast::Operator project_keep();
  ast::Operator project_reorder();
  ast::Operator project_rename();
  ast::Operator summarize();
  ast::Operator distinct();
  ast::Operator take_rows();
  ast::Operator sample();
  ast::Operator count();
  ast::Operator sort();
  ast::Operator top();
  ast::Operator join();
  ast::Operator lookup();
  ast::Operator mv_expand();
  ast::Operator mv_apply();
  ast::Operator union_tables();
  ast::Operator as();
  ast::Operator serialize();
  ast::Operator render();
  ast::Operator parse_text();
  ast::Operator parse_where();
  ast::Operator search();
  ast::Operator getschema();
  ast::Operator make_series();
  ast::Operator top_nested();
  ast::Operator parse_kv();
  ast::Operator evaluate();
  ast::Operator invoke();
  ast::Operator sample_distinct();
  ast::Operator partition();
  ast::Operator reduce();
  ast::Operator scan();
  std::optional<ast::ScanStep> scan_step();
  void series_range(ast::MakeSeries& form);
  const ast::Expr* called(std::string_view what, bool Wanted::* flag);
  ast::Operator join_like(bool is_lookup);
  ast::Operator parse_like(bool filter);
  ast::Operator pick(ast::ColumnPick pick);
  std::vector<ast::Assignment> assignments();
  ast::Assignment assignment();
  ast::SortKey sort_key();
  std::optional<ast::Pattern> pattern(bool ordered);
  std::vector<ast::ExpandItem> expand_items(std::vector<ast::Property>& properties);
  const ast::Expr* table_operand();
  const ast::Expr* source_operand();
  void hints();

  // --- expressions: expressions.cc, primary.cc ---
  const ast::Expr* expression();
  const ast::Expr* logic(bool all);
  const ast::Expr* comparison();
  std::optional<const ast::Expr*> word_comparison(const ast::Expr* left);
  const ast::Expr* set_match(const ast::Expr* left, ast::SetMatch form);
  const ast::Expr* between(const ast::Expr* left, bool negated);
  const ast::Expr* additive();
  const ast::Expr* multiplicative();
  const ast::Expr* unary();
  const ast::Expr* postfix();
  const ast::Expr* primary();
  const ast::Expr* named();
  const ast::Expr* call(Token name);
  const ast::Expr* wanted_value(bool table);
  const ast::Expr* parenthesised();
  const ast::Expr* literal(Value value, Span span);
  const ast::Expr* typed_literal();
  const ast::Expr* string_literal();
  const ast::Expr* dynamic_literal();
  bool json_value(std::string& out);
  bool json_members(std::string& out, bool object);
  const ast::Expr* type_of();

  // Counts nesting; too_deep() reports once and makes the parser give up.
  class Depth {
   public:
    explicit Depth(Parser& parser) : parser_(parser) { ++parser_.depth_; }
    ~Depth() { --parser_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Parser& parser_;
  };
  bool too_deep();

  std::vector<Token> tokens_;
  Diagnostics& diagnostics_;
  ast::Tree& tree_;
  Wanted* wanted_;
  std::size_t at_ = 0;
  std::uint32_t last_end_ = 0;
  int depth_ = 0;
};

}  // namespace kql::parse
