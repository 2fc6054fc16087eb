#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kql/ast/ast.h"
#include "kql/catalogue.h"
#include "kql/functions/function.h"
#include "kql/plan/plan.h"
#include "kql/source.h"
#include "kql/ticks.h"

namespace kql::bind {

using plan::ColumnId;
// nullptr: wrong, and reported.
using ExprRef = const plan::Expr*;

// A table while the query is followed: its plan, and the names that its columns go by.
struct Relation {
  const plan::Node* node = nullptr;
  std::vector<plan::NamedColumn> columns;
  // An operator before was wrong: names that are missing may be its doing, and are not reported.
  bool incomplete = false;

  const plan::NamedColumn* find(std::string_view name) const;
};

struct LetTable {
  std::size_t shared;
  std::vector<plan::NamedColumn> columns;
  bool incomplete;
};
struct LetScalar {
  ExprRef value;
};
struct LetBroken {};
struct Scope;
struct LetFunction {
  const ast::Lambda* lambda;
  const Scope* scope;  // where it was written
};
using Binding = std::variant<LetBroken, LetScalar, LetTable, LetFunction>;

// What let has bound, innermost first.
struct Scope {
  const Scope* outer = nullptr;
  std::map<std::string, Binding, std::less<>> names;

  const Binding* find(std::string_view name) const;
};

// Aggregates found while a summarize binds its expressions.
struct AggregateContext {
  std::vector<plan::AggregateCall> calls;
};

class Binder {
 public:
  Binder(const ast::Tree& tree, const Catalogue& catalogue, Ticks now, Diagnostics& diagnostics);
  std::optional<plan::Plan> run();

 private:
  static constexpr std::uint32_t kMaxWeight = 20'000;
  static constexpr std::uint32_t kInlineWeight = 24;
  static constexpr int kMaxExpansions = 200;
  static constexpr int kMaxDepth = 32;
  static constexpr std::size_t kMaxNodes = 20'000;
  static constexpr std::size_t kMaxColumns = 1'000;

  // --- statements: binder.cc ---
  Relation query(const ast::Query& query, const Scope* outer);
  void bind_lets(const ast::Query& query, Scope& scope);
  Binding let_value(const ast::Expr& value, const Scope& scope);
  Binding share(Relation relation);
  ExprRef share_scalar(ExprRef value);
  std::optional<Relation> call_table(const ast::Call& call, const LetFunction& function, Span span);
  ExprRef call_scalar(const ast::Call& call, const LetFunction& function, Span span);
  std::optional<Scope> arguments_scope(const ast::Call& call, const LetFunction& function);
  bool is_tabular(const ast::Expr& expr) const;
  bool lambda_is_tabular(const LetFunction& function, int depth = 0) const;
  void check_lambda(const ast::Lambda& lambda);
  Relation scalar_query(const ast::Expr& body);

  // --- tables: tables.cc ---
  Relation relation(const ast::Expr& expr);
  Relation named_relation(const std::string& name, Span span);
  Relation pipeline(const ast::Pipeline& pipeline, Span span);
  Relation datatable(const ast::DataTable& form);
  Relation print(const ast::Print& form);
  Relation range(const ast::Range& form);
  Relation called_relation(const ast::Call& call, Span span);
  ExprRef cell(ExprRef value, const ast::NamedType& column, Span span);
  void narrow(Relation& input);
  Relation scan(const Table& table);
  Relation reference(const LetTable& table);
  Relation broken();
  void apply(const ast::Operator& op, Relation& input);

  // --- operators: operators.cc, columns.cc, summarize.cc, join.cc, rows.cc ---
  void operate(const ast::BadOperator& form, Relation& input);
  void operate(const ast::Where& form, Relation& input);
  void operate(const ast::Extend& form, Relation& input);
  void operate(const ast::Project& form, Relation& input);
  void operate(const ast::ProjectPick& form, Relation& input);
  void operate(const ast::ProjectRename& form, Relation& input);
  void operate(const ast::Summarize& form, Relation& input);
  void operate(const ast::Distinct& form, Relation& input);
  void operate(const ast::Take& form, Relation& input);
  void operate(const ast::Sample& form, Relation& input);
  void operate(const ast::Count& form, Relation& input);
  void operate(const ast::Sort& form, Relation& input);
  void operate(const ast::Top& form, Relation& input);
  void operate(const ast::Join& form, Relation& input);
  void operate(const ast::MvExpand& form, Relation& input);
  void operate(const ast::MvApply& form, Relation& input);
  ExprRef search_condition(const ast::Expr& node);
  ExprRef search_text(const std::string& text);
  bool expand(std::span<const ast::ExpandItem> items, std::span<const ast::Property> properties,
              const ast::Expr* limit, bool legacy, Relation& input);
  void operate(const ast::Union& form, Relation& input);
  void operate(const ast::As& form, Relation& input);
  void operate(const ast::Serialize& form, Relation& input);
  void operate(const ast::Render& form, Relation& input);
  void operate(const ast::Parse& form, Relation& input);
  void operate(const ast::Search& form, Relation& input);
  void operate(const ast::GetSchema& form, Relation& input);

