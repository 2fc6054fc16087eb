// Rows into groups, and what becomes of each.

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "kql/evaluator/machine.h"

namespace kql::evaluator {
namespace {

std::string key_text(const Row& row) {
  std::string out;
  for (const Cell& each : row)
    out += canonical(each) + "|";
  return out;
}

bool is_pick(const ast::Expr& expr) {
  const auto* call = std::get_if<ast::Call>(&expr.form);
  return call != nullptr && (call->name.text == "arg_max" || call->name.text == "arg_min" ||
                             call->name.text == "take_any");
}

bool is_star(const ast::Assignment& argument) {
  return std::holds_alternative<ast::Star>(argument.value->form);
}

}  // namespace

Place at_row(const Table& table, std::size_t index, const Scope& scope) {
  Place out = at_no_row(table, scope);
  out.row = &table.rows[index];
  out.index = index;
  return out;
}

Place at_no_row(const Table& table, const Scope& scope) {
  Place out;
  out.scope = &scope;
  out.table = &table;
  return out;
}

void Machine::apply(const ast::Summarize& form, Table& input, Scope& scope) {
  Table out;
  for (const ast::Assignment& key : form.keys)
    out.columns.push_back({name_of(key), type_of(*key.value, at_no_row(input, scope))});
  std::vector<Members> groups;
  std::map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < input.rows.size(); ++i) {
    Row keys;
    for (const ast::Assignment& key : form.keys)
      keys.push_back(value(*key.value, at_row(input, i, scope)));
    const auto [found, added] = known.emplace(key_text(keys), groups.size());
    if (added) {
      groups.emplace_back();
      out.rows.push_back(std::move(keys));
    }
    groups[found->second].push_back(i);
  }
  // No rows and no keys: one group of no rows.
  if (form.keys.empty() && groups.empty()) {
    groups.emplace_back();
    out.rows.emplace_back();
  }
  for (const ast::Assignment& each : form.aggregates) {
    if (is_pick(*each.value)) {
      pick(each, groups, input, out, scope);
    } else {
      aggregate_column(each, groups, input, out, scope);
    }
  }
  input = std::move(out);
}

void Machine::aggregate_column(const ast::Assignment& column, const std::vector<Members>& groups,
                               const Table& input, Table& out, const Scope& scope) {
  const Members nobody;
  const Members* members = &nobody;
  Group group;
  group.ordered = in_total_order(input);
  group.type = [&](const ast::Expr& argument) {
    return type_of(argument, at_no_row(input, scope));
  };
  group.values = [&](const ast::Expr& argument) {
    std::vector<Cell> cells;
    for (const std::size_t i : *members)
      cells.push_back(value(argument, at_row(input, i, scope)));
    return cells;
  };
  Place place;
  place.scope = &scope;
  place.group = &group;
  const Type type = value(*column.value, place).type;
  out.columns.push_back({unique_name(name_of(column), out.columns), type});
  for (std::size_t g = 0; g < groups.size(); ++g) {
    members = &groups[g];
    group.rows = members->size();
    out.rows[g].push_back(value(*column.value, place));
  }
}

// The expressions that arg_max(by, a, *) means, '*' written out; `star` owns what it adds.
std::vector<const ast::Expr*> Machine::picked(const ast::Call& call, const Table& input,
                                              const Table& out, std::deque<ast::Expr>& star) const {
  std::vector<const ast::Expr*> wanted;
  for (const ast::Assignment& each : call.arguments) {
    if (!is_star(each)) wanted.push_back(each.value);
  }
  if (std::none_of(call.arguments.begin(), call.arguments.end(), is_star)) return wanted;
  std::set<std::string> taken;
  for (const Column& each : out.columns)
    taken.insert(each.name);
  for (const ast::Expr* each : wanted)
    taken.insert(implied_name(*each).value_or(""));
  for (const Column& each : input.columns) {
    if (taken.contains(each.name)) continue;
    star.push_back({{}, ast::NameRef{each.name}});
    wanted.push_back(&star.back());
  }
  return wanted;
}

// arg_max(by, a, b), take_any(a): values of one row of each group, when it is clear which.
void Machine::pick(const ast::Assignment& column, const std::vector<Members>& groups,
                   const Table& input, Table& out, const Scope& scope) {
  const ast::Call& call = std::get<ast::Call>(column.value->form);
  std::deque<ast::Expr> star;
  const std::vector<const ast::Expr*> wanted = picked(call, input, out, star);
  const std::size_t first = out.columns.size();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    std::string name = implied_name(*wanted[i]).value_or("");
    if (i < column.names.size()) name = column.names[i].text;
    const Type type = type_of(*wanted[i], at_no_row(input, scope));
    out.columns.push_back({unique_name(name, out.columns), type});
  }
  const bool by_order = call.name.text != "take_any";
  const int wanted_order = call.name.text == "arg_min" ? -1 : 1;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    std::vector<Row> rows;
    for (const std::size_t i : groups[g]) {
      Row row;
      for (const ast::Expr* each : wanted)
        row.push_back(value(*each, at_row(input, i, scope)));
      rows.push_back(std::move(row));
    }
    if (by_order) keep_best(rows, wanted_order);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const Type type = out.columns[first + i].type;
      out.rows[g].push_back(rows.empty() ? Cell::null(type) : rows.front()[i]);
      for (const Row& other : rows) {
        if (canonical(other[i]) != canonical(rows.front()[i]))
          context_.refuse("one of several rows");
      }
    }
  }
}

// Only the rows with the greatest (or the least) first value; all of them where all are null.
void Machine::keep_best(std::vector<Row>& rows, int wanted) {
  const Cell* best = nullptr;
  for (const Row& row : rows) {
    const Cell& each = row.front();
    if (each.is_null()) continue;
    if (each.type == Type::Real && std::isnan(each.real())) {
      context_.refuse("the row of the greatest NaN");
    }
    if (best == nullptr || order(each, *best) == wanted) best = &each;
  }
  if (best == nullptr) return;
  const std::string text = canonical(*best);
  std::erase_if(rows, [&text](const Row& row) { return canonical(row.front()) != text; });
}

void Machine::apply(const ast::Distinct& form, Table& input, Scope& scope) {
  if (!form.all) apply(ast::Project{form.columns}, input, scope);
  Table out;
  out.columns = input.columns;
  std::set<std::string> seen;
  for (Row& row : input.rows) {
    if (seen.insert(key_text(row)).second) out.rows.push_back(std::move(row));
  }
  input = std::move(out);
}

}  // namespace kql::evaluator
