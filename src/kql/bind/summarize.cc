#include <array>

#include "base/json.h"
#include "kql/bind/build.h"

namespace kql::bind {
namespace {

std::optional<plan::RowPick::Kind> row_pick_kind(std::string_view name) {
  if (name == "arg_max" || name == "argmax") return plan::RowPick::Kind::Max;
  if (name == "arg_min" || name == "argmin") return plan::RowPick::Kind::Min;
  if (name == "take_any" || name == "any") return plan::RowPick::Kind::Any;
  return std::nullopt;
}

// Several percentiles at once: of values, or of values with weights; as columns or as an array.
struct PercentilesKind {
  std::string_view name;
  std::string_view one;  // the aggregate of a single one
  std::size_t values;    // arguments before the percentages
  bool array;
};
constexpr std::array kPercentiles{
    PercentilesKind{"percentiles", "percentile", 1, false},
    PercentilesKind{"percentiles_array", "percentile", 1, true},
    PercentilesKind{"percentilesw", "percentilew", 2, false},
    PercentilesKind{"percentilesw_array", "percentilew", 2, true},
};
const PercentilesKind* percentiles_kind(std::string_view name) {
  for (const PercentilesKind& each : kPercentiles) {
    if (each.name == name) return &each;
  }
  return nullptr;
}

}  // namespace

void Binder::operate(const ast::Summarize& form, Relation& input) {
  plan::Aggregate aggregate{input.node, {}, {}, {}};
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
    if (value->type == Type::Dynamic) {
      diagnostics_.error(key.value->span,
                         "dynamic values cannot be grouped by; convert them first, for "
                         "example with tostring()");
      continue;
    }
    const ColumnId id = new_column();
    aggregate.keys.push_back({id, value});
    add_column(key, value, id, unnamed, columns);
    outputs.push_back({id, make(value->type, value->nullable, 1, plan::ColumnRef{id})});
  }
  const Relation* outer = std::exchange(summarized_, &input);
  for (const ast::Assignment& each : form.aggregates) {
    if (!summarize_aggregate(each, aggregate, columns, outputs, unnamed)) failed = true;
  }
  summarized_ = outer;
  rows_ = before;
  input.incomplete = input.incomplete || failed;
  if (form.keys.empty() && form.aggregates.empty()) {
    diagnostics_.error(operator_span_,
                       "'summarize' needs an aggregate, or 'by' and what to group by");
  }
  input.node = node(plan::Project{node(std::move(aggregate)), std::move(outputs)});
  input.columns = std::move(columns);
}

// One item before "by": an aggregate, or an expression over aggregates.
bool Binder::summarize_aggregate(const ast::Assignment& assignment, plan::Aggregate& aggregate,
                                 std::vector<plan::NamedColumn>& columns,
                                 std::vector<plan::Output>& outputs, int& unnamed) {
  const auto* call = std::get_if<ast::Call>(&assignment.value->form);
  if (call != nullptr && row_pick_kind(call->name.text)) {
    return row_pick(*call, assignment, aggregate, columns, outputs);
  }
  if (call != nullptr && percentiles_kind(call->name.text)) {
    return percentiles(*call, assignment, aggregate, columns, outputs);
  }
  AggregateContext context;
  aggregates_ = &context;
  // A column outside every aggregate has no single value in a group: none is visible there.
  const Relation* before = std::exchange(rows_, nullptr);
  const ExprRef value = expr(assignment.value);
  rows_ = before;
  if (value != nullptr && context.calls.empty()) {
    diagnostics_.error(assignment.value->span,
                       "expected an aggregate such as count() or max(x) before 'by'");
  }
  const bool good = value != nullptr && !context.calls.empty();
  if (good) {
    const ColumnId id = new_column();
    add_column(assignment, value, id, unnamed, columns);
    outputs.push_back({id, value});
    for (plan::AggregateCall& each : context.calls)
      aggregate.calls.push_back(std::move(each));
  }
  aggregates_ = nullptr;
  return good;
}

