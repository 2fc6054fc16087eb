// Operators over several tables.

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "kql/evaluator/convert.h"
#include "kql/evaluator/machine.h"
#include "kql/evaluator/operators.h"

namespace kql::evaluator {
namespace {

std::string_view side_column(const ast::Expr& expr, std::string_view side) {
  const auto* member = std::get_if<ast::Member>(&expr.form);
  const auto* base = member == nullptr ? nullptr : std::get_if<ast::NameRef>(&member->base->form);
  return base != nullptr && base->name == side ? std::string_view(member->name.text)
                                               : std::string_view();
}

// The columns that a condition compares; false: it is of another form.
template <class Sides>
bool read_condition(const ast::Expr& condition, Sides& sides) {
  if (const auto* logic = std::get_if<ast::Logic>(&condition.form)) {
    return logic->all &&
           std::all_of(logic->operands.begin(), logic->operands.end(),
                       [&](const ast::Expr* each) { return read_condition(*each, sides); });
  }
  std::string_view a;
  std::string_view b;
  if (const auto* name = std::get_if<ast::NameRef>(&condition.form)) {
    a = b = name->name;
  } else if (const auto* compare = std::get_if<ast::Compare>(&condition.form)) {
    a = side_column(*compare->left, "$left");
    b = side_column(*compare->right, "$right");
  }
  if (a.empty() || b.empty()) return false;
  sides.left_keys.push_back(sides.left.find(a));
  sides.right_keys.push_back(sides.right.find(b));
  return sides.left_keys.back() < sides.left.columns.size() &&
         sides.right_keys.back() < sides.right.columns.size();
}

std::string text_of_row(const Row& row, const std::vector<std::size_t>& columns) {
  std::string out;
  for (const std::size_t i : columns)
    out += canonical(row[i]) + "|";
  return out;
}

std::string text_of_row(const Row& row) {
  std::string out;
  for (const Cell& each : row)
    out += canonical(each) + "|";
  return out;
}

Row nulls_of(const Table& table) {
  Row out;
  for (const Column& each : table.columns)
    out.push_back(Cell::null(each.type));
  return out;
}

Row beside(const Row& left, const Row& right) {
  Row out = left;
  out.insert(out.end(), right.begin(), right.end());
  return out;
}

std::string kind_of(const ast::Join& form) {
  std::string out = form.lookup ? "leftouter" : "innerunique";
  for (const ast::Property& each : form.properties) {
    if (each.name.text == "kind") out = each.value.text;
  }
  return out;
}

}  // namespace

bool Machine::matched(const Sides& sides, const Row& left, const Row& right) {
  for (std::size_t k = 0; k < sides.left_keys.size(); ++k) {
    const Cell& x = left[sides.left_keys[k]];
    const Cell& y = right[sides.right_keys[k]];
    const Cell same = compare(context_, ast::CompareOp::Equal, x, y);
    if (x.is_null() || y.is_null() || same.is_null() || !same.flag()) return false;
  }
  return true;
}

// innerunique: any one of the left rows that share a key, so they had better be the same.
void Machine::keep_one_of_each_key(Sides& sides) {
  std::set<std::string> keys;
  std::set<std::string> distinct;
  std::vector<Row> kept;
  for (const Row& row : sides.left.rows) {
    distinct.insert(text_of_row(row));
    if (keys.insert(text_of_row(row, sides.left_keys)).second) kept.push_back(row);
  }
  if (keys.size() != distinct.size()) context_.refuse("any row of several with one key");
  sides.left.rows = std::move(kept);
}

Machine::Pairs Machine::pairs_of(const Sides& sides) {
  Pairs out{{},
            std::vector<bool>(sides.left.rows.size(), false),
            std::vector<bool>(sides.right.rows.size(), false)};
  for (std::size_t i = 0; i < sides.left.rows.size(); ++i) {
    for (std::size_t j = 0; j < sides.right.rows.size(); ++j) {
      if (--context_.budget < 0) context_.refuse("so many pairs");
      if (context_.refused) return out;
      if (!matched(sides, sides.left.rows[i], sides.right.rows[j])) continue;
      out.left_matched[i] = out.right_matched[j] = true;
      out.rows.push_back(beside(sides.left.rows[i], sides.right.rows[j]));
    }
  }
  return out;
}

void Machine::apply(const ast::Join& form, Table& input, Scope& scope) {
  Sides sides{std::move(input), table(*form.right, scope), {}, {}};
  input = {};
  const std::string kind = kind_of(form);
  for (const ast::Expr* each : form.conditions) {
    if (!read_condition(*each, sides)) context_.refuse("such a join condition");
  }
  if (context_.refused) return;
  if (kind == "innerunique") keep_one_of_each_key(sides);
  Pairs pairs = pairs_of(sides);
  if (kind.ends_with("semi") || kind.ends_with("anti")) {
    const bool right = kind.starts_with("right");
    input.columns = right ? sides.right.columns : sides.left.columns;
    const std::vector<Row>& rows = right ? sides.right.rows : sides.left.rows;
    const std::vector<bool>& found = right ? pairs.right_matched : pairs.left_matched;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (found[i] == kind.ends_with("semi")) input.rows.push_back(rows[i]);
    }
    return;
  }
  const Row no_left = nulls_of(sides.left);
  const Row no_right = nulls_of(sides.right);
  const bool full = kind == "fullouter";
  for (std::size_t i = 0; i < sides.left.rows.size() && (full || kind == "leftouter"); ++i) {
    if (!pairs.left_matched[i]) pairs.rows.push_back(beside(sides.left.rows[i], no_right));
  }
  for (std::size_t j = 0; j < sides.right.rows.size() && (full || kind == "rightouter"); ++j) {
    if (!pairs.right_matched[j]) pairs.rows.push_back(beside(no_left, sides.right.rows[j]));
  }
  // The columns of both; those of the right give way with their names. lookup has its keys once.
  input.columns = sides.left.columns;
  std::vector<bool> kept(sides.left.columns.size(), true);
  for (std::size_t j = 0; j < sides.right.columns.size(); ++j) {
    const auto& keys = sides.right_keys;
    kept.push_back(!form.lookup || std::find(keys.begin(), keys.end(), j) == keys.end());
    const Column& column = sides.right.columns[j];
    if (kept.back())
      input.columns.push_back({unique_name(column.name, input.columns), column.type});
  }
  for (const Row& pair : pairs.rows) {
    input.rows.emplace_back();
    for (std::size_t i = 0; i < pair.size(); ++i) {
      if (kept[i]) input.rows.back().push_back(pair[i]);
    }
  }
}