  void sort_by(std::span<const ast::SortKey> keys, Relation& input);
  std::optional<std::int64_t> row_count(const ast::Expr& expr);
  ExprRef row_count_expr(const ast::Expr& expr);
  std::vector<std::size_t> matching(const ast::Pattern& pattern, const Relation& input);
  bool summarize_aggregate(const ast::Assignment& assignment, plan::Aggregate& aggregate,
                           std::vector<plan::NamedColumn>& columns,
                           std::vector<plan::Output>& outputs, int& unnamed);
  static bool in_star(const plan::NamedColumn& candidate,
                      const std::vector<std::pair<std::string, ExprRef>>& values,
                      const std::vector<plan::NamedColumn>& columns);
  bool row_pick(const ast::Call& call, const ast::Assignment& assignment,
                plan::Aggregate& aggregate, std::vector<plan::NamedColumn>& columns,
                std::vector<plan::Output>& outputs);
  bool percentiles(const ast::Call& call, const ast::Assignment& assignment,
                   plan::Aggregate& aggregate, std::vector<plan::NamedColumn>& columns,
                   std::vector<plan::Output>& outputs);
  ExprRef aggregate_call(const ast::Call& call, Span span);
  std::optional<plan::JoinKind> join_kind(const ast::Join& form);
  bool join_condition(const ast::Expr& condition, const Relation& left, const Relation& right,
                      plan::Join& join, std::vector<std::string>& key_names);
  bool join_pair(ExprRef left, ExprRef right, Span span, plan::Join& join);
  void lookup(const ast::Join& form, Relation& input);
  Relation union_of(std::vector<std::pair<std::string, Relation>> inputs, const ast::Union& form);

  // --- names: names.cc ---
  std::optional<std::string> implied_name(const ast::Expr& expr) const;
  // A name not yet among `columns`: name, name1, name2...
  static std::string unique_name(std::string name, const std::vector<plan::NamedColumn>& columns);
  // Adds the column, under its own name (an error if taken) or the implied one.
  void add_column(const ast::Assignment& assignment, ExprRef value, ColumnId id, int& unnamed,
                  std::vector<plan::NamedColumn>& columns);
  bool declare(const ast::Name& name, const std::vector<plan::NamedColumn>& columns);

  // --- expressions: expressions.cc, operators_scalar.cc, calls.cc ---
  ExprRef expr(const ast::Expr& expr);
  ExprRef expr(const ast::Expr* node) { return expr(*node); }
  ExprRef boolean(const ast::Expr& node, std::string_view what);
  ExprRef form(const ast::Missing& form, Span span);
  ExprRef form(const ast::Literal& form, Span span);
  ExprRef form(const ast::NameRef& form, Span span);
  ExprRef form(const ast::Member& form, Span span);
  ExprRef form(const ast::Index& form, Span span);
  ExprRef form(const ast::Call& form, Span span);
  ExprRef form(const ast::Negate& form, Span span);
  ExprRef form(const ast::Binary& form, Span span);
  ExprRef form(const ast::Logic& form, Span span);
  ExprRef form(const ast::Compare& form, Span span);
  ExprRef form(const ast::TextMatch& form, Span span);
  ExprRef form(const ast::SetMatch& form, Span span);
  ExprRef form(const ast::Between& form, Span span);
  ExprRef form(const ast::Star& form, Span span);
  ExprRef form(const ast::TypeOf& form, Span span);
  ExprRef form(const ast::Pipeline& form, Span span);
  ExprRef form(const ast::DataTable& form, Span span);
  ExprRef form(const ast::Print& form, Span span);
  ExprRef form(const ast::Range& form, Span span);
  ExprRef form(const ast::SourceOperator& form, Span span);
  ExprRef form(const ast::Lambda& form, Span span);
  ExprRef not_scalar(Span span);
  // Reports a constant that is no regular expression (RE2).
  bool check_regex(ExprRef pattern, Span span);
  void unknown_column(const std::string& name, Span span);

