// make-series: aggregates of each step of an axis, as arrays.

#include "kql/bind/build.h"

namespace kql::bind {
namespace {

bool fits_axis(Type axis, Type bound) {
  return bound == axis || (is_numeric(axis) && is_numeric(bound));
}

Type step_type(Type axis) {
  return axis == Type::DateTime ? Type::TimeSpan : axis;
}

}  // namespace

// from, to and step, brought to the axis' type; false after an error. Columns are not seen there.
bool Binder::series_bounds(const ast::MakeSeries& form, plan::MakeSeries& series) {
  const Relation* before = std::exchange(rows_, nullptr);
  bool good = true;
  const auto bind = [&](const ast::Expr* bound, Type wanted) -> ExprRef {
    if (bound == nullptr) return nullptr;
    const ExprRef value = expr(bound);
    if (value == nullptr) {
      good = false;
      return nullptr;
    }
    if (!fits_axis(wanted, value->type) && value->type != Type::Dynamic) {
      diagnostics_.error(bound->span, fmt::format("expected a value of type {}, found {}",
                                                  type_name(wanted), type_name(value->type)));
      good = false;
      return nullptr;
    }
    return convert(value, wanted);
  };
  series.from = bind(form.from, series.axis_type);
  series.to = bind(form.to, series.axis_type);
  series.step = bind(form.step, step_type(series.axis_type));
  series.inclusive = form.inclusive;
  rows_ = before;
  return good && series.step != nullptr;
}

// The axis' column; nullptr when there is none, or it has no steps.
ExprRef Binder::series_axis(const ast::MakeSeries& form) {
  ExprRef axis = expr(form.axis.value);
  if (axis == nullptr) return nullptr;
  if (axis->type == Type::Int) axis = convert(axis, Type::Long);
  const bool steps = axis->type == Type::Long || axis->type == Type::Real ||
                     axis->type == Type::DateTime || axis->type == Type::TimeSpan;
  if (steps) return axis;
  diagnostics_.error(form.axis.value->span,
                     fmt::format("'make-series' needs an axis of type datetime, timespan, long or "
                                 "real, found {}",
                                 type_name(axis->type)));
  return nullptr;
}

void Binder::operate(const ast::MakeSeries& form, Relation& input) {
  if (input.node == nullptr || form.step == nullptr) {
    input.incomplete = true;
    return;
  }
  plan::MakeSeries series{};
  plan::Aggregate aggregate{nullptr, {}, {}, {}};
  std::vector<plan::NamedColumn> columns;
  std::vector<plan::Output> outputs;
  bool failed = false;
  int unnamed = 0;
  const Relation* before = std::exchange(rows_, &input);
  for (const ast::Assignment& key : form.keys) {
    const ExprRef value = expr(key.value);
    if (value == nullptr) {
      failed = true;
      continue;
    }
    const ColumnId id = new_column();
    aggregate.keys.push_back({id, value});
    series.keys.push_back(id);
    add_column(key, value, id, unnamed, columns);
    outputs.push_back({id, make(value->type, value->nullable, 1, plan::ColumnRef{id})});
  }
  const ExprRef axis = series_axis(form);
  if (axis != nullptr) series.axis_type = axis->type;
  failed = failed || axis == nullptr || !series_bounds(form, series);
  if (failed) {
    rows_ = before;
    input.incomplete = true;
    return;
  }
  // The axis' value as a number of the step: the one thing beside the keys to group by.
  const ColumnId axis_id = new_column();
  series.index = new_column();
  const plan::Node* valued = node(plan::Extend{input.node, {{axis_id, axis}}});
  const ExprRef axis_column = make(axis->type, axis->nullable, 1, plan::ColumnRef{axis_id});
  aggregate.input = node(plan::SeriesIndex{valued, axis_column, series.axis_type, series.from,
                                           series.to, series.step, series.inclusive, series.index});
  aggregate.keys.push_back(
      {series.index, make(Type::Long, false, 1, plan::ColumnRef{series.index})});
  outputs.push_back({series.index, make(Type::Long, false, 1, plan::ColumnRef{series.index})});
  const Relation* outer = std::exchange(summarized_, &input);
  std::vector<plan::NamedColumn> values;
  for (const ast::SeriesAggregate& each : form.aggregates) {
    failed = !series_value(each, aggregate, columns, values, outputs, series, unnamed) || failed;
  }
  summarized_ = outer;
  // The axis comes behind the series.
  series.axis = new_column();
  const plan::NamedColumn axis_named{"", Type::Dynamic, series.axis, false};
  columns.insert(columns.end(), values.begin(), values.end());
  const ast::Assignment axis_name{form.axis.names, form.axis.value, form.axis.span};
  add_column(axis_name, column(axis_named), series.axis, unnamed, columns);
  rows_ = before;
  if (failed) {
    input.incomplete = true;
    return;
  }
  series.input = node(plan::Project{node(std::move(aggregate)), std::move(outputs)});
  input.node = node(std::move(series));
  input.columns = std::move(columns);
}

// One series: its aggregate as a dynamic value, and what stands where there are no rows.
bool Binder::series_value(const ast::SeriesAggregate& item, plan::Aggregate& aggregate,
                          const std::vector<plan::NamedColumn>& keys,
                          std::vector<plan::NamedColumn>& values,
                          std::vector<plan::Output>& outputs, plan::MakeSeries& series,
                          int& unnamed) {
  AggregateContext context;
  aggregates_ = &context;
  const Relation* before = std::exchange(rows_, nullptr);
  const ExprRef value = expr(item.value.value);
  rows_ = before;
  if (value == nullptr || context.calls.empty()) {
    if (value != nullptr) {
      diagnostics_.error(item.value.value->span, "expected an aggregate such as count() or avg(x)");
    }
    aggregates_ = nullptr;
    return false;
  }
  std::vector<plan::NamedColumn> all = keys;
  all.insert(all.end(), values.begin(), values.end());
  const ColumnId source = new_column();
  const ColumnId id = new_column();
  const std::size_t known = all.size();
  add_column(item.value, value, id, unnamed, all);
  aggregates_ = nullptr;
  if (all.size() == known) return false;
  plan::NamedColumn named = all.back();
  named.type = Type::Dynamic;
  named.nullable = false;
  values.push_back(named);
  for (plan::AggregateCall& each : context.calls)
    aggregate.calls.push_back(std::move(each));
  outputs.push_back({source, as_json(value)});
  ExprRef otherwise = constant(Value::of(Type::Long, 0));
  if (item.otherwise != nullptr) {
    const Relation* rows = std::exchange(rows_, nullptr);
    otherwise = expr(item.otherwise);
    rows_ = rows;
    if (otherwise == nullptr) return false;
  }
  if (otherwise->type != value->type && is_numeric(otherwise->type) && is_numeric(value->type)) {
    otherwise = convert(otherwise, value->type);
  }
  series.values.push_back({id, source, as_json(otherwise)});
  return true;
}

}  // namespace kql::bind
