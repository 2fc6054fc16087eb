// top-nested ... with others: what is not among the best of a level stays in the answer, as one
// value. A row that is "other" at a level is so at all levels below.

#include <algorithm>

#include "kql/bind/build.h"

namespace kql::bind {

struct Binder::OthersLevel {
  const plan::Node* measured;    // for each path of values: `keys` and `others`, and the measure
  std::vector<ColumnId> keys;    // the outermost level's first
  std::vector<ColumnId> others;  // whether the path is "other" at that level
  plan::NamedColumn key;         // as the answer has it
  plan::NamedColumn by;
  ColumnId measure;
  bool named;  // 'with others'
};

// The level's aggregate over the rows: its calls go to `aggregate`.
bool Binder::nested_measure(const ast::NestedLevel& level, const Relation& rows,
                            plan::Aggregate& aggregate, ExprRef& measure) {
  AggregateContext context;
  aggregates_ = &context;
  const Relation* outer = std::exchange(summarized_, &rows);
  const Relation* before = std::exchange(rows_, nullptr);
  measure = expr(level.by.value);
  rows_ = before;
  summarized_ = outer;
  aggregates_ = nullptr;
  if (measure == nullptr) return false;
  if (context.calls.empty() || measure->type == Type::Dynamic) {
    diagnostics_.error(level.by.value->span,
                       "expected an aggregate with an order such as count() or max(x) after 'by'");
    return false;
  }
  for (plan::AggregateCall& each : context.calls)
    aggregate.calls.push_back(std::move(each));
  return true;
}

// One level. `rows` are the operator's rows, and behind their columns those of the levels before:
// key and whether it is "other", in pairs.
bool Binder::others_level(const ast::NestedLevel& level, Relation& rows,
                          std::vector<OthersLevel>& levels, std::vector<plan::NamedColumn>& names) {
  const std::size_t depth = levels.size();
  const Relation* before = std::exchange(rows_, &rows);
  const ExprRef value = expr(level.key.value);
  int unnamed = static_cast<int>(depth);
  if (value != nullptr) add_column(level.key, value, 0, unnamed, names);
  rows_ = nullptr;
  const ExprRef named = level.others == nullptr ? nullptr : expr(level.others);
  rows_ = before;
  if (value == nullptr || (level.others != nullptr && named == nullptr)) return false;
  const bool fits = named == nullptr || named->type == value->type ||
                    common_type(named->type, value->type) == value->type;
  if (value->type == Type::Dynamic || !fits) {
    diagnostics_.error(
        level.others == nullptr ? level.key.span : level.others->span,
        fmt::format("expected a value of type {} for the others", type_name(value->type)));
    return false;
  }
  const ExprRef other_value = named != nullptr              ? convert(named, value->type)
                              : value->type == Type::String ? constant(Value::text(""))
                                                            : constant(Value::null(value->type));
  const ColumnId value_id = new_column();
  Relation valued{node(plan::Extend{rows.node, {{value_id, value}}}), rows.columns};
  valued.columns.push_back({"$value", value->type, value_id, value->nullable});
  const Binding shared = share(std::move(valued));
  const Relation ranked = reference(std::get<LetTable>(shared));
  Relation marked = reference(std::get<LetTable>(shared));

  // The best values of each path that is not "other" already.
  const std::size_t first = rows.columns.size() - 2 * depth;
  plan::Aggregate aggregate{ranked.node, {}, {}, {}};
  if (depth > 0) {
    const ExprRef other = column(ranked.columns[first + 2 * depth - 1]);
    aggregate.input = node(plan::Filter{ranked.node, call_of("not", {other}, level.key.span)});
  }
  plan::TopWithin top{nullptr, {}, {}, nullptr};
  plan::Project project{nullptr, {}};
  plan::Join join{plan::JoinKind::LeftOuter, marked.node, nullptr, {}, {}, {}, true};
  for (const plan::NamedColumn& each : marked.columns)
    join.left_columns.push_back({each.id, each.type});
  for (std::size_t i = 0; i <= depth; ++i) {
    const std::size_t at = i < depth ? first + 2 * i : ranked.columns.size() - 1;
    const plan::NamedColumn& key = ranked.columns[at];
    aggregate.keys.push_back({key.id, column(key)});
    project.outputs.push_back({key.id, column(key)});
    if (i < depth) top.within.push_back(key.id);
    join.on.emplace_back(column(marked.columns[at]), column(key));
  }
  ExprRef measure = nullptr;
  if (!nested_measure(level, ranked, aggregate, measure)) return false;
  const ColumnId rank = new_column();
  const ColumnId known = new_column();
  project.outputs.push_back({rank, measure});
  project.outputs.push_back({known, constant(Value::of(true))});
  project.input = node(std::move(aggregate));
  top.input = node(std::move(project));
  top.by = {rank, level.descending, !level.descending};
  if (level.count != nullptr) {
    top.count = row_count_expr(*level.count);
    if (top.count == nullptr) return false;
  }
  join.right = level.count == nullptr ? top.input : node(std::move(top));
  join.right_columns.push_back({known, Type::Bool});
  marked.node = node(std::move(join));

  // The rows with this level's key, and whether it is "other".
  const ExprRef missing =
      call_of("isnull", {make(Type::Bool, true, 1, plan::ColumnRef{known})}, level.key.span);
  ExprRef other = missing;
  if (depth > 0) {
    plan::Logic either{false, {column(marked.columns[first + 2 * depth - 1]), missing}};
    other = make(Type::Bool, false, 4, std::move(either));
  }
  const ColumnId other_id = new_column();
  const ColumnId key_id = new_column();
  marked.node = node(plan::Extend{marked.node, {{other_id, other}}});
  const ExprRef is_other = make(Type::Bool, false, 1, plan::ColumnRef{other_id});
  plan::Choose choose{{{is_other, other_value}}, column(marked.columns.back())};
  const ExprRef key = make(value->type, true, 4, std::move(choose));
  marked.node = node(plan::Extend{marked.node, {{key_id, key}}});
  marked.columns.pop_back();
  marked.columns.push_back({"$key", value->type, key_id, true});
  marked.columns.push_back({"$other", Type::Bool, other_id, false});
  const Binding next = share(std::move(marked));
  rows = reference(std::get<LetTable>(next));
  const Relation measured = reference(std::get<LetTable>(next));

  OthersLevel out{};
  out.named = level.others != nullptr;
  plan::Aggregate paths{measured.node, {}, {}, {}};
  for (std::size_t i = 0; i <= depth; ++i) {
    const plan::NamedColumn& key_column = measured.columns[first + 2 * i];
    const plan::NamedColumn& flag = measured.columns[first + 2 * i + 1];
    paths.keys.push_back({key_column.id, column(key_column)});
    paths.keys.push_back({flag.id, column(flag)});
    out.keys.push_back(key_column.id);
    out.others.push_back(flag.id);
  }
  if (!nested_measure(level, measured, paths, measure)) return false;
  plan::Project told{nullptr, {}};
  for (const plan::Output& each : paths.keys)
    told.outputs.push_back({each.id, make(each.value->type, true, 1, plan::ColumnRef{each.id})});
  out.measure = new_column();
  told.outputs.push_back({out.measure, measure});
  told.input = node(std::move(paths));
  out.measured = node(std::move(told));
  out.key = names.back();
  out.key.type = value->type;
  std::string by_name =
      level.by.names.empty() ? "aggregated_" + out.key.name : level.by.names.front().text;
  out.by = {unique_name(std::move(by_name), names), measure->type, out.measure, true};
  names.push_back(out.by);
  levels.push_back(std::move(out));
  return true;
}

bool Binder::nested_with_others(const ast::TopNested& form, Relation& input) {
  Relation rows = input;
  std::vector<OthersLevel> levels;
  std::vector<plan::NamedColumn> names;
  for (const ast::NestedLevel& level : form.levels) {
    if (!others_level(level, rows, levels, names)) return false;
  }
  // The last level's paths, beside the measures of the levels above.
  const OthersLevel& last = levels.back();
  const plan::Node* all = last.measured;
  std::vector<plan::TypedColumn> kept;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    kept.push_back({last.keys[i], levels[i].key.type});
    kept.push_back({last.others[i], Type::Bool});
  }
  kept.push_back({last.measure, last.by.type});
  const auto reference_to = [this](Type type, ColumnId id) {
    return make(type, true, 1, plan::ColumnRef{id});
  };
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    const OthersLevel& level = levels[i];
    plan::Join join{plan::JoinKind::Inner, all, level.measured, {}, kept, {}, true};
    for (std::size_t at = 0; at <= i; ++at) {
      const Type type = levels[at].key.type;
      join.on.emplace_back(reference_to(type, last.keys[at]), reference_to(type, level.keys[at]));
      join.on.emplace_back(reference_to(Type::Bool, last.others[at]),
                           reference_to(Type::Bool, level.others[at]));
    }
    join.right_columns.push_back({level.measure, level.by.type});
    kept.push_back({level.measure, level.by.type});
    all = node(std::move(join));
  }
  // What first is "other" at a level goes where neither it nor a level below names the others.
  for (std::size_t i = levels.size(); i-- > 0;) {
    if (levels[i].named) break;
    const ExprRef mine = make(Type::Bool, false, 1, plan::ColumnRef{last.others[i]});
    plan::Logic stays{false, {call_of("not", {mine}, operator_span_)}};
    if (i > 0) {
      stays.operands.push_back(make(Type::Bool, false, 1, plan::ColumnRef{last.others[i - 1]}));
    }
    all = node(plan::Filter{all, make(Type::Bool, false, 4, std::move(stays))});
  }
  std::vector<plan::NamedColumn> columns;
  for (std::size_t i = 0; i < levels.size(); ++i) {
    columns.push_back({levels[i].key.name, levels[i].key.type, last.keys[i], true});
    columns.push_back(levels[i].by);
  }
  input.node = all;
  input.columns = std::move(columns);
  return true;
}

}  // namespace kql::bind
