// evaluate: lookups of addresses, and counts over sliding windows.

#include <algorithm>

#include "kql/bind/build.h"

namespace kql::bind {
namespace {

constexpr functions::Entry kNetworkKey{"", "(network: text, v4: bool): string",
                                       "native_network_key({0}, {1})", functions::Naming::None,
                                       functions::Nulls::Sometimes};
constexpr functions::Entry kNetworkKeys{"", "(address: text, v4: bool): dynamic",
                                        "native_network_keys({0}, {1})", functions::Naming::None,
                                        functions::Nulls::Never};
// By hash, unlike set_intersect(), whose result has the order of its first array.
constexpr functions::Entry kCommon{"", "(a: dynamic, b: dynamic): dynamic",
                                   "to_json(list_intersect(kql_array({0}), kql_array({1})))",
                                   functions::Naming::None, functions::Nulls::Sometimes};

}  // namespace

Relation Binder::numbered(const Relation& input) {
  plan::Window window{};
  window.input = input.node;
  window.kind = plan::Window::Kind::RowNumber;
  window.type = Type::Long;
  window.id = new_column();
  window.row = new_column();
  window.group = new_column();
  window.offset = 0;
  Relation out = input;
  out.node = node(window);
  out.columns.push_back({"$row", Type::Long, window.id, false});
  return out;
}

const plan::NamedColumn* Binder::named_column(const ast::Assignment& argument,
                                              const Relation& table) {
  const auto* name = std::get_if<ast::NameRef>(&argument.value->form);
  if (name == nullptr) {
    diagnostics_.error(argument.span, "expected a column's name");
    return nullptr;
  }
  const plan::NamedColumn* found = table.find(name->name);
  if (found == nullptr) {
    const Relation* before = std::exchange(rows_, &table);
    unknown_column(name->name, argument.span);
    rows_ = before;
  }
  return found;
}

std::optional<std::int64_t> Binder::whole_argument(const ast::Assignment& argument,
                                                   std::int64_t least, std::int64_t most) {
  const ExprRef value = expr(argument.value);
  if (value == nullptr) return std::nullopt;
  const auto* known = std::get_if<plan::Constant>(&value->form);
  const std::int64_t* number =
      known == nullptr || !is_integer(value->type) ? nullptr : known->value.if_int();
  if (number != nullptr && *number >= least && *number <= most) return *number;
  diagnostics_.error(argument.span,
                     fmt::format("expected a whole number from {} to {}", least, most));
  return std::nullopt;
}

plan::Join Binder::pairing(plan::JoinKind kind, const Relation& left, const Relation& right) {
  plan::Join out{kind, left.node, right.node, {}, {}, {}, true};
  for (const plan::NamedColumn& each : left.columns)
    out.left_columns.push_back({each.id, each.type});
  for (const plan::NamedColumn& each : right.columns)
    out.right_columns.push_back({each.id, each.type});
  return out;
}

// ipv4_lookup(Table, address, Network, Key..., return_unmatched): the rows beside those of the
// table whose network the address is in. An address has few networks that it can be in, so that
// these are looked up rather than each network tried.
bool Binder::address_lookup(const ast::Evaluate& form, const ast::Call& call, Relation& input) {
  if (!argument_count(call, 3, 20, form.call->span)) return false;
  std::vector<ast::Assignment> arguments = call.arguments;
  bool unmatched = false;
  const auto* last = std::get_if<ast::Literal>(&arguments.back().value->form);
  const bool named =
      !arguments.back().names.empty() && arguments.back().names.front().text == "return_unmatched";
  if (const bool* flag = last == nullptr ? nullptr : last->value.if_bool()) {
    unmatched = *flag;
    arguments.pop_back();
  } else if (named) {
    diagnostics_.error(arguments.back().span, "expected true or false");
    return false;
  }
  const Relation* before = std::exchange(rows_, nullptr);
  Relation table = relation(*arguments[0].value);
  rows_ = before;
  if (table.node == nullptr || table.incomplete) return false;
  const plan::NamedColumn* network = named_column(arguments[2], table);
  if (network == nullptr) return false;
  const bool v4 = call.name.text == "ipv4_lookup";
  static const functions::Overload key_overload{&kNetworkKey, {}, false, Type::String};
  static const functions::Overload keys_overload{&kNetworkKeys, {}, false, Type::Dynamic};

  // The input is read twice: for the lookup, and for the answer.
  const Binding shared = share(numbered(input));
  const Relation whole = reference(std::get<LetTable>(shared));
  const Relation looked = reference(std::get<LetTable>(shared));
  rows_ = &looked;
  const ExprRef address = convert(expr(arguments[1].value), Type::String);
  rows_ = before;
  if (address == nullptr) return false;
  const ColumnId key = new_column();
  plan::Expand expand{looked.node, {}, false, std::nullopt, std::nullopt};
  expand.items.push_back(
      {key, apply_overload(keys_overload, {address, constant(Value::of(v4))}, Type::Dynamic),
       Type::String});
  Relation candidates{node(std::move(expand)),
                      {{"$row", Type::Long, looked.columns.back().id, false}}};

  const ColumnId table_key = new_column();
  const ExprRef written = convert(column(*network), Type::String);
  if (written == nullptr) return false;
  table.node = node(plan::Extend{
      table.node,
      {{table_key,
        apply_overload(key_overload, {written, constant(Value::of(v4))}, Type::String)}}});
  plan::Join found = pairing(plan::JoinKind::Inner, candidates, table);
  found.on.emplace_back(make(Type::String, false, 1, plan::ColumnRef{key}),
                        make(Type::String, false, 1, plan::ColumnRef{table_key}));
  std::vector<std::string> keys;
  for (std::size_t i = 3; i < arguments.size(); ++i) {
    const plan::NamedColumn* theirs = named_column(arguments[i], table);
    const plan::NamedColumn* ours =
        theirs == nullptr ? nullptr : named_column(arguments[i], looked);
    if (ours == nullptr || !join_pair(column(*ours), column(*theirs), arguments[i].span, found)) {
      return false;
    }
    keys.push_back(theirs->name);
  }
  Relation matches{node(std::move(found)), candidates.columns};
  matches.columns.insert(matches.columns.end(), table.columns.begin(), table.columns.end());
  plan::Join join =
      pairing(unmatched ? plan::JoinKind::LeftOuter : plan::JoinKind::Inner, whole, matches);
  join.on.emplace_back(column(whole.columns.back()), column(matches.columns.front()));
  std::vector<plan::NamedColumn> columns(whole.columns.begin(), whole.columns.end() - 1);
  for (plan::NamedColumn each : table.columns) {
    if (std::ranges::find(keys, each.name) != keys.end()) continue;
    each.name = unique_name(std::move(each.name), columns);
    each.nullable = each.type != Type::String && (each.nullable || unmatched);
    columns.push_back(std::move(each));
  }
  input.node = node(std::move(join));
  input.columns = std::move(columns);
  return true;
}

// dcount_intersect(hll, ...): s0, s1...: how many values the first ones have in common.
bool Binder::dcount_intersect(const ast::Evaluate& form, const ast::Call& call, Relation& input) {
  if (!argument_count(call, 2, 16, form.call->span)) return false;
  static const functions::Overload common{&kCommon, {}, false, Type::Dynamic};
  std::vector<plan::NamedColumn> columns = input.columns;
  ExprRef so_far = nullptr;
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    const ast::Assignment& argument = call.arguments[i];
    const ExprRef next = expr(argument.value);
    if (next == nullptr) return false;
    if (next->type != Type::Dynamic) {
      diagnostics_.error(argument.span,
                         fmt::format("'dcount_intersect' needs what hll() gives, found {}",
                                     type_name(next->type)));
      return false;
    }
    const ColumnId id = new_column();
    const ExprRef set =
        so_far == nullptr ? next : apply_overload(common, {so_far, next}, Type::Dynamic);
    input.node = node(plan::Extend{input.node, {{id, set}}});
    so_far = make(Type::Dynamic, true, 1, plan::ColumnRef{id});
    const ExprRef count = call_of("dcount_hll", {so_far}, argument.span);
    if (count == nullptr) return false;
    const ColumnId count_id = new_column();
    input.node = node(plan::Extend{input.node, {{count_id, count}}});
    set_column(columns, {fmt::format("s{}", i), Type::Long, count_id, false});
  }
  input.columns = std::move(columns);
  return true;
}

