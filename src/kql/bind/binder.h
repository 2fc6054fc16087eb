#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kql/ast/ast.h"
#include "kql/bind/bind.h"
#include "kql/bind/scope.h"
#include "kql/bind/visible.h"
#include "kql/catalogue.h"
#include "kql/functions/function.h"
#include "kql/plan/plan.h"
#include "kql/source.h"
#include "kql/ticks.h"

namespace kql::bind {

class Binder {
 public:
  Binder(const ast::Tree& tree, const Catalogue& catalogue, const Settings& settings,
         Diagnostics& diagnostics);
  std::optional<plan::Plan> run();

 private:
  static constexpr std::uint32_t kMaxWeight = 20'000;
  static constexpr std::uint32_t kInlineWeight = 24;
  static constexpr int kMaxExpansions = 200;
  static constexpr int kMaxDepth = 32;
  static constexpr std::size_t kMaxNodes = 20'000;
  static constexpr std::size_t kMaxColumns = 1'000;
  static constexpr std::size_t kMaxPercentiles = 100;
  static constexpr std::size_t kMaxSteps = 16;

  // --- statements: binder.cc ---
  Relation query(const ast::Query& query, const Scope* outer);
  // parameters.cc
  void bind_parameters(const ast::Query& query, Scope& scope);
  ExprRef parameter_value(const ast::Parameter& parameter);
  ExprRef given_value(const ast::Parameter& parameter, const base::json::Value& given);
  ExprRef default_value(const ast::Parameter& parameter);
  void check_given(const ast::Query& top);
  void bind_lets(const ast::Query& query, Scope& scope);
  Binding let_value(const ast::Expr& value, const Scope& scope);
  Binding share(Relation relation);
  ExprRef share_scalar(ExprRef value);
  std::optional<Relation> call_table(const ast::Call& call, const LetFunction& function,
                                     Relation* piped);
  ExprRef call_scalar(const ast::Call& call, const LetFunction& function, Span span);
  std::optional<Scope> arguments_scope(const ast::Call& call, const LetFunction& function,
                                       Relation* piped);
  std::optional<std::vector<const ast::Expr*>> match_arguments(const ast::Call& call,
                                                               const LetFunction& function,
                                                               bool piped);
  bool table_argument(const ast::Parameter& parameter, Relation table, Span span, Scope& scope);
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
  void within_time_range(Relation& table);
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
  ExprRef parse_input(const ast::Parse& form, const Relation& input);
  void operate(const ast::Search& form, Relation& input);
  void operate(const ast::GetSchema& form, Relation& input);
  void operate(const ast::ParseKv& form, Relation& input);
  struct PairsManner;
  static std::optional<PairsManner> pairs_manner(const ast::ParseKv& form,
                                                 Diagnostics& diagnostics);
  ExprRef pairs_bag(const ast::ParseKv& form, const PairsManner& manner, ExprRef text);
  void operate(const ast::MakeSeries& form, Relation& input);
  void operate(const ast::TopNested& form, Relation& input);
  void operate(const ast::Evaluate& form, Relation& input);
  void operate(const ast::Invoke& form, Relation& input);
  void operate(const ast::SampleDistinct& form, Relation& input);
  void operate(const ast::Partition& form, Relation& input);
  void operate(const ast::Reduce& form, Relation& input);
  void operate(const ast::Scan& form, Relation& input);

  // --- scan.cc ---
  std::optional<std::size_t> scan_step(std::string_view name) const;
  ExprRef scan_member(std::size_t step, const ast::Name& column, Span span);
  ExprRef scan_empty(const ast::ScanColumn& column);
  bool scan_declare(const ast::Scan& form, Relation& out, plan::Sequence& sequence);
  bool scan_bind(const ast::ScanStep& step, std::size_t index, plan::Sequence& sequence);
  ExprRef scan_value(const ast::ScanStep& step, const ast::ScanColumn& column);

  // --- nested_others.cc ---
  struct OthersLevel;
  bool nested_measure(const ast::NestedLevel& level, const Relation& rows,
                      plan::Aggregate& aggregate, ExprRef& measure);
  bool others_level(const ast::NestedLevel& level, Relation& rows, std::vector<OthersLevel>& levels,
                    std::vector<plan::NamedColumn>& names);
  bool nested_with_others(const ast::TopNested& form, Relation& input);

