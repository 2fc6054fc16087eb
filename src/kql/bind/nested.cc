// top-nested: the best values of one column, within each the best of the next, and so on.

#include <algorithm>

#include "kql/bind/build.h"

namespace kql::bind {
namespace {

// Each is a join over the rows of those before.
constexpr std::size_t kMaxLevels = 16;

}  // namespace

// The rows of the levels before, without those of their values that were not kept.
const plan::Node* Binder::nested_input(const Relation& input, const plan::Node* kept,
                                       std::span<const NestedKey> keys) {
  if (kept == nullptr) return input.node;
  plan::Join join{plan::JoinKind::Inner, input.node, kept, {}, {}, {}, true};
  for (const plan::NamedColumn& each : input.columns)
    join.left_columns.push_back({each.id, each.type});
  for (const NestedKey& key : keys) {
    join.on.emplace_back(key.over_input, make(key.column.type, key.column.nullable, 1,
                                              plan::ColumnRef{key.column.id}));
    join.right_columns.push_back({key.column.id, key.column.type});
    join.right_columns.push_back({key.by.id, key.by.type});
  }
  return node(std::move(join));
}

// One level: its value and its measure, over the rows within the levels before.
bool Binder::nested_level(const ast::NestedLevel& level, const Relation& input,
                          const plan::Node*& kept, std::vector<NestedKey>& keys,
                          std::vector<plan::NamedColumn>& columns) {
  const Relation* before = std::exchange(rows_, &input);
  const ExprRef value = expr(level.key.value);
  rows_ = before;
  if (value == nullptr) return false;
  plan::Aggregate aggregate{nested_input(input, kept, keys), {}, {}, {}};
  plan::TopWithin top{nullptr, {}, {}, nullptr};
  plan::Project project{nullptr, {}};
  const auto pass = [&](const plan::NamedColumn& each) {
    aggregate.keys.push_back({each.id, column(each)});
    project.outputs.push_back({each.id, column(each)});
  };
  for (const NestedKey& key : keys) {
    pass(key.column);
    pass(key.by);
    top.within.push_back(key.column.id);
  }
  const ColumnId id = new_column();
  aggregate.keys.push_back({id, value});
  int unnamed = static_cast<int>(keys.size());
  before = std::exchange(rows_, &input);
  add_column(level.key, value, id, unnamed, columns);
  rows_ = before;
  const plan::NamedColumn key_column = columns.back();
  project.outputs.push_back({id, column(key_column)});

  AggregateContext context;
  aggregates_ = &context;
  const Relation* outer = std::exchange(summarized_, &input);
  before = std::exchange(rows_, nullptr);
  const ExprRef measure = expr(level.by.value);
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
  const ColumnId by = new_column();
  std::string name =
      level.by.names.empty() ? "aggregated_" + key_column.name : level.by.names.front().text;
  const plan::NamedColumn by_column{unique_name(std::move(name), columns), measure->type, by, true};
  columns.push_back(by_column);
  project.outputs.push_back({by, measure});
  project.input = node(std::move(aggregate));
  top.input = node(std::move(project));
  top.by = {by, level.descending, !level.descending, measure->type == Type::Real};
  if (level.count != nullptr) {
    top.count = row_count_expr(*level.count);
    if (top.count == nullptr) return false;
  }
  kept = level.count == nullptr ? top.input : node(std::move(top));
  keys.push_back({value, key_column, by_column});
  return true;
}

void Binder::operate(const ast::TopNested& form, Relation& input) {
  if (input.node == nullptr) return;
  if (form.levels.size() > kMaxLevels) {
    diagnostics_.error(operator_span_, fmt::format("more than {} levels", kMaxLevels));
    input.incomplete = true;
    return;
  }
  const bool others = std::ranges::any_of(
      form.levels, [](const ast::NestedLevel& level) { return level.others != nullptr; });
  if (others) {
    if (!nested_with_others(form, input)) input.incomplete = true;
    return;
  }
  const plan::Node* kept = nullptr;
  std::vector<NestedKey> keys;
  std::vector<plan::NamedColumn> columns;
  for (const ast::NestedLevel& level : form.levels) {
    if (nested_level(level, input, kept, keys, columns)) continue;
    input.incomplete = true;
    return;
  }
  input.node = kept;
  input.columns = std::move(columns);
}

}  // namespace kql::bind
