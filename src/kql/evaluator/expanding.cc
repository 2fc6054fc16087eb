// mv-expand: rows of the elements of dynamic values.

#include <algorithm>

#include "kql/evaluator/convert.h"
#include "kql/evaluator/machine.h"

namespace kql::evaluator {
namespace {

// What one value expands to.
Json::Array elements_of(const Cell& cell, bool as_arrays) {
  if (cell.is_null()) return Json::Array(1);
  if (const Json::Array* array = cell.json().if_array()) return *array;
  const Json::Object* bag = cell.json().if_object();
  if (bag == nullptr) return Json::Array(1, cell.json());
  Json::Array out;
  for (const base::json::Member& each : *bag) {
    Json::Array pair;
    pair.emplace_back(each.name);
    pair.push_back(each.value);
    Json::Object single;
    single.push_back(each);
    out.push_back(as_arrays ? Json(std::move(pair)) : Json(std::move(single)));
  }
  return out;
}

std::string property(const ast::MvExpand& form, std::string_view name) {
  for (const ast::Property& each : form.properties) {
    if (each.name.text == name) return each.value.text;
  }
  return "";
}

}  // namespace

void Machine::apply(const ast::MvExpand& form, Table& input, Scope& scope) {
  const bool as_arrays =
      property(form, "kind") == "array" || property(form, "bagexpansion") == "array";
  const std::string index = property(form, "with_itemindex");
  std::int64_t limit = INT64_MAX;
  if (form.limit != nullptr) limit = value(*form.limit, at_no_row(input, scope)).integer();
  Table out;
  out.columns = input.columns;
  std::vector<std::size_t> places;
  for (const ast::ExpandItem& item : form.items) {
    const std::string name = name_of(item.item);
    if (name.empty()) context_.refuse("an expanded value without a name");
    const std::size_t at = out.find(name);
    if (at == out.columns.size()) out.columns.push_back({name, Type::Dynamic});
    out.columns[at].type = item.to.value_or(Type::Dynamic);
    places.push_back(at);
  }
  if (!index.empty()) out.columns.push_back({unique_name(index, out.columns), Type::Long});
  for (std::size_t i = 0; i < input.rows.size(); ++i) {
    std::vector<Json::Array> lists;
    std::size_t longest = 0;
    for (const ast::ExpandItem& item : form.items) {
      const Cell list = value(*item.item.value, at_row(input, i, scope));
      lists.push_back(elements_of(list, as_arrays));
      longest = std::max(longest, lists.back().size());
    }
    for (std::size_t e = 0; e < longest && static_cast<std::int64_t>(e) < limit; ++e) {
      Row row = input.rows[i];
      row.resize(out.columns.size());
      for (std::size_t k = 0; k < lists.size(); ++k) {
        const bool there = e < lists[k].size();
        const Cell element = there ? Cell::of(lists[k][e]) : Cell::null(Type::Dynamic);
        row[places[k]] = convert(context_, element, out.columns[places[k]].type);
      }
      if (!index.empty()) row.back() = Cell::of(Type::Long, static_cast<std::int64_t>(e));
      out.rows.push_back(std::move(row));
      if (!input.ranks.empty()) out.ranks.push_back(input.ranks[i]);
    }
  }
  input = std::move(out);
}

}  // namespace kql::evaluator
