// Operators that keep, drop or sort rows and columns of one table.

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kql/evaluator/convert.h"
#include "kql/evaluator/machine.h"

namespace kql::evaluator {
namespace {

// The rows of these numbers, in this order.
void keep(const std::vector<std::size_t>& kept, Table& table) {
  std::vector<Row> rows;
  std::vector<std::size_t> ranks;
  for (const std::size_t i : kept) {
    rows.push_back(std::move(table.rows[i]));
    if (!table.ranks.empty()) ranks.push_back(table.ranks[i]);
  }
  table.rows = std::move(rows);
  table.ranks = std::move(ranks);
}

// '*' stands for any run of characters.
bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() != '*') {
    return !text.empty() && pattern.front() == text.front() &&
           matches(pattern.substr(1), text.substr(1));
  }
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (matches(pattern.substr(1), text.substr(i))) return true;
  }
  return false;
}

// Exactly these columns of the table, in this order.
void keep_columns(const std::vector<std::size_t>& kept, Table& table) {
  std::vector<Column> columns;
  for (const std::size_t i : kept)
    columns.push_back(table.columns[i]);
  for (Row& row : table.rows) {
    Row out;
    for (const std::size_t i : kept)
      out.push_back(row[i]);
    row = std::move(out);
  }
  table.columns = std::move(columns);
}

// Where a value stands in the order: nulls and NaN at one end, together.
int class_of(const Cell& cell, bool nulls_first) {
  const bool nan = !cell.is_null() && cell.type == Type::Real && std::isnan(cell.real());
  if (nulls_first) return cell.is_null() ? 0 : (nan ? 1 : 2);
  return cell.is_null() ? 2 : (nan ? 1 : 0);
}

}  // namespace

void Machine::apply(const ast::Where& form, Table& input, Scope& scope) {
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < input.rows.size(); ++i) {
    if (holds(*form.predicate, at_row(input, i, scope))) kept.push_back(i);
  }
  keep(kept, input);
}

void Machine::apply(const ast::Extend& form, Table& input, Scope& scope) {
  Table out = input;
  for (const ast::Assignment& each : form.columns) {
    std::string name = name_of(each);
    // Some functions pass on the name of their argument.
    const bool call = std::holds_alternative<ast::Call>(each.value->form);
    if (name.empty() && call) context_.refuse("the name of a call's column");
    std::size_t at = name.empty() ? out.columns.size() : out.find(name);
    const Type type = type_of(*each.value, at_no_row(input, scope));
    if (at == out.columns.size()) {
      out.columns.push_back({std::move(name), type});
      for (Row& row : out.rows)
        row.push_back(Cell::null(type));
    }
    out.columns[at].type = type;
    for (std::size_t i = 0; i < input.rows.size(); ++i)
      out.rows[i][at] = value(*each.value, at_row(input, i, scope));
  }
  input = std::move(out);
}

void Machine::apply(const ast::Project& form, Table& input, Scope& scope) {
  Table out;
  out.rows.resize(input.rows.size());
  out.ranks = input.ranks;
  for (const ast::Assignment& each : form.columns) {
    out.columns.push_back({name_of(each), type_of(*each.value, at_no_row(input, scope))});
    for (std::size_t i = 0; i < input.rows.size(); ++i)
      out.rows[i].push_back(value(*each.value, at_row(input, i, scope)));
  }
  input = std::move(out);
}

void Machine::apply(const ast::ProjectPick& form, Table& input, Scope&) {
  std::vector<std::size_t> named;
  for (const ast::Pattern& pattern : form.patterns) {
    if (pattern.descending) context_.refuse("columns sorted by name");
    for (std::size_t i = 0; i < input.columns.size(); ++i) {
      const bool known = std::find(named.begin(), named.end(), i) != named.end();
      if (!known && matches(pattern.name.text, input.columns[i].name)) named.push_back(i);
    }
  }
  std::vector<std::size_t> kept;
  if (form.pick == ast::ColumnPick::Reorder) kept = named;
  for (std::size_t i = 0; i < input.columns.size(); ++i) {
    const bool found = std::find(named.begin(), named.end(), i) != named.end();
    if (found == (form.pick == ast::ColumnPick::Keep)) kept.push_back(i);
  }
  keep_columns(kept, input);
}