  // --- make_series.cc, nested.cc, evaluate.cc ---
  bool series_bounds(const ast::MakeSeries& form, plan::MakeSeries& series);
  ExprRef series_axis(const ast::MakeSeries& form);
  bool series_value(const ast::SeriesAggregate& item, plan::Aggregate& aggregate,
                    const std::vector<plan::NamedColumn>& keys,
                    std::vector<plan::NamedColumn>& values, std::vector<plan::Output>& outputs,
                    plan::MakeSeries& series, int& unnamed);
  const plan::Node* nested_input(const Relation& input, const plan::Node* kept,
                                 std::span<const NestedKey> keys);
  bool nested_level(const ast::NestedLevel& level, const Relation& input, const plan::Node*& kept,
                    std::vector<NestedKey>& keys, std::vector<plan::NamedColumn>& columns);
  std::optional<Probed> ask(const plan::Node* table, std::vector<plan::NamedColumn> columns,
                            std::string_view around);
  void unasked(Span span);
  const std::string* plugin_text(const ast::Assignment& argument);
  std::optional<std::vector<std::pair<std::string, Type>>> bag_properties(ExprRef bag,
                                                                          const plan::Node* table,
                                                                          Span span);
  bool bag_unpack(const ast::Evaluate& form, const ast::Call& call, Relation& input);
  std::optional<plan::AggregateCall> pivoted(const plan::AggregateCall& call, ExprRef is_value);
  bool pivot(const ast::Evaluate& form, const ast::Call& call, Relation& input);
  bool narrow_rows(const ast::Evaluate& form, const ast::Call& call, Relation& input);
  std::optional<std::vector<std::string>> ignored_properties(const ast::Assignment& argument);

  // --- plugins.cc ---
  bool address_lookup(const ast::Evaluate& form, const ast::Call& call, Relation& input);
  bool dcount_intersect(const ast::Evaluate& form, const ast::Call& call, Relation& input);
  bool rolling_percentile(const ast::Evaluate& form, const ast::Call& call, Relation& input);
  bool active_users_count(const ast::Evaluate& form, const ast::Call& call, Relation& input);
  // The rows with a column more that numbers them in their order, named "$row".
  Relation numbered(const Relation& input);
  // A column of the call's argument, in `table`; nullptr after an error.
  const plan::NamedColumn* named_column(const ast::Assignment& argument, const Relation& table);
  std::optional<std::int64_t> whole_argument(const ast::Assignment& argument, std::int64_t least,
                                             std::int64_t most);
  // An inner or outer join on equal values, nulls included.
  static plan::Join pairing(plan::JoinKind kind, const Relation& left, const Relation& right);
  static bool uses(ExprRef expression, ColumnId id);

  // --- visible.cc: for completion ---
  void note_names();
  void note_names_after(const ast::Query& form);
  void note_missing(Span span);
  void note_call(Span span);
  void note_operator(const ast::Operator& op, const Relation& input);
  void note_sides(const Relation& left, const Relation& right);
  void explore(const ast::Lambda& lambda, Span span, const Scope& scope);

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
  std::vector<ast::Call> percentile_calls(const ast::Call& call);
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

  // --- shredded.cc: properties of JSON objects that tables keep as columns ---
  void use_hidden(ColumnId id);
  void see_hidden(const Table& table, plan::Scan& scan, Relation& out);
  ExprRef shredded_member(ExprRef base, const plan::Step& step);
  ExprRef shredded_value(ExprRef property, Type to);
  ExprRef searched_first(ExprRef match);
  static std::vector<plan::Hidden> hidden_of(const std::vector<ShreddedColumn>& shredded);
  static void follow_shredded(const std::vector<plan::Output>& outputs,
                              const std::vector<ShreddedColumn>& input,
                              std::vector<ShreddedColumn>& out);
  void refer_hidden(const LetTable& table, plan::SharedRef& form, Relation& out);

  // --- names: names.cc ---
  std::optional<std::string> implied_name(const ast::Expr& expr) const;
  // A name not yet among `columns`: name, name1, name2...
  static std::string unique_name(std::string name, const std::vector<plan::NamedColumn>& columns);
  // Adds the column, under its own name (an error if taken) or the implied one.
  void add_column(const ast::Assignment& assignment, ExprRef value, ColumnId id, int& unnamed,
                  std::vector<plan::NamedColumn>& columns);
  // A column of that name gives way to the new one, in its place.
  static void set_column(std::vector<plan::NamedColumn>& columns, plan::NamedColumn column);
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

