// Where rows come from, and what columns are called.

#include <algorithm>

#include <fmt/format.h>

#include "kql/evaluator/convert.h"
#include "kql/evaluator/machine.h"
#include "kql/evaluator/operators.h"

namespace kql::evaluator {

Table Machine::query(const ast::Query& query, Scope& scope) {
  for (const ast::Let& let : query.lets) {
    if (const auto* lambda = std::get_if<ast::Lambda>(&let.value->form)) {
      scope.names.insert_or_assign(let.name.text, Closure{lambda, &scope});
    } else if (is_table(*let.value, scope)) {
      scope.names.insert_or_assign(let.name.text, table(*let.value, scope));
    } else {
      Place place;
      place.scope = &scope;
      scope.names.insert_or_assign(let.name.text, value(*let.value, place));
    }
  }
  if (query.body != nullptr) return table(*query.body, scope);
  context_.refuse("a query without a table");
  return {};
}

bool Machine::is_table(const ast::Expr& expr, const Scope& scope) const {
  if (const auto* pipe = std::get_if<ast::Pipeline>(&expr.form)) {
    const bool plain = pipe->operators.empty() && pipe->source != nullptr;
    return plain ? is_table(*pipe->source, scope) : true;
  }
  if (const auto* name = std::get_if<ast::NameRef>(&expr.form)) {
    const Binding* binding = scope.find(name->name);
    return binding != nullptr && std::holds_alternative<Table>(*binding);
  }
  if (const auto* call = std::get_if<ast::Call>(&expr.form)) {
    if (call->name.text == "materialize" || call->name.text == "view") return true;
    const Binding* binding = scope.find(call->name.text);
    const auto* closure = binding == nullptr ? nullptr : std::get_if<Closure>(binding);
    const ast::Expr* body = closure == nullptr ? nullptr : closure->lambda->body->body;
    if (body == nullptr) return false;
    const auto* pipe = std::get_if<ast::Pipeline>(&body->form);
    return pipe != nullptr && !pipe->operators.empty();
  }
  return std::holds_alternative<ast::DataTable>(expr.form) ||
         std::holds_alternative<ast::Print>(expr.form) ||
         std::holds_alternative<ast::Range>(expr.form) ||
         std::holds_alternative<ast::SourceOperator>(expr.form);
}

Table Machine::table(const ast::Expr& expr, Scope& scope) {
  if (--context_.budget < 0) context_.refuse("so much to compute");
  if (context_.refused) return {};
  return std::visit([&](const auto& content) { return source(content, scope); }, expr.form);
}

Table Machine::source(const ast::Pipeline& form, Scope& scope) {
  if (form.source == nullptr) {
    context_.refuse("a pipeline without a source");
    return {};
  }
  Table out = table(*form.source, scope);
  for (const ast::Operator& op : form.operators) {
    context_.budget -= static_cast<std::int64_t>(out.rows.size());
    if (context_.budget < 0) context_.refuse("so much to compute");
    if (context_.refused) return {};
    std::visit([&](const auto& content) { apply(content, out, scope); }, op.form);
  }
  return out;
}

Table Machine::source(const ast::NameRef& form, Scope& scope) {
  const Binding* binding = scope.find(form.name);
  const Table* found = binding == nullptr ? nullptr : std::get_if<Table>(binding);
  if (found != nullptr) return *found;
  context_.refuse("the table " + form.name);
  return {};
}

Table Machine::source(const ast::DataTable& form, Scope& scope) {
  Table out;
  for (const ast::NamedType& column : form.columns)
    out.columns.push_back({column.name.text, column.type});
  Place place;
  place.scope = &scope;
  for (std::size_t i = 0; i < form.values.size(); ++i) {
    const Type type = out.columns[i % out.columns.size()].type;
    if (i % out.columns.size() == 0) out.rows.emplace_back();
    const Cell cell = literal_as(context_, value(*form.values[i], place), type);
    out.rows.back().push_back(type == Type::Dynamic ? as_json(context_, cell)
                                                    : convert(context_, cell, type));
  }
  return out;
}

Table Machine::source(const ast::Print& form, Scope& scope) {
  Table out;
  out.rows.emplace_back();
  Place place;
  place.scope = &scope;
  for (std::size_t i = 0; i < form.columns.size(); ++i) {
    const ast::Assignment& column = form.columns[i];
    Cell cell = value(*column.value, place);
    std::string name = fmt::format("print_{}", i);
    if (column.names.size() == 1) name = column.names.front().text;
    out.columns.push_back({std::move(name), cell.type});
    out.rows.back().push_back(std::move(cell));
  }
  return out;
}

Table Machine::source(const ast::Range& form, Scope& scope) {
  Place place;
  place.scope = &scope;
  Cell from = value(*form.from, place);
  Cell to = value(*form.to, place);
  Cell step = value(*form.step, place);
  Table out;
  const bool whole = is_integer(from.type) && is_integer(to.type) && is_integer(step.type);
  const bool time = from.type == to.type && step.type == Type::TimeSpan &&
                    (from.type == Type::DateTime || from.type == Type::TimeSpan);
  if (!whole && !time) context_.refuse("a range of such values");
  const Type type = whole ? Type::Long : from.type;
  out.columns.push_back({form.name.text, type});
  if (context_.refused || from.is_null() || to.is_null() || step.is_null()) return out;
  const std::int64_t by = step.integer();
  std::int64_t at = from.integer();
  while (by != 0 && (by > 0 ? at <= to.integer() : at >= to.integer())) {
    out.rows.push_back({Cell::of(type, at)});
    if (out.rows.size() > 1000) context_.refuse("such a long range");
    if (context_.refused || __builtin_add_overflow(at, by, &at)) break;
  }
  return out;
}

Table Machine::source(const ast::Call& form, Scope& scope) {
  const bool wrapped = form.name.text == "materialize" || form.name.text == "view";
  if (wrapped) return table(*form.arguments.front().value, scope);
  const Binding* binding = scope.find(form.name.text);
  const auto* closure = binding == nullptr ? nullptr : std::get_if<Closure>(binding);
  if (closure != nullptr) return call_table(form, *closure, nullptr, scope);
  context_.refuse("the table function " + form.name.text);
  return {};
}

Table Machine::source(const ast::SourceOperator& form, Scope& scope) {
  Table out;
  const auto* together = std::get_if<ast::Union>(&form.op->form);
  if (together == nullptr) {
    context_.refuse("such a source");
  } else {
    apply(*together, out, scope);
  }
  return out;
}

Table Machine::call_table(const ast::Call& call, const Closure& function, const Table* piped,
                          Scope& scope) {
  Place place;
  place.scope = &scope;
  Scope inner = arguments_of(call, function, scope, piped, place);
  if (!function.lambda->body->lets.empty()) context_.refuse("let within a function");
  if (context_.refused) return {};
  return query(*function.lambda->body, inner);
}

namespace {

// How a column that holds an aggregate's value begins.
std::string_view prefix_of(std::string_view aggregate) {
  if (aggregate.starts_with("make_set")) return "set";
  if (aggregate.starts_with("make_list")) return "list";
  return aggregate;
}

}  // namespace

std::optional<std::string> Machine::implied_name(const ast::Expr& expr) const {
  if (const auto* name = std::get_if<ast::NameRef>(&expr.form)) return name->name;
  if (const auto* member = std::get_if<ast::Member>(&expr.form)) {
    const auto base = implied_name(*member->base);
    return base ? std::optional(*base + "_" + member->name.text) : std::nullopt;
  }
  const auto* call = std::get_if<ast::Call>(&expr.form);
  const bool known = call != nullptr && is_aggregate(call->name.text) &&
                     call->name.text != "percentile" && !call->name.text.starts_with("binary");
  if (!known) return std::nullopt;
  std::string out = std::string(prefix_of(call->name.text)) + "_";
  if (call->arguments.empty()) return out;
  const ast::Expr& first = *call->arguments.front().value;
  const bool plain = std::holds_alternative<ast::NameRef>(first.form);
  return plain ? std::optional(out + *implied_name(first)) : std::nullopt;
}

std::string Machine::name_of(const ast::Assignment& assignment) const {
  if (assignment.names.size() == 1) return assignment.names.front().text;
  return implied_name(*assignment.value).value_or("");
}

std::string unique_name(const std::string& name, const std::vector<Column>& columns) {
  const auto taken = [&columns](const std::string& candidate) {
    return std::any_of(columns.begin(), columns.end(),
                       [&](const Column& each) { return each.name == candidate; });
  };
  std::string out = name;
  for (int i = 1; !name.empty() && taken(out); ++i)
    out = fmt::format("{}{}", name, i);
  return out;
}

}  // namespace kql::evaluator
