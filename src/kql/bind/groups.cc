// partition and reduce: operators over groups of rows.

#include "kql/bind/build.h"

namespace kql::bind {
namespace {

constexpr functions::Entry kSame{"", "(a: any, b: any): bool", "({0} IS NOT DISTINCT FROM {1})",
                                 functions::Naming::None, functions::Nulls::Never};
// [pattern, example] of each text, in the order of the rows' numbers.
constexpr functions::Entry kReduce{"", "(text: text, row: long): dynamic",
                                   "native_reduce(to_json(list({0} ORDER BY {1})), {2}, {3})",
                                   functions::Naming::None, functions::Nulls::Sometimes};

}  // namespace

// The operators run once for each value of the column, over its rows.
void Binder::operate(const ast::Partition& form, Relation& input) {
  if (input.node == nullptr || form.body == nullptr) {
    input.incomplete = true;
    return;
  }
  const Relation* before = std::exchange(rows_, &input);
  const ExprRef key = expr(form.key.value);
  rows_ = before;
  if (key == nullptr || key->type == Type::Dynamic) {
    if (key != nullptr) {
      diagnostics_.error(
          form.key.span,
          "dynamic values cannot part the rows; convert them first, for example with "
          "tostring()");
    }
    input.incomplete = true;
    return;
  }
  const ColumnId key_id = new_column();
  Relation keyed = input;
  keyed.node = node(plan::Extend{input.node, {{key_id, key}}});
  keyed.columns.push_back({"$key", key->type, key_id, key->nullable});
  const Binding shared = share(std::move(keyed));
  const Relation keys = reference(std::get<LetTable>(shared));
  Relation rows = reference(std::get<LetTable>(shared));
  const ColumnId one = new_column();
  const plan::Node* values =
      node(plan::Aggregate{keys.node, {{one, column(keys.columns.back())}}, {}, {}});
  static const functions::Overload same{&kSame, {}, false, Type::Bool};
  const ExprRef own = apply_overload(
      same, {column(rows.columns.back()), make(key->type, key->nullable, 1, plan::ColumnRef{one})},
      Type::Bool);
  rows.node = node(plan::Filter{rows.node, own});
  rows.columns.pop_back();
  const Relation* outside = std::exchange(outside_, &rows);
  Relation body = relation(*form.body);
  outside_ = outside;
  if (body.node == nullptr) {
    input.incomplete = true;
    return;
  }
  plan::Lateral lateral{values, body.node, {}, {}};
  for (const plan::NamedColumn& each : body.columns)
    lateral.added.push_back(each.id);
  input.node = node(std::move(lateral));
  input.columns = std::move(body.columns);
  input.incomplete = input.incomplete || body.incomplete;
}

// reduce by text: the patterns that many texts have.
void Binder::operate(const ast::Reduce& form, Relation& input) {
  for (const ast::Property& property : form.properties) {
    diagnostics_.error(property.name.span,
                       fmt::format("'{}' is not supported for 'reduce'", property.name.text));
  }
  if (input.node == nullptr) {
    input.incomplete = true;
    return;
  }
  const Relation rows = numbered(input);
  const Relation* before = std::exchange(rows_, &rows);
  ExprRef text = expr(form.by);
  rows_ = nullptr;
  ExprRef threshold = form.threshold == nullptr ? constant(Value::of(0.1))
                                                : convert(expr(form.threshold), Type::Real);
  ExprRef characters =
      form.characters == nullptr ? constant(Value::text("")) : expr(form.characters);
  rows_ = before;
  const bool texts = text != nullptr && characters != nullptr && characters->type == Type::String &&
                     (text->type == Type::String || text->type == Type::Dynamic);
  if (!texts || threshold == nullptr) {
    if (text != nullptr && characters != nullptr && !texts) {
      diagnostics_.error(form.by->span,
                         fmt::format("'reduce' needs a string, found {}", type_name(text->type)));
    }
    input.incomplete = true;
    return;
  }
  static const functions::Overload reduce{&kReduce, {}, false, Type::Dynamic};
  const ColumnId list = new_column();
  plan::Aggregate all{rows.node, {}, {}, {}};
  all.calls.push_back(
      {list,
       &reduce,
       {convert(text, Type::String), column(rows.columns.back()), threshold, characters},
       Type::Dynamic});
  const ColumnId pair = new_column();
  plan::Expand expand{node(std::move(all)), {}, false, std::nullopt, std::nullopt};
  expand.items.push_back(
      {pair, make(Type::Dynamic, true, 1, plan::ColumnRef{list}), Type::Dynamic});
  const ExprRef both = make(Type::Dynamic, true, 1, plan::ColumnRef{pair});
  const Span span = form.by->span;
  const ExprRef pattern = convert(member(both, {std::int64_t{0}}, span), Type::String);
  const ExprRef example = convert(member(both, {std::int64_t{1}}, span), Type::String);
  if (pattern == nullptr || example == nullptr) return;
  const plan::NamedColumn pattern_column{"Pattern", Type::String, new_column(), false};
  const plan::NamedColumn count{"Count", Type::Long, new_column(), false};
  const plan::NamedColumn shown{"Representative", Type::String, new_column(), false};
  plan::Aggregate groups{node(std::move(expand)), {{pattern_column.id, pattern}}, {}, {}};
  groups.calls.push_back(
      {count.id, &functions::find("count", functions::Kind::Aggregate).front(), {}, Type::Long});
  groups.calls.push_back({shown.id,
                          &functions::find("any", functions::Kind::Aggregate).front(),
                          {example},
                          Type::String});
  input.node = node(std::move(groups));
  input.columns = {pattern_column, count, shown};
}

}  // namespace kql::bind