  // --- tuples.cc: functions that give several values, with the names of their columns ---
  using Tuple = std::vector<std::pair<std::string, ExprRef>>;
  // nullopt: no such function. Empty: wrong, and reported.
  std::optional<Tuple> tuple(const ast::Expr& node);
  std::optional<Tuple> sorted_arrays(const ast::Call& call);
  ExprRef tuple_part(ExprRef array, std::size_t index, Type type);
  struct Made {
    ast::Assignment assignment;
    ExprRef value;
    bool generated = false;  // the name is not the query's: a number behind it when it is taken
  };
  static void settle(Made& made, const std::vector<plan::NamedColumn>& columns);
  std::vector<Made> made_columns(const ast::Assignment& assignment);
  void extend_one(const Made& made, ColumnId id, int& unnamed,
                  std::vector<plan::NamedColumn>& added, std::vector<plan::NamedColumn>& columns);

  // --- windows.cc ---
  ExprRef window_call(const ast::Call& call, Span span);
  ExprRef window_default(ExprRef value, ExprRef otherwise, Span span);
  bool session_spans(const ast::Call& call, std::span<const ExprRef> arguments,
                     plan::Window& window);

  ExprRef special_call(const ast::Call& call, Span span, bool& known);
  ExprRef format_datetime_call(const ast::Call& call, Span span);
  ExprRef ingestion_time(const ast::Call& call, Span span);
  ExprRef now_call(const ast::Call& call, Span span);
  ExprRef as_json(ExprRef value);
  ExprRef quoted_json(ExprRef text);
  ExprRef whole_or_null(ExprRef value);
  ExprRef form_star_without_rows(Span span);
  ExprRef choose(const ast::Call& call, Span span);
  ExprRef extract_json(const ast::Call& call, Span span);
  ExprRef extract_typed(const ast::Call& call, Span span);
  ExprRef to_scalar(const ast::Call& call, Span span);
  ExprRef pack(const ast::Call& call, Span span);
  ExprRef pack_array(const ast::Call& call, Span span);
  ExprRef pack_all(const ast::Call& call, Span span);
  ExprRef column_if_exists(const ast::Call& call, Span span);

  // --- calls_more.cc ---
  ExprRef is_column(const ast::Call& call, Span span);
  ExprRef pack_columns(const ast::Call& call, Span span);
  ExprRef bin_auto(const ast::Call& call, Span span);
  ExprRef hash_many(const ast::Call& call, Span span);
  ExprRef estimate_size(const ast::Call& call, Span span);
  ExprRef typed_percentile(const ast::Call& call, Span span);
  const ast::Expr* option(std::string_view name) const;
  // The function of the table over values that are bound already.
  ExprRef call_of(std::string_view name, std::vector<ExprRef> arguments, Span span);
  ExprRef overloaded(const ast::Call& call, functions::Kind kind, Span span);
  struct Choice {
    const functions::Overload* overload = nullptr;
    std::vector<ExprRef> arguments;
    Type result = Type::String;
  };
  // How well an overload fits the arguments: the lower the cost, the better.
  struct Fit {
    const functions::Overload* overload = nullptr;
    int cost = 0;
    Type common = Type::String;    // of its generic parameters
    std::size_t bad_argument = 0;  // the last one looked at
  };
  static int cost_of(const functions::Parameter& parameter, Type type, std::optional<Type>& common);
  static Fit fit_of(const functions::Overload& overload, std::span<const ExprRef> arguments);
  std::optional<Choice> take(const ast::Name& name, const Fit& fit,
                             std::span<const ExprRef> arguments, std::span<const Span> spans);
  std::optional<Choice> resolve(const ast::Name& name,
                                std::span<const functions::Overload> overloads,
                                std::vector<ExprRef> arguments, Span span,
                                std::span<const Span> argument_spans);
  bool check_constants(const ast::Name& name, const Choice& choice, std::span<const Span> spans);
  bool check_format(std::string_view format, Span span);
  void check_unit(const ast::Name& name, std::string_view unit, Span span);
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
  std::optional<TimeRange> time_range_;
  Diagnostics& diagnostics_;
  plan::Plan plan_;
  Arena<ast::Expr> made_;  // nodes that stand for several of the query's
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
  ScanContext* scan_ = nullptr;
  // The table below the operator that is bound, where functions that look at other rows add to it.
  const plan::Node** window_input_ = nullptr;
  // Hidden columns that are copies: first id, and the first id and the number of those they copy.
  std::map<ColumnId, std::pair<ColumnId, std::size_t>> hidden_copies_;
  // The datetime beside a property's column.
  std::map<ColumnId, ColumnId> hidden_datetimes_;
  const Probe& probe_;
  const Parameters* parameters_;
  bool lenient_;
  Visible* visible_;
  Span operator_span_;
};

}  // namespace kql::bind
