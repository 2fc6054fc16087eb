// What can be named at a place, for completion.
#include "kql/bind/visible.h"

#include <array>
#include <set>

#include "kql/bind/build.h"

namespace kql::bind {
namespace {

std::vector<Column> plain(const Relation& table) {
  std::vector<Column> out;
  for (const plan::NamedColumn& column : table.columns)
    out.push_back({column.name, column.type});
  return out;
}

Visible::Bound described(const std::string& name, const Binding& binding) {
  if (const auto* function = std::get_if<LetFunction>(&binding))
    return {name, Visible::Kind::Function, function->lambda};
  const bool table = std::holds_alternative<LetTable>(binding);
  return {name, table ? Visible::Kind::Table : Visible::Kind::Value, nullptr};
}

}  // namespace

std::span<const std::string_view> plugin_names() {
  static constexpr std::array<std::string_view, 8> kNames{"active_users_count",
                                                          "bag_unpack",
                                                          "dcount_intersect",
                                                          "ipv4_lookup",
                                                          "ipv6_lookup",
                                                          "narrow",
                                                          "pivot",
                                                          "rolling_percentile"};
  return kNames;
}

std::span<const std::string_view> chart_names() {
  static constexpr std::array<std::string_view, 16> kNames{
      "anomalychart", "areachart", "barchart",   "card",   "columnchart",  "ladderchart",
      "linechart",    "piechart",  "pivotchart", "plotly", "scatterchart", "stackedareachart",
      "table",        "timechart", "timepivot",  "treemap"};
  return kNames;
}

void Binder::note_names() {
  if (visible_ == nullptr || visible_->exact) return;
  visible_->bound.clear();
  std::set<std::string_view> known;  // an inner name hides an outer one
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->outer) {
    for (const auto& [name, binding] : scope->names) {
      if (known.insert(name).second) visible_->bound.push_back(described(name, binding));
    }
  }
}

// Behind the last statement, unless that is itself what is being written.
void Binder::note_names_after(const ast::Query& form) {
  if (visible_ == nullptr) return;
  if (!form.lets.empty() && form.lets.back().value->span.end >= visible_->last_token_end) return;
  note_names();
}

void Binder::note_missing(Span span) {
  if (visible_ == nullptr || span.end < visible_->end || visible_->exact) return;
  note_names();
  visible_->exact = true;
  visible_->aggregates = aggregates_ != nullptr && rows_ == nullptr;
  const Relation* rows = rows_ != nullptr ? rows_ : aggregates_ != nullptr ? summarized_ : nullptr;
  // Behind a join's 'on', and in operators that only the grammar knows to be unfinished, the
  // operator's own rows stay.
  if (rows == nullptr) return;
  visible_->rows = true;
  visible_->columns = plain(*rows);
}

// A call whose arguments are too few to be looked at, yet.
void Binder::note_call(Span span) {
  if (visible_ == nullptr || visible_->exact || span.end < visible_->last_token_end) return;
  note_names();
  const Relation* rows = rows_ != nullptr ? rows_ : aggregates_ != nullptr ? summarized_ : nullptr;
  if (rows == nullptr) return;
  visible_->rows = true;
  visible_->columns = plain(*rows);
}

void Binder::note_operator(const ast::Operator& op, const Relation& input) {
  if (visible_ == nullptr || op.span.end < visible_->last_token_end || visible_->exact) return;
  note_names();
  visible_->rows = true;
  visible_->columns = plain(input);
  visible_->left.clear();
  visible_->right.clear();
}

void Binder::note_sides(const Relation& left, const Relation& right) {
  if (visible_ == nullptr || visible_->exact || !visible_->rows) return;
  visible_->left = plain(left);
  visible_->right = plain(right);
}

// A function is bound where it is called; in one that is being written, its parameters stand for
// any values.
void Binder::explore(const ast::Lambda& lambda, Span span, const Scope& scope) {
  if (visible_ == nullptr || span.end < visible_->last_token_end) return;
  Scope parameters;
  parameters.outer = &scope;
  for (const ast::Parameter& parameter : lambda.parameters) {
    if (!parameter.tabular) {
      const Value any =
          parameter.type == Type::String ? Value::text("") : Value::null(parameter.type);
      parameters.names.emplace(parameter.name.text, LetScalar{constant(any)});
      continue;
    }
    Relation table;
    plan::Rows rows;
    for (const ast::NamedType& column : parameter.columns) {
      const ColumnId id = new_column();
      rows.columns.emplace_back(id, column.type);
      table.columns.push_back({column.name.text, column.type, id, column.type != Type::String});
    }
    table.incomplete = parameter.columns.empty();
    table.node = node(std::move(rows));
    parameters.names.emplace(parameter.name.text, share(std::move(table)));
  }
  const Relation* rows_before = std::exchange(rows_, nullptr);
  query(*lambda.body, &parameters);
  rows_ = rows_before;
}

}  // namespace kql::bind
