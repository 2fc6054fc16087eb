// Calls whose arguments are not simply values.

#include <algorithm>

#include "kql/evaluator/convert.h"
#include "kql/evaluator/machine.h"
#include "kql/evaluator/operators.h"

namespace kql::evaluator {

std::optional<Cell> Machine::special_call(const ast::Call& call, const Place& place) {
  const std::string& name = call.name.text;
  const Binding* binding = place.scope->find(name);
  if (binding != nullptr && std::holds_alternative<Closure>(*binding)) {
    return call_lambda(call, std::get<Closure>(*binding), place);
  }
  if (name == "iff" || name == "iif" || name == "case") return choose(call, place);
  if (name == "toscalar") return to_scalar(call, place);
  if (name == "prev" || name == "next") return neighbour(call, place);
  if (name == "row_number") return row_number(call, place);
  if (name == "row_cumsum") return cumulative_sum(call, place);
  if (name != "now" && name != "ago") return std::nullopt;
  const Cell now = Cell::of(Type::DateTime, context_.now);
  if (call.arguments.empty()) return now;
  const auto op = name == "ago" ? ast::BinaryOp::Subtract : ast::BinaryOp::Add;
  return arithmetic(context_, op, now, value(*call.arguments.front().value, place));
}

// The first branch whose condition is true. Values of which one is dynamic are all dynamic.
Cell Machine::choose(const ast::Call& call, const Place& place) {
  const std::size_t last = call.arguments.size() - 1;
  std::vector<Cell> values;
  std::size_t chosen = last / 2;
  for (std::size_t i = 0; i < last; i += 2) {
    const bool taken = holds(*call.arguments[i].value, place);
    if (taken) chosen = std::min(chosen, i / 2);
    values.push_back(value(*call.arguments[i + 1].value, place));
  }
  values.push_back(value(*call.arguments[last].value, place));
  std::optional<Type> type = values.front().type;
  bool dynamic = false;
  for (const Cell& each : values) {
    dynamic = dynamic || each.type == Type::Dynamic;
    if (type) type = common_type(*type, each.type);
  }
  if (dynamic) return as_json(context_, values[chosen]);
  if (!type) return context_.refuse("branches of such types");
  return convert(context_, values[chosen], *type);
}

Cell Machine::to_scalar(const ast::Call& call, const Place& place) {
  const ast::Expr& argument = *call.arguments.front().value;
  if (!is_table(argument, *place.scope)) return value(argument, place);
  Scope inner{place.scope};
  const Table found = table(argument, inner);
  if (found.columns.empty()) return context_.refuse("a table without columns");
  if (found.rows.empty()) return Cell::null(found.columns.front().type);
  const std::string first = canonical(found.rows.front().front());
  for (const Row& row : found.rows) {
    if (!in_total_order(found) && canonical(row.front()) != first) {
      return context_.refuse("any of several rows");
    }
  }
  return found.rows.front().front();
}

bool in_total_order(const Table& table) {
  if (table.rows.size() < 2) return true;
  if (table.ranks.size() != table.rows.size()) return false;
  for (std::size_t i = 1; i < table.rows.size(); ++i) {
    if (table.ranks[i] != table.ranks[i - 1]) continue;
    for (std::size_t j = 0; j < table.columns.size(); ++j) {
      if (canonical(table.rows[i][j]) != canonical(table.rows[i - 1][j])) return false;
    }
  }
  return true;
}

bool Machine::in_order(const Place& place) {
  const bool good = place.table != nullptr && in_total_order(*place.table);
  if (!good) context_.refuse("rows without an order");
  return good;
}

// prev(x, 1, otherwise), next(x)
Cell Machine::neighbour(const ast::Call& call, const Place& place) {
  const ast::Expr& argument = *call.arguments.front().value;
  const Type type = type_of(argument, place);
  if (place.row == nullptr || !in_order(place)) return Cell::null(type);
  std::int64_t offset = 1;
  if (call.arguments.size() > 1) offset = value(*call.arguments[1].value, place).integer();
  if (call.name.text == "prev") offset = -offset;
  const std::int64_t at = static_cast<std::int64_t>(place.index) + offset;
  if (at < 0 || at >= static_cast<std::int64_t>(place.table->rows.size())) {
    if (call.arguments.size() < 3) return Cell::null(type);
    return convert(context_, value(*call.arguments[2].value, place), type);
  }
  Place there = place;
  there.index = static_cast<std::size_t>(at);
  there.row = &place.table->rows[there.index];
  return value(argument, there);
}

// row_number(first, restart)
Cell Machine::row_number(const ast::Call& call, const Place& place) {
  if (place.row == nullptr || !in_order(place)) return Cell::null(Type::Long);
  std::int64_t first = 1;
  if (!call.arguments.empty()) first = value(*call.arguments[0].value, place).integer();
  std::int64_t number = first;
  for (std::size_t i = 0; i <= place.index; ++i) {
    Place there = place;
    there.index = i;
    there.row = &place.table->rows[i];
    const bool restart = call.arguments.size() > 1 && holds(*call.arguments[1].value, there);
    number = i == 0 || restart ? first : number + 1;
  }
  return Cell::of(Type::Long, number);
}

// row_cumsum(x, restart)
Cell Machine::cumulative_sum(const ast::Call& call, const Place& place) {
  Type type = type_of(*call.arguments[0].value, place);
  if (type == Type::Int) type = Type::Long;
  const bool known = type == Type::Long || type == Type::Real || type == Type::TimeSpan;
  if (!known) return context_.refuse("such a running sum", type);
  if (place.row == nullptr || !in_order(place)) return Cell::null(type);
  const Cell zero = type == Type::Real ? Cell::of(0.0) : Cell::of(type, 0);
  Cell sum = zero;
  for (std::size_t i = 0; i <= place.index; ++i) {
    Place there = place;
    there.index = i;
    there.row = &place.table->rows[i];
    if (call.arguments.size() > 1 && holds(*call.arguments[1].value, there)) sum = zero;
    const Cell term = value(*call.arguments[0].value, there);
    if (!term.is_null()) sum = arithmetic(context_, ast::BinaryOp::Add, sum, term);
  }
  return sum;
}

Scope Machine::arguments_of(const ast::Call& call, const Closure& function, const Scope& scope,
                            const Table* piped, const Place& place) {
  Scope out{function.scope};
  std::size_t next = 0;
  for (const ast::Assignment& each : call.arguments) {
    if (!each.names.empty()) context_.refuse("named arguments");
  }
  for (const ast::Parameter& parameter : function.lambda->parameters) {
    if (parameter.tabular && piped != nullptr) {
      out.names.insert_or_assign(parameter.name.text, *piped);
      piped = nullptr;
      continue;
    }
    const ast::Expr* given =
        next < call.arguments.size() ? call.arguments[next].value : parameter.otherwise;
    ++next;
    if (given == nullptr) {
      context_.refuse("a missing argument");
      continue;
    }
    Scope inner{&scope};
    if (parameter.tabular) {
      out.names.insert_or_assign(parameter.name.text, table(*given, inner));
    } else {
      out.names.insert_or_assign(parameter.name.text,
                                 convert(context_, value(*given, place), parameter.type));
    }
  }
  return out;
}

Cell Machine::call_lambda(const ast::Call& call, const Closure& function, const Place& place) {
  Scope scope = arguments_of(call, function, *place.scope, nullptr, place);
  const ast::Query& body = *function.lambda->body;
  if (!body.lets.empty() || body.body == nullptr) return context_.refuse("let within a function");
  Place inside;
  inside.scope = &scope;
  return value(*body.body, inside);
}

}  // namespace kql::evaluator
