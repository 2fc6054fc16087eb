#pragma once

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "kql/ast/ast.h"
#include "kql/evaluator/aggregates.h"
#include "kql/evaluator/cell.h"
#include "kql/evaluator/context.h"

namespace kql::evaluator {

struct Scope;

struct Closure {
  const ast::Lambda* lambda;
  const Scope* scope;  // where it was written
};
using Binding = std::variant<Cell, Table, Closure>;

// What let, parameters and `as` have named.
struct Scope {
  const Scope* outer = nullptr;
  std::map<std::string, Binding> names = {};

  const Binding* find(const std::string& name) const;
};

// Where an expression is evaluated: the row that its names mean.
struct Place {
  const Scope* scope = nullptr;
  const Table* table = nullptr;  // nullptr: no columns are visible
  const Row* row = nullptr;      // nullptr: a row of nulls, for the sake of its types
  std::size_t index = 0;         // of the row
  const Group* group = nullptr;  // aggregates are calls over this group
};

Place at_row(const Table& table, std::size_t index, const Scope& scope);
// The columns without a row.
Place at_no_row(const Table& table, const Scope& scope);

// Walks the tree: expressions to values, pipelines to tables.
class Machine {
 public:
  explicit Machine(Context& context) : context_(context) {}

  Table query(const ast::Query& query, Scope& scope);

 private:
  // --- expressions.cc ---
  Cell value(const ast::Expr& expr, const Place& place);
  Type type_of(const ast::Expr& expr, const Place& place);
  bool holds(const ast::Expr& expr, const Place& place);
  Cell form(const ast::Literal& form, const Place& place);
  Cell form(const ast::NameRef& form, const Place& place);
  Cell form(const ast::Member& form, const Place& place);
  Cell form(const ast::Index& form, const Place& place);
  Cell form(const ast::Call& form, const Place& place);
  Cell form(const ast::Negate& form, const Place& place);
  Cell form(const ast::Binary& form, const Place& place);
  Cell form(const ast::Logic& form, const Place& place);
  Cell form(const ast::Compare& form, const Place& place);
  Cell form(const ast::TextMatch& form, const Place& place);
  Cell form(const ast::SetMatch& form, const Place& place);
  Cell form(const ast::Between& form, const Place& place);
  template <class Form>
  Cell form(const Form&, const Place&) {
    return context_.refuse("such an expression");
  }
  std::vector<Cell> items(const ast::SetMatch& form, const Place& place);

  // --- calls.cc ---
  std::optional<Cell> special_call(const ast::Call& call, const Place& place);
  Cell choose(const ast::Call& call, const Place& place);
  Cell to_scalar(const ast::Call& call, const Place& place);
  Cell neighbour(const ast::Call& call, const Place& place);
  Cell row_number(const ast::Call& call, const Place& place);
  Cell cumulative_sum(const ast::Call& call, const Place& place);
  Cell call_lambda(const ast::Call& call, const Closure& function, const Place& place);
  Scope arguments_of(const ast::Call& call, const Closure& function, const Scope& scope,
                     const Table* piped, const Place& place);
  // Whether the order of the place's rows says all; refuses when it does not.
  bool in_order(const Place& place);

  // --- sources.cc ---
  bool is_table(const ast::Expr& expr, const Scope& scope) const;
  Table table(const ast::Expr& expr, Scope& scope);
  Table source(const ast::Pipeline& form, Scope& scope);
  Table source(const ast::NameRef& form, Scope& scope);
  Table source(const ast::DataTable& form, Scope& scope);
  Table source(const ast::Print& form, Scope& scope);
  Table source(const ast::Range& form, Scope& scope);
  Table source(const ast::Call& form, Scope& scope);
  Table source(const ast::SourceOperator& form, Scope& scope);
  template <class Form>
  Table source(const Form&, Scope&) {
    context_.refuse("such a table");
    return {};
  }
  Table call_table(const ast::Call& call, const Closure& function, const Table* piped,
                   Scope& scope);
  std::optional<std::string> implied_name(const ast::Expr& expr) const;
  // The column's name: the one given, the implied one, or none that is known.
  std::string name_of(const ast::Assignment& assignment) const;

  // --- rows.cc ---
  void apply(const ast::Where& form, Table& input, Scope& scope);
  void apply(const ast::Extend& form, Table& input, Scope& scope);
  void apply(const ast::Project& form, Table& input, Scope& scope);
  void apply(const ast::ProjectPick& form, Table& input, Scope& scope);
  void apply(const ast::ProjectRename& form, Table& input, Scope& scope);
  void apply(const ast::Take& form, Table& input, Scope& scope);
  void apply(const ast::Count& form, Table& input, Scope& scope);
  void apply(const ast::Sort& form, Table& input, Scope& scope);
  void apply(const ast::Top& form, Table& input, Scope& scope);
  void apply(const ast::Serialize& form, Table& input, Scope& scope);
  void apply(const ast::As& form, Table& input, Scope& scope);
  void apply(const ast::Render& form, Table& input, Scope& scope);
  void apply(const ast::Invoke& form, Table& input, Scope& scope);
  template <class Form>
  void apply(const Form&, Table&, Scope&) {
    context_.refuse("such an operator");
  }
  void sort_by(std::span<const ast::SortKey> keys, Table& input, const Scope& scope);
  void take(std::int64_t count, Table& input);

  // --- grouping.cc ---
  void apply(const ast::Summarize& form, Table& input, Scope& scope);
  void apply(const ast::Distinct& form, Table& input, Scope& scope);
  using Members = std::vector<std::size_t>;  // the rows of a group
  void aggregate_column(const ast::Assignment& column, const std::vector<Members>& groups,
                        const Table& input, Table& out, const Scope& scope);
  std::vector<const ast::Expr*> picked(const ast::Call& call, const Table& input, const Table& out,
                                       std::deque<ast::Expr>& star) const;
  void pick(const ast::Assignment& column, const std::vector<Members>& groups, const Table& input,
            Table& out, const Scope& scope);
  void keep_best(std::vector<Row>& rows, int wanted);

  // --- expanding.cc ---
  void apply(const ast::MvExpand& form, Table& input, Scope& scope);

  // --- joining.cc ---
  struct Sides {
    Table left;
    Table right;
    std::vector<std::size_t> left_keys;
    std::vector<std::size_t> right_keys;
  };
  struct Pairs {
    std::vector<Row> rows;  // of both, one beside the other
    std::vector<bool> left_matched;
    std::vector<bool> right_matched;
  };
  void apply(const ast::Join& form, Table& input, Scope& scope);
  bool matched(const Sides& sides, const Row& left, const Row& right);
  void keep_one_of_each_key(Sides& sides);
  Pairs pairs_of(const Sides& sides);
  void apply(const ast::Union& form, Table& input, Scope& scope);

  Context& context_;
};

// Whether every row has its place, but for rows that are the same.
bool in_total_order(const Table& table);
// A name that no column has: name, name1, name2...
std::string unique_name(const std::string& name, const std::vector<Column>& columns);

}  // namespace kql::evaluator
