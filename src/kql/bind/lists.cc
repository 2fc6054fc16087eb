// in, has_any and has_all: a value against a list, an array or a table.

#include "base/json.h"
#include "kql/bind/build.h"

namespace kql::bind {

// The items of a list, brought to one type; a constant array counts as its elements.
std::vector<ExprRef> Binder::list_items(const ast::SetMatch& form, std::optional<Type> wanted,
                                        bool& failed) {
  std::vector<ExprRef> out;
  const auto add = [&](ExprRef item, Span span) {
    if (wanted && common_type(item->type, *wanted) != *wanted) {
      const ExprRef literal = literal_as(item, *wanted);
      if (literal == nullptr && !(is_numeric(item->type) && is_numeric(*wanted))) {
        diagnostics_.error(span, fmt::format("expected a value of type {} in the list, found {}",
                                             type_name(*wanted), type_name(item->type)));
        failed = true;
        return;
      }
      if (literal != nullptr) item = literal;
    }
    out.push_back(item);
  };
  for (const ast::Expr* node : form.items) {
    const ExprRef item = expr(node);
    if (item == nullptr) {
      failed = true;
      continue;
    }
    const auto* known = std::get_if<plan::Constant>(&item->form);
    if (known == nullptr || item->type != Type::Dynamic || known->value.is_null()) {
      add(item, node->span);
      continue;
    }
    const auto json = base::json::parse(*known->value.if_text());
    const auto* array = json ? json->if_array() : nullptr;
    if (array == nullptr) {
      add(item, node->span);
      continue;
    }
    for (const base::json::Value& element : *array) {
      if (const std::string* text = element.if_string()) {
        add(constant(Value::text(*text)), node->span);
      } else if (const std::int64_t* number = element.if_int()) {
        add(constant(Value::of(Type::Long, *number)), node->span);
      } else if (const double* real = element.if_double()) {
        add(constant(Value::of(*real)), node->span);
      } else if (const bool* flag = element.if_bool()) {
        add(constant(Value::of(*flag)), node->span);
      }
      if (failed) break;
    }
  }
  return out;
}

ExprRef Binder::form(const ast::SetMatch& form, Span) {
  const ExprRef value = expr(form.left);
  if (value == nullptr) return nullptr;
  if (form.items.size() == 1 && is_tabular(*form.items.front())) {
    return in_table(form, value, *form.items.front());
  }
  return form.op == ast::SetOp::In ? in_list(form, value) : has_list(form, value);
}

ExprRef Binder::in_list(const ast::SetMatch& form, ExprRef value) {
  bool failed = false;
  if (!form.case_sensitive && value->type != Type::String && value->type != Type::Dynamic) {
    diagnostics_.error(form.op_span,
                       fmt::format("'in~' compares strings, found {}", type_name(value->type)));
    return nullptr;
  }
  // A dynamic value is compared as what the list holds.
  std::optional<Type> wanted;
  if (value->type != Type::Dynamic) wanted = value->type;
  std::vector<ExprRef> items = list_items(form, wanted, failed);
  if (failed) return nullptr;
  if (items.size() == 1 && items.front()->type == Type::Dynamic) {
    const ExprRef text = convert(value, Type::String);
    if (text == nullptr) return nullptr;
    return make(Type::Bool, false, text->weight + items.front()->weight + 1,
                plan::InArray{form.case_sensitive, form.negated, text, items.front()});
  }
  Type type = value->type;
  for (const ExprRef item : items) {
    const auto common = common_type(type, item->type);
    if (!common) {
      diagnostics_.error(form.op_span, "the values of the list are of different types");
      return nullptr;
    }
    type = *common;
  }
  if (type == Type::Dynamic) type = Type::String;
  for (ExprRef& item : items)
    item = convert(item, type);
  const bool whole = value->type == Type::Dynamic && is_integer(type);
  if (whole) {
    for (ExprRef& item : items)
      item = convert(item, Type::Long);
  }
  const ExprRef typed = whole ? whole_or_null(value) : convert(value, type);
  if (typed == nullptr) return nullptr;
  const std::uint32_t weight = weight_of(items) + 2 * typed->weight;
  return make(Type::Bool, false, weight,
              plan::InList{form.case_sensitive, form.negated, typed, std::move(items)});
}

ExprRef Binder::has_list(const ast::SetMatch& form, ExprRef value) {
  if (value->type != Type::String && value->type != Type::Dynamic) {
    diagnostics_.error(form.left->span,
                       fmt::format("'{}' needs a string, found {}", diagnostics_.text(form.op_span),
                                   type_name(value->type)));
    return nullptr;
  }
  const ExprRef text = convert(value, Type::String);
  bool failed = false;
  std::vector<ExprRef> items = list_items(form, std::nullopt, failed);
  if (failed || text == nullptr) return nullptr;
  const bool all = form.op == ast::SetOp::HasAll;
  if (items.size() == 1 && items.front()->type == Type::Dynamic) {
    return make(Type::Bool, false, text->weight + items.front()->weight + 1,
                plan::TextMatchArray{form.negated, all, text, items.front()});
  }
  for (ExprRef& item : items)
    item = convert(item, Type::String);
  // Each item is a match of its own on the text.
  const auto count = static_cast<std::uint32_t>(items.size());
  const std::uint32_t weight = 4 * weight_of(items) + (count + 1) * text->weight;
  return searched_first(
      make(Type::Bool, false, weight,
           plan::TextMatch{ast::TextOp::Has, false, form.negated, all, text, std::move(items)}));
}

ExprRef Binder::in_table(const ast::SetMatch& form, ExprRef value, const ast::Expr& table) {
  if (depth_ >= kMaxDepth) {
    diagnostics_.error(table.span, "queries are nested too deeply");
    return nullptr;
  }
  const Relation* before = std::exchange(rows_, nullptr);
  const Relation found = relation(table);
  rows_ = before;
  if (found.incomplete || found.columns.empty()) return nullptr;
  const plan::NamedColumn& first = found.columns.front();
  const bool has = form.op != ast::SetOp::In;
  const auto type = has || !form.case_sensitive || value->type == Type::Dynamic
                        ? std::optional(has || !form.case_sensitive ? Type::String : first.type)
                        : common_type(value->type, first.type);
  if (!type || *type == Type::Dynamic) {
    diagnostics_.error(
        form.op_span, fmt::format("'{}' cannot compare {} with {}", diagnostics_.text(form.op_span),
                                  type_name(value->type), type_name(first.type)));
    return nullptr;
  }
  const ExprRef typed = convert(value, *type);
  const ExprRef item = convert(column(first), *type);
  if (typed == nullptr || item == nullptr) return nullptr;
  const ColumnId id = new_column();
  const plan::Node* items = node(plan::Node{plan::Project{found.node, {{id, item}}}});
  if (!has) {
    return make(Type::Bool, false, typed->weight + 2,
                plan::InTable{form.case_sensitive, form.negated, typed, items, id});
  }
  // has_any (T): the table's values as an array first.
  const functions::Overload* list = nullptr;
  for (const auto& overload : functions::find("make_set", functions::Kind::Aggregate)) {
    if (list == nullptr) list = &overload;
  }
  const ColumnId set = new_column();
  const ExprRef reference = make(Type::String, false, 1, plan::ColumnRef{id});
  plan::Aggregate aggregate{
      items, {}, {{set, list, {convert(reference, Type::Dynamic)}, Type::Dynamic}}, {}};
  plan_.shared.emplace_back(
      plan::SharedScalar{node(plan::Node{std::move(aggregate)}), set, Type::Dynamic});
  const ExprRef array = make(Type::Dynamic, true, 1, plan::ScalarRef{plan_.shared.size() - 1});
  return make(Type::Bool, false, typed->weight + 2,
              plan::TextMatchArray{form.negated, form.op == ast::SetOp::HasAll, typed, array});
}

}  // namespace kql::bind