// Within the context of a summarize: the call becomes a column of the aggregation.
ExprRef Binder::aggregate_call(const ast::Call& call, Span span) {
  AggregateContext* context = std::exchange(aggregates_, nullptr);
  const Relation* outer = std::exchange(rows_, summarized_);
  ExprRef out = nullptr;
  ast::Call plain = call;
  // count(x): today's language has no such thing, the workbooks that people have do.
  if (call.name.text == "count" && call.arguments.size() == 1) {
    diagnostics_.warning(span, "count() takes no argument; it counts rows, whatever their values");
    if (expr(call.arguments.front().value) != nullptr) plain.arguments.clear();
  }
  std::vector<ExprRef> arguments;
  std::vector<Span> spans;
  if (bind_arguments(plain, arguments, spans)) {
    const auto overloads = functions::find(call.name.text, functions::Kind::Aggregate);
    auto choice = resolve(call.name, overloads, std::move(arguments), span, spans);
    if (choice) {
      const ColumnId id = new_column();
      const bool nullable = choice->overload->entry->nulls != functions::Nulls::Never;
      context->calls.push_back(
          {id, choice->overload, std::move(choice->arguments), choice->result});
      out = make(choice->result, nullable, 1, plan::ColumnRef{id});
    }
  }
  rows_ = outer;
  aggregates_ = context;
  return out;
}

// arg_max(t, a, b), arg_max(t, *), take_any(a): columns of one row of each group.
bool Binder::row_pick(const ast::Call& call, const ast::Assignment& assignment,
                      plan::Aggregate& aggregate, std::vector<plan::NamedColumn>& columns,
                      std::vector<plan::Output>& outputs) {
  plan::RowPick pick{*row_pick_kind(call.name.text), nullptr, {}};
  const bool by_order = pick.kind != plan::RowPick::Kind::Any;
  if (!argument_count(call, 1, SIZE_MAX, assignment.value->span)) return false;
  std::vector<std::pair<std::string, ExprRef>> values;
  for (const ast::Assignment& argument : call.arguments) {
    if (std::holds_alternative<ast::Star>(argument.value->form)) {
      for (const plan::NamedColumn& each : rows_->columns) {
        if (in_star(each, values, columns)) values.emplace_back(each.name, column(each));
      }
      continue;
    }
    const ExprRef value = expr(argument.value);
    if (value == nullptr) return false;
    values.emplace_back(implied_name(*argument.value).value_or(""), value);
  }
  if (values.empty()) return false;
  if (columns.size() + values.size() > kMaxColumns) {
    diagnostics_.error(assignment.span, fmt::format("more than {} columns", kMaxColumns));
    return false;
  }
  if (by_order) {
    pick.by = values.front().second;
    if (pick.by->type == Type::Dynamic) {
      diagnostics_.error(
          call.arguments.front().span,
          fmt::format("'{}' cannot order dynamic values; convert them first, for example "
                      "with tolong()",
                      call.name.text));
      return false;
    }
  }
  if (assignment.names.size() > values.size()) {
    diagnostics_.error(assignment.span,
                       fmt::format("'{}' gives {} values here, not {}", call.name.text,
                                   values.size(), assignment.names.size()));
    return false;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    auto& [name, value] = values[i];
    if (i < assignment.names.size()) {
      if (!declare(assignment.names[i], columns)) return false;
      name = assignment.names[i].text;
    } else {
      if (name.empty()) name = pick.kind == plan::RowPick::Kind::Max ? "max_" : "min_";
      if (call.name.text == "any") name = "any_" + name;
      name = unique_name(name, columns);
    }
    const ColumnId id = new_column();
    pick.outputs.push_back({id, value});
    columns.push_back({name, value->type, id, value->type != Type::String});
    outputs.push_back({id, make(value->type, true, 1, plan::ColumnRef{id})});
  }
  aggregate.picks.push_back(std::move(pick));
  return true;
}

// '*' leaves out what the group or the call already has.
bool Binder::in_star(const plan::NamedColumn& candidate,
                     const std::vector<std::pair<std::string, ExprRef>>& values,
                     const std::vector<plan::NamedColumn>& columns) {
  for (const auto& [name, value] : values) {
    if (name == candidate.name) return false;
  }
  for (const plan::NamedColumn& key : columns) {
    if (key.name == candidate.name) return false;
  }
  return true;
}