// rolling_percentile(Value, percentage, Index, bin, bins in a window, Dimension...): each row
// counts in the bin that it is in, and in those behind it that the window reaches.
bool Binder::rolling_percentile(const ast::Evaluate& form, const ast::Call& call, Relation& input) {
  if (!argument_count(call, 5, 20, form.call->span)) return false;
  const Span span = form.call->span;
  const plan::NamedColumn* value = named_column(call.arguments[0], input);
  const plan::NamedColumn* index = named_column(call.arguments[2], input);
  const auto bins = whole_argument(call.arguments[4], 1, 1000);
  const ExprRef percentage = convert(expr(call.arguments[1].value), Type::Real);
  const ExprRef step = expr(call.arguments[3].value);
  if (value == nullptr || index == nullptr || !bins || percentage == nullptr || step == nullptr)
    return false;
  const ExprRef bin = call_of("bin", {column(*index), step}, span);
  if (bin == nullptr) return false;
  const ColumnId bin_id = new_column();
  Relation kept{node(plan::Extend{input.node, {{bin_id, bin}}}),
                {{"$bin", bin->type, bin_id, true}, {"$value", value->type, value->id, true}}};
  for (std::size_t i = 5; i < call.arguments.size(); ++i) {
    const plan::NamedColumn* dimension = named_column(call.arguments[i], input);
    if (dimension == nullptr) return false;
    kept.columns.push_back(*dimension);
  }
  const Binding shared = share(std::move(kept));
  const Relation rows = reference(std::get<LetTable>(shared));
  const Relation known = reference(std::get<LetTable>(shared));

  std::string numbers = "[0";
  for (std::int64_t i = 1; i < *bins; ++i)
    numbers += fmt::format(",{}", i);
  const ColumnId ahead = new_column();
  plan::Expand expand{rows.node, {}, false, std::nullopt, std::nullopt};
  expand.items.push_back({ahead, constant(Value{Type::Dynamic, numbers + "]"}), Type::Long});
  const ExprRef distance = arithmetic(
      ast::BinaryOp::Multiply, make(Type::Long, false, 1, plan::ColumnRef{ahead}), step, span);
  if (distance == nullptr) return false;
  const ExprRef later = arithmetic(ast::BinaryOp::Add, column(rows.columns[0]), distance, span);
  if (later == nullptr) return false;
  const ColumnId later_id = new_column();
  Relation moved{node(plan::Extend{node(std::move(expand)), {{later_id, later}}}), rows.columns};
  moved.columns[0].id = later_id;

  // Only bins that have rows of their own are told.
  plan::Aggregate distinct{known.node, {}, {}, {}};
  plan::Join told{plan::JoinKind::LeftSemi, moved.node, nullptr, {}, {}, {}, true};
  plan::Aggregate aggregate{nullptr, {}, {}, {}};
  std::vector<plan::NamedColumn> columns;
  for (std::size_t i = 0; i < rows.columns.size(); ++i) {
    if (i == 1) continue;  // the value
    distinct.keys.push_back({known.columns[i].id, column(known.columns[i])});
    told.on.emplace_back(column(moved.columns[i]), column(known.columns[i]));
    const ColumnId id = new_column();
    aggregate.keys.push_back({id, column(moved.columns[i])});
    columns.push_back(
        {i == 0 ? index->name : rows.columns[i].name, rows.columns[i].type, id, true});
  }
  told.right = node(std::move(distinct));
  aggregate.input = node(std::move(told));
  const auto overloads = functions::find("percentile", functions::Kind::Aggregate);
  const ColumnId result = new_column();
  aggregate.calls.push_back(
      {result, &overloads.front(), {column(moved.columns[1]), percentage}, value->type});
  std::string shown(diagnostics_.text(call.arguments[1].span));
  std::replace(shown.begin(), shown.end(), '.', '_');
  columns.push_back({fmt::format("rolling_{}_percentile_{}_{}", *bins, value->name, shown),
                     value->type, result, true});
  input.node = node(std::move(aggregate));
  input.columns = std::move(columns);
  return true;
}