  ExprRef member(ExprRef base, plan::Step step, Span span);
  ExprRef arithmetic(ast::BinaryOp op, ExprRef left, ExprRef right, Span span);
  ExprRef in_list(const ast::SetMatch& form, ExprRef value);
  ExprRef in_table(const ast::SetMatch& form, ExprRef value, const ast::Expr& table);
  ExprRef has_list(const ast::SetMatch& form, ExprRef text);
  std::vector<ExprRef> list_items(const ast::SetMatch& form, std::optional<Type> wanted,
                                  bool& failed);

  ExprRef special_call(const ast::Call& call, Span span, bool& known);
  ExprRef format_datetime_call(const ast::Call& call, Span span);
  ExprRef now_call(const ast::Call& call, Span span);
  ExprRef as_json(ExprRef value);
  ExprRef quoted_json(ExprRef text);
  ExprRef form_star_without_rows(Span span);
  ExprRef choose(const ast::Call& call, Span span);
  ExprRef extract_json(const ast::Call& call, Span span);
  ExprRef extract_typed(const ast::Call& call, Span span);
  ExprRef to_scalar(const ast::Call& call, Span span);
  ExprRef pack(const ast::Call& call, Span span);
  ExprRef pack_array(const ast::Call& call, Span span);
  ExprRef pack_all(const ast::Call& call, Span span);
  ExprRef column_if_exists(const ast::Call& call, Span span);
  ExprRef overloaded(const ast::Call& call, functions::Kind kind, Span span);
  struct Choice {
    const functions::Overload* overload = nullptr;
    std::vector<ExprRef> arguments;
    Type result = Type::String;
  };
  std::optional<Choice> resolve(const ast::Name& name,
                                std::span<const functions::Overload> overloads,
                                std::vector<ExprRef> arguments, Span span,
                                std::span<const Span> argument_spans);
  bool check_constants(const ast::Name& name, const Choice& choice, std::span<const Span> spans);
  void unknown_function(const ast::Name& name);
  bool bind_arguments(const ast::Call& call, std::vector<ExprRef>& out, std::vector<Span>& spans);
  bool argument_count(const ast::Call& call, std::size_t least, std::size_t most, Span span);

  // --- building: build.cc ---
  template <class Form>
  ExprRef make(Type type, bool nullable, std::uint32_t weight, Form form);
  ExprRef constant(Value value);
  ExprRef column(const plan::NamedColumn& column);
  ExprRef convert(ExprRef value, Type to);
  ExprRef apply_overload(const functions::Overload& overload, std::vector<ExprRef> arguments,
                         Type result);
  // The type that values of both can be brought to without a word of the user; nullopt: none.
  static std::optional<Type> common_type(Type a, Type b);
  // Constants written as text, where a datetime, timespan or guid stands on the other side.
  ExprRef literal_as(ExprRef value, Type type);
  template <class Form>
  const plan::Node* node(Form form) {
    return plan_.nodes.make(std::move(form));
  }
  ColumnId new_column() { return next_column_++; }
  static std::uint32_t weight_of(std::span<const ExprRef> values);
  static std::uint32_t weight_of(std::span<const ExprRef> values,
                                 const functions::Overload& overload);

  const ast::Tree& tree_;
  const Catalogue& catalogue_;
  Ticks now_;
  Diagnostics& diagnostics_;
  plan::Plan plan_;
  ColumnId next_column_ = 0;
  int expansions_ = 0;
  int depth_ = 0;

  // Where names are looked up now.
  const Scope* scope_ = nullptr;
  const Relation* rows_ = nullptr;
  const Relation* left_ = nullptr;  // $left, within join's "on"
  const Relation* right_ = nullptr;
  const Relation* outside_ = nullptr;  // what a sourceless pipeline reads: mv-apply
  AggregateContext* aggregates_ = nullptr;
  const Relation* summarized_ = nullptr;  // what aggregates read
  Scope* open_scope_ = nullptr;           // where "as" adds its name
  Span operator_span_;
};

}  // namespace kql::bind
