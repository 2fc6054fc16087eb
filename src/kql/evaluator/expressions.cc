#include "kql/evaluator/convert.h"
#include "kql/evaluator/functions.h"
#include "kql/evaluator/machine.h"
#include "kql/evaluator/operators.h"

namespace kql::evaluator {

const Binding* Scope::find(const std::string& name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->outer) {
    const auto found = scope->names.find(name);
    if (found != scope->names.end()) return &found->second;
  }
  return nullptr;
}

Cell Machine::value(const ast::Expr& expr, const Place& place) {
  if (--context_.budget < 0) return context_.refuse("so much to compute");
  return std::visit([&](const auto& content) { return form(content, place); }, expr.form);
}

// An expression's type does not depend on values: it is that of its value for a row of nulls.
Type Machine::type_of(const ast::Expr& expr, const Place& place) {
  Place nowhere = place;
  nowhere.row = nullptr;
  return value(expr, nowhere).type;
}

bool Machine::holds(const ast::Expr& expr, const Place& place) {
  const Cell cell = convert(context_, value(expr, place), Type::Bool);
  return !cell.is_null() && cell.flag();
}

Cell Machine::form(const ast::Literal& form, const Place&) {
  const Value& value = form.value;
  if (value.is_null()) return Cell::null(value.type);
  if (const bool* flag = value.if_bool()) return Cell::of(*flag);
  if (const std::int64_t* number = value.if_int()) return Cell::of(value.type, *number);
  if (const double* number = value.if_real()) return Cell::of(*number);
  if (value.type != Type::Dynamic) return {value.type, *value.if_text()};
  auto json = base::json::parse(*value.if_text());
  return json ? Cell::of(std::move(*json)) : context_.refuse("such a dynamic literal");
}

Cell Machine::form(const ast::NameRef& form, const Place& place) {
  if (place.table != nullptr) {
    const std::size_t at = place.table->find(form.name);
    if (at < place.table->columns.size()) {
      return place.row == nullptr ? Cell::null(place.table->columns[at].type) : (*place.row)[at];
    }
  }
  const Binding* binding = place.scope->find(form.name);
  const Cell* scalar = binding == nullptr ? nullptr : std::get_if<Cell>(binding);
  return scalar == nullptr ? context_.refuse("the name " + form.name) : *scalar;
}

Cell Machine::form(const ast::Member& form, const Place& place) {
  return step_into(context_, value(*form.base, place), Cell::of(form.name.text));
}

Cell Machine::form(const ast::Index& form, const Place& place) {
  Cell key = value(*form.index, place);
  if (key.type == Type::Dynamic) return context_.refuse("a dynamic index");
  return step_into(context_, value(*form.base, place), key);
}

Cell Machine::form(const ast::Call& form, const Place& place) {
  if (auto special = special_call(form, place)) return std::move(*special);
  if (place.group != nullptr && is_aggregate(form.name.text)) {
    return aggregate(context_, form, *place.group);
  }
  std::vector<Cell> arguments;
  for (const ast::Assignment& each : form.arguments) {
    arguments.push_back(value(*each.value, place));
  }
  return call_function(context_, form.name.text, arguments);
}

Cell Machine::form(const ast::Negate& form, const Place& place) {
  return negate(context_, value(*form.operand, place));
}

Cell Machine::form(const ast::Binary& form, const Place& place) {
  Cell left = value(*form.left, place);
  Cell right = value(*form.right, place);
  return arithmetic(context_, form.op, std::move(left), std::move(right));
}

Cell Machine::form(const ast::Logic& form, const Place& place) {
  Cell out = Cell::of(form.all);
  for (const ast::Expr* each : form.operands) {
    const Cell operand = convert(context_, value(*each, place), Type::Bool);
    out = form.all ? both(out, operand) : either(out, operand);
  }
  return out;
}

Cell Machine::form(const ast::Compare& form, const Place& place) {
  Cell left = value(*form.left, place);
  Cell right = value(*form.right, place);
  return compare(context_, form.op, std::move(left), std::move(right));
}

Cell Machine::form(const ast::TextMatch& form, const Place& place) {
  const std::string text = text_of(context_, value(*form.left, place));
  const std::string needle = text_of(context_, value(*form.right, place));
  return Cell::of(text_match(context_, form.op, form.case_sensitive, text, needle) != form.negated);
}

// The list's values: those of a table's first column, and an array counts as its elements.
std::vector<Cell> Machine::items(const ast::SetMatch& form, const Place& place) {
  std::vector<Cell> out;
  Scope inner{place.scope};
  if (form.items.size() == 1 && is_table(*form.items.front(), *place.scope)) {
    const Table found = table(*form.items.front(), inner);
    for (const Row& row : found.rows)
      out.push_back(row.empty() ? context_.refuse("a table without columns") : row.front());
    return out;
  }
  for (const ast::Expr* each : form.items) {
    Cell item = value(*each, place);
    const bool dynamic = item.type == Type::Dynamic && !item.is_null();
    const Json::Array* array = dynamic ? item.json().if_array() : nullptr;
    if (array == nullptr) {
      out.push_back(std::move(item));
      continue;
    }
    if (!std::holds_alternative<ast::Literal>(each->form)) {
      context_.refuse("a computed array as a list");
    }
    for (const Json& element : *array) {
      if (const std::string* text = element.if_string()) out.push_back(Cell::of(*text));
      if (const auto* whole = element.if_int()) out.push_back(Cell::of(Type::Long, *whole));
      if (const double* real = element.if_double()) out.push_back(Cell::of(*real));
      if (const bool* flag = element.if_bool()) out.push_back(Cell::of(*flag));
    }
  }
  return out;
}

Cell Machine::form(const ast::SetMatch& form, const Place& place) {
  const Cell left = value(*form.left, place);
  const std::vector<Cell> list = items(form, place);
  if (form.op == ast::SetOp::In) {
    return Cell::of(is_one_of(context_, left, list, form.case_sensitive) != form.negated);
  }
  const std::string text = text_of(context_, left);
  const bool all = form.op == ast::SetOp::HasAll;
  bool found = all;
  for (const Cell& each : list) {
    const std::string needle = text_of(context_, each);
    const bool one = text_match(context_, ast::TextOp::Has, false, text, needle);
    found = all ? found && one : found || one;
  }
  return Cell::of(found != form.negated);
}

Cell Machine::form(const ast::Between& form, const Place& place) {
  const Cell middle = value(*form.value, place);
  const Cell low = value(*form.low, place);
  Cell high = value(*form.high, place);
  if (low.type == Type::DateTime && high.type == Type::TimeSpan) {
    high = arithmetic(context_, ast::BinaryOp::Add, low, high);
  }
  const Cell inside = both(compare(context_, ast::CompareOp::GreaterEqual, middle, low),
                           compare(context_, ast::CompareOp::LessEqual, middle, high));
  return form.negated ? opposite(inside) : inside;
}

}  // namespace kql::evaluator