// active_users_count(Id, Time, start, end, lookback, period, active periods, bin, Dimension...):
// for each bin how many Ids did something that had done so in enough periods of the time before it.
bool Binder::active_users_count(const ast::Evaluate& form, const ast::Call& call, Relation& input) {
  if (!argument_count(call, 8, 20, form.call->span)) return false;
  const Span span = form.call->span;
  const plan::NamedColumn* id = named_column(call.arguments[0], input);
  const plan::NamedColumn* time = named_column(call.arguments[1], input);
  std::vector<ExprRef> given;  // start, end, lookback, period, -, bin
  for (std::size_t i = 2; i < 8; ++i)
    given.push_back(expr(call.arguments[i].value));
  const auto wanted = whole_argument(call.arguments[6], 1, 1'000'000);
  if (id == nullptr || time == nullptr || !wanted ||
      std::ranges::find(given, nullptr) != given.end())
    return false;
  Relation kept{input.node, {*id, *time}};
  for (std::size_t i = 8; i < call.arguments.size(); ++i) {
    const plan::NamedColumn* dimension = named_column(call.arguments[i], input);
    if (dimension == nullptr) return false;
    kept.columns.push_back(*dimension);
  }
  const Binding shared = share(std::move(kept));
  Relation now = reference(std::get<LetTable>(shared));
  const Relation earlier = reference(std::get<LetTable>(shared));
  const auto compare = [&](ast::CompareOp op, ExprRef a, ExprRef b) {
    return make(Type::Bool, true, a->weight + b->weight + 1, plan::Compare{op, a, b});
  };
  const ExprRef at = column(now.columns[1]);
  const ExprRef before = column(earlier.columns[1]);
  const ExprRef since = arithmetic(ast::BinaryOp::Subtract, at, given[2], span);
  if (since == nullptr) return false;
  if (given[0]->type != time->type || given[1]->type != time->type) {
    diagnostics_.error(call.arguments[2].span, fmt::format("expected a start and an end of type {}",
                                                           type_name(time->type)));
    return false;
  }
  plan::Logic within{true,
                     {compare(ast::CompareOp::GreaterEqual, at, given[0]),
                      compare(ast::CompareOp::LessEqual, at, given[1])}};
  now.node = node(plan::Filter{now.node, make(Type::Bool, true, 9, std::move(within))});
  plan::Join pairs = pairing(plan::JoinKind::Inner, now, earlier);
  for (std::size_t i = 0; i < now.columns.size(); ++i) {
    if (i != 1) pairs.on.emplace_back(column(now.columns[i]), column(earlier.columns[i]));
  }
  plan::Logic window{true,
                     {compare(ast::CompareOp::Greater, before, since),
                      compare(ast::CompareOp::LessEqual, before, at)}};
  const plan::Node* looked =
      node(plan::Filter{node(std::move(pairs)), make(Type::Bool, true, 9, std::move(window))});
  const ExprRef period = call_of("bin_at", {before, given[3], given[0]}, span);
  if (period == nullptr) return false;

  const auto distinct = functions::find("count_distinct", functions::Kind::Aggregate);
  plan::Aggregate periods{looked, {}, {}, {}};
  for (const plan::NamedColumn& each : now.columns)
    periods.keys.push_back({each.id, column(each)});
  const ColumnId count = new_column();
  periods.calls.push_back({count, &distinct.front(), {period}, Type::Long});
  const ExprRef enough =
      compare(ast::CompareOp::GreaterEqual, make(Type::Long, false, 1, plan::ColumnRef{count}),
              constant(Value::of(Type::Long, *wanted)));
  const plan::Node* active = node(plan::Filter{node(std::move(periods)), enough});

  const ExprRef bin = call_of("bin_at", {at, given[5], given[0]}, span);
  if (bin == nullptr) return false;
  plan::Aggregate users{active, {}, {}, {}};
  const ColumnId bin_id = new_column();
  users.keys.push_back({bin_id, bin});
  std::vector<plan::NamedColumn> columns{{time->name, time->type, bin_id, true}};
  for (std::size_t i = 2; i < now.columns.size(); ++i) {
    const ColumnId key = new_column();
    users.keys.push_back({key, column(now.columns[i])});
    columns.push_back({now.columns[i].name, now.columns[i].type, key, true});
  }
  const ColumnId result = new_column();
  users.calls.push_back({result, &distinct.front(), {column(now.columns[0])}, Type::Long});
  columns.push_back({"dcount", Type::Long, result, false});
  input.node = node(std::move(users));
  input.columns = std::move(columns);
  return true;
}

}  // namespace kql::bind