// The percentages of the call, each as a call of its own; an array of constants counts as its
// elements. Empty: wrong, and reported.
std::vector<ast::Call> Binder::percentile_calls(const ast::Call& call) {
  const PercentilesKind& kind = *percentiles_kind(call.name.text);
  std::vector<ast::Call> out;
  const auto add = [&](const ast::Expr* percentage, Span span) {
    ast::Call one{{std::string(kind.one), call.name.span}, {}};
    for (std::size_t i = 0; i < kind.values; ++i)
      one.arguments.push_back(call.arguments[i]);
    one.arguments.push_back({{}, percentage, span});
    out.push_back(std::move(one));
  };
  for (std::size_t i = kind.values; i < call.arguments.size(); ++i) {
    const ast::Assignment& argument = call.arguments[i];
    const auto* literal = std::get_if<ast::Literal>(&argument.value->form);
    if (literal == nullptr || literal->value.type != Type::Dynamic) {
      add(argument.value, argument.span);
      continue;
    }
    const auto json = literal->value.is_null() ? base::json::Value()
                                               : *base::json::parse(*literal->value.if_text());
    const auto* items = json.if_array();
    for (std::size_t at = 0; items != nullptr && at < items->size(); ++at) {
      const base::json::Value& item = (*items)[at];
      const double* real = item.if_double();
      const std::int64_t* whole = item.if_int();
      if (real == nullptr && whole == nullptr) {
        diagnostics_.error(argument.span, "expected an array of numbers");
        return {};
      }
      const double number = real != nullptr ? *real : static_cast<double>(*whole);
      add(made_.make(argument.span, ast::Literal{Value::of(number)}), argument.span);
    }
  }
  if (out.empty() || out.size() > kMaxPercentiles) {
    diagnostics_.error(call.name.span, fmt::format("'{}' takes 1 to {} percentages", call.name.text,
                                                   kMaxPercentiles));
    return {};
  }
  return out;
}

// percentiles(x, 5, 50, 95) and its kin: as many columns, or one with an array.
bool Binder::percentiles(const ast::Call& call, const ast::Assignment& assignment,
                         plan::Aggregate& aggregate, std::vector<plan::NamedColumn>& columns,
                         std::vector<plan::Output>& outputs) {
  const PercentilesKind& kind = *percentiles_kind(call.name.text);
  if (!argument_count(call, kind.values + 1, 100, assignment.value->span)) return false;
  const std::vector<ast::Call> calls = percentile_calls(call);
  plan::PackArray array;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    AggregateContext context;
    aggregates_ = &context;
    const ExprRef value = aggregate_call(calls[i], assignment.value->span);
    const ast::Expr node{assignment.value->span, calls[i]};
    std::string name = implied_name(node).value_or("percentile_");
    aggregates_ = nullptr;
    if (value == nullptr) return false;
    for (plan::AggregateCall& each : context.calls)
      aggregate.calls.push_back(std::move(each));
    if (kind.array) {
      array.items.push_back(as_json(value));
      continue;
    }
    if (i < assignment.names.size()) {
      if (!declare(assignment.names[i], columns)) return false;
      name = assignment.names[i].text;
    }
    const ColumnId id = new_column();
    columns.push_back({unique_name(std::move(name), columns), value->type, id, true});
    outputs.push_back({id, value});
  }
  if (!kind.array || calls.empty()) return !calls.empty();
  const Relation* before = std::exchange(rows_, summarized_);
  std::string name = "percentiles_" + implied_name(*call.arguments.front().value).value_or("");
  rows_ = before;
  if (!assignment.names.empty()) {
    if (!declare(assignment.names.front(), columns)) return false;
    name = assignment.names.front().text;
  }
  const ColumnId id = new_column();
  const std::uint32_t weight = weight_of(array.items);
  columns.push_back({unique_name(std::move(name), columns), Type::Dynamic, id, false});
  outputs.push_back({id, make(Type::Dynamic, false, weight, std::move(array))});
  return true;
}

}  // namespace kql::bind