void Machine::apply(const ast::Union& form, Table& input, Scope& scope) {
  std::vector<std::pair<std::string, Table>> inputs;
  if (!input.columns.empty()) inputs.emplace_back("union_arg0", std::move(input));
  bool inner = false;
  std::string source;
  for (const ast::Property& each : form.properties) {
    if (each.name.text == "kind") inner = each.value.text == "inner";
    if (each.name.text == "withsource") source = each.value.text;
  }
  for (const ast::Expr* each : form.tables) {
    std::string name = fmt::format("union_arg{}", inputs.size());
    const bool plain = std::holds_alternative<ast::NameRef>(each->form);
    if (!plain && !source.empty()) context_.refuse("the name of such a source");
    if (const auto* reference = std::get_if<ast::NameRef>(&each->form)) name = reference->name;
    inputs.emplace_back(std::move(name), table(*each, scope));
  }
  if (context_.refused) return;
  // A name with two types is two columns, and which stands where is not worth a second opinion.
  Table out;
  if (!source.empty()) out.columns.push_back({source, Type::String});
  for (const auto& [name, each] : inputs) {
    for (const Column& column : each.columns) {
      const std::size_t at = out.find(column.name);
      const auto everywhere = [&](const auto& other) {
        return other.second.find(column.name) < other.second.columns.size();
      };
      if (column.name.empty()) context_.refuse("columns without names in a union");
      if (at < out.columns.size() && out.columns[at].type != column.type) {
        context_.refuse("a union of columns of one name and several types");
      }
      if (at < out.columns.size()) continue;
      if (inner && !std::all_of(inputs.begin(), inputs.end(), everywhere)) continue;
      out.columns.push_back(column);
    }
  }
  for (const auto& [name, each] : inputs) {
    for (const Row& from : each.rows) {
      Row row;
      for (const Column& column : out.columns) {
        const std::size_t at = each.find(column.name);
        row.push_back(at < each.columns.size() ? from[at] : Cell::null(column.type));
      }
      if (!source.empty()) row.front() = Cell::of(name);
      out.rows.push_back(std::move(row));
    }
  }
  input = std::move(out);
}

}  // namespace kql::evaluator