void Machine::apply(const ast::ProjectRename& form, Table& input, Scope&) {
  std::vector<Column> columns = input.columns;
  for (const ast::Assignment& each : form.columns) {
    const auto* old = std::get_if<ast::NameRef>(&each.value->form);
    const std::size_t at = old == nullptr ? columns.size() : input.find(old->name);
    if (at < columns.size() && each.names.size() == 1) columns[at].name = each.names.front().text;
  }
  input.columns = std::move(columns);
}

void Machine::take(std::int64_t count, Table& input) {
  if (count < 0) context_.refuse("less than no rows");
  const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
  if (wanted >= input.rows.size()) return;
  // Nothing may be left open that the cut depends on.
  const bool ordered = wanted == 0 || in_total_order(input) ||
                       (!input.ranks.empty() && input.ranks[wanted - 1] != input.ranks[wanted]);
  if (!ordered) context_.refuse("some of the rows without an order");
  input.rows.resize(wanted);
  if (!input.ranks.empty()) input.ranks.resize(wanted);
}

void Machine::apply(const ast::Take& form, Table& input, Scope& scope) {
  Place place;
  place.scope = &scope;
  const Cell count = convert(context_, value(*form.count, place), Type::Long);
  if (count.is_null()) context_.refuse("an unknown number of rows");
  take(count.is_null() ? 0 : count.integer(), input);
}

void Machine::apply(const ast::Count&, Table& input, Scope&) {
  const auto count = static_cast<std::int64_t>(input.rows.size());
  input = {{{"Count", Type::Long}}, {{Cell::of(Type::Long, count)}}, {}};
}

void Machine::sort_by(std::span<const ast::SortKey> keys, Table& input, const Scope& scope) {
  std::vector<Row> values(input.rows.size());
  for (std::size_t i = 0; i < input.rows.size(); ++i) {
    for (const ast::SortKey& key : keys)
      values[i].push_back(value(*key.value, at_row(input, i, scope)));
  }
  const auto compare = [&](std::size_t a, std::size_t b) {
    for (std::size_t k = 0; k < keys.size(); ++k) {
      const Cell& x = values[a][k];
      const Cell& y = values[b][k];
      const bool nulls_first = keys[k].nulls_first.value_or(!keys[k].descending);
      const int first = class_of(x, nulls_first);
      const int second = class_of(y, nulls_first);
      if (first != second) return first < second ? -1 : 1;
      const bool plain = first == (nulls_first ? 2 : 0);
      const int found = plain ? order(x, y) : 0;
      if (found != 0) return keys[k].descending ? -found : found;
    }
    return 0;
  };
  std::vector<std::size_t> sorted(input.rows.size());
  std::iota(sorted.begin(), sorted.end(), 0);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](std::size_t a, std::size_t b) { return compare(a, b) < 0; });
  input.ranks.clear();
  keep(sorted, input);
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const bool tie = i > 0 && compare(sorted[i - 1], sorted[i]) == 0;
    input.ranks.push_back(tie ? input.ranks.back() : i);
  }
}

void Machine::apply(const ast::Sort& form, Table& input, Scope& scope) {
  sort_by(form.keys, input, scope);
}

void Machine::apply(const ast::Top& form, Table& input, Scope& scope) {
  sort_by({&form.key, 1}, input, scope);
  apply(ast::Take{form.count}, input, scope);
}

void Machine::apply(const ast::Serialize& form, Table& input, Scope& scope) {
  if (!form.columns.empty()) apply(ast::Extend{form.columns}, input, scope);
}

void Machine::apply(const ast::As& form, Table& input, Scope& scope) {
  scope.names.insert_or_assign(form.name.text, input);
}

void Machine::apply(const ast::Render&, Table&, Scope&) {}

void Machine::apply(const ast::Invoke& form, Table& input, Scope& scope) {
  const auto* call = std::get_if<ast::Call>(&form.call->form);
  const Binding* binding = call == nullptr ? nullptr : scope.find(call->name.text);
  const auto* closure = binding == nullptr ? nullptr : std::get_if<Closure>(binding);
  if (closure == nullptr) {
    context_.refuse("such an invocation");
    return;
  }
  const Table piped = std::move(input);
  input = call_table(*call, *closure, &piped, scope);
}

}  // namespace kql::evaluator
