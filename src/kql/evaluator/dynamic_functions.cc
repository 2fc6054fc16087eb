#include <algorithm>
#include <array>
#include <set>

#include "kql/evaluator/convert.h"
#include "kql/evaluator/functions.h"

namespace kql::evaluator {
namespace {

using Cells = std::span<const Cell>;
constexpr Type kDynamic = Type::Dynamic;
constexpr Type kLong = Type::Long;

Cell array_of(Json::Array items) {
  return Cell::of(Json(std::move(items)));
}

// The argument as an array. Others are null, and what functions of several arrays make of one of
// those is refused.
const Json::Array* array_at(Cells cells, std::size_t index) {
  return cells[index].is_null() ? nullptr : cells[index].json().if_array();
}

bool all_arrays(Cells cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (array_at(cells, i) == nullptr) return false;
  }
  return true;
}

bool same(const Json& a, const Json& b) {
  return json_text(a) == json_text(b);
}

bool contains(const Json::Array& array, const Json& wanted) {
  return std::any_of(array.begin(), array.end(),
                     [&wanted](const Json& each) { return same(each, wanted); });
}

Cell array_length(Context&, Cells cells) {
  const Json::Array* array = array_at(cells, 0);
  if (array == nullptr) return Cell::null(kLong);
  return Cell::of(kLong, static_cast<std::int64_t>(array->size()));
}

Cell bag_keys(Context&, Cells cells) {
  const Json::Object* bag = cells[0].json().if_object();
  if (bag == nullptr) return Cell::null(kDynamic);
  Json::Array names;
  for (const base::json::Member& each : *bag)
    names.emplace_back(each.name);
  return array_of(std::move(names));
}

Cell bag_has_key(Context& context, Cells cells) {
  if (cells[0].is_null() || cells[0].json().if_object() == nullptr) {
    return context.refuse("a key of no bag", Type::Bool);
  }
  return Cell::of(cells[0].json().find(cells[1].text()) != nullptr);
}

Cell array_concat(Context& context, Cells cells) {
  if (!all_arrays(cells)) return context.refuse("what is no array among arrays");
  Json::Array out;
  for (const Cell& each : cells) {
    const Json::Array& array = *each.json().if_array();
    out.insert(out.end(), array.begin(), array.end());
  }
  return array_of(std::move(out));
}

Cell array_reverse(Context&, Cells cells) {
  const Json::Array* array = array_at(cells, 0);
  if (array == nullptr) return Cell::null(kDynamic);
  return array_of(Json::Array(array->rbegin(), array->rend()));
}

// From and to, both included; negative ones count from the end.
Cell array_slice(Context& context, Cells cells) {
  const Json::Array* array = array_at(cells, 0);
  if (array == nullptr) return Cell::null(kDynamic);
  const auto size = static_cast<std::int64_t>(array->size());
  std::int64_t from = cells[1].integer();
  std::int64_t to = cells[2].integer();
  if (from < -size || to < -size) return context.refuse("a slice from before the start");
  if (from < 0) from += size;
  if (to < 0) to += size;
  Json::Array out;
  for (std::int64_t i = from; i <= std::min(to, size - 1); ++i)
    out.push_back((*array)[static_cast<std::size_t>(i)]);
  return array_of(std::move(out));
}

Cell array_sum(Context& context, Cells cells) {
  const Json::Array* array = array_at(cells, 0);
  if (array == nullptr || array->empty()) return context.refuse("the sum of nothing", Type::Real);
  double sum = 0;
  for (const Json& each : *array) {
    if (each.if_int() == nullptr && each.if_double() == nullptr) {
      return context.refuse("the sum of what are no numbers", Type::Real);
    }
    sum += each.if_int() != nullptr ? static_cast<double>(*each.if_int()) : *each.if_double();
  }
  return Cell::of(sum);
}

Cell array_index_of(Context& context, Cells cells) {
  const Json::Array* array = array_at(cells, 0);
  if (array == nullptr || cells[1].is_null()) {
    return context.refuse("a place in what is no array", kLong);
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    if (same((*array)[i], cells[1].json())) return Cell::of(kLong, static_cast<std::int64_t>(i));
  }
  return Cell::of(kLong, -1);
}

Cell set_has_element(Context& context, Cells cells) {
  const Json::Array* array = array_at(cells, 0);
  if (array == nullptr || cells[1].is_null()) {
    return context.refuse("an element of what is no array", Type::Bool);
  }
  return Cell::of(contains(*array, cells[1].json()));
}

void add_distinct(Json::Array& out, const Json& each) {
  if (!contains(out, each)) out.push_back(each);
}

bool has_null(Cells cells) {
  for (const Cell& each : cells) {
    for (const Json& item : *each.json().if_array()) {
      if (item.is_null()) return true;
    }
  }
  return false;
}

template <class Keep>
Cell set_of(Context& context, Cells cells, bool all, Keep keep) {
  if (!all_arrays(cells) || has_null(cells)) return context.refuse("a set that is no plain array");
  Json::Array out;
  for (const Cell& cell : all ? cells : cells.first(1)) {
    for (const Json& each : *cell.json().if_array()) {
      if (keep(each)) add_distinct(out, each);
    }
  }
  return array_of(std::move(out));
}

Cell set_union(Context& context, Cells cells) {
  return set_of(context, cells, true, [](const Json&) { return true; });
}

Cell set_intersect(Context& context, Cells cells) {
  return set_of(context, cells, false, [cells](const Json& each) {
    return std::all_of(cells.begin(), cells.end(), [&each](const Cell& other) {
      return contains(*other.json().if_array(), each);
    });
  });
}

Cell set_difference(Context& context, Cells cells) {
  return set_of(context, cells, false, [cells](const Json& each) {
    return std::none_of(cells.begin() + 1, cells.end(), [&each](const Cell& other) {
      return contains(*other.json().if_array(), each);
    });
  });
}

Cell pack_array(Context&, Cells cells) {
  Json::Array out;
  for (const Cell& each : cells)
    out.push_back(each.is_null() ? Json() : each.json());
  return array_of(std::move(out));
}

Cell bag_pack(Context& context, Cells cells) {
  Json::Object out;
  std::set<std::string> names;
  for (std::size_t i = 0; i + 1 < cells.size(); i += 2) {
    const Cell value = as_json(context, cells[i + 1]);
    std::string name = text_of(context, cells[i]);
    if (!names.insert(name).second) return context.refuse("a name twice in a bag");
    out.push_back({std::move(name), value.is_null() ? Json() : value.json()});
  }
  return Cell::of(Json(std::move(out)));
}

Cell strcat_array(Context& context, Cells cells) {
  const Json::Array* array = array_at(cells, 0);
  if (array == nullptr) return context.refuse("the texts of what is no array", Type::String);
  std::string out;
  for (std::size_t i = 0; i < array->size(); ++i) {
    if (i > 0) out += cells[1].text();
    out += text_of(context, Cell::of((*array)[i]));
  }
  return Cell::of(std::move(out));
}

Cell repeated(Context& context, Cells cells) {
  const std::int64_t count = cells[1].integer();
  if (count < 0 || count > 1000) return context.refuse("so many repetitions");
  return array_of(Json::Array(static_cast<std::size_t>(count), Json(cells[0].text())));
}

Cell range(Context& context, Cells cells) {
  const std::int64_t from = cells[0].integer();
  const std::int64_t to = cells[1].integer();
  const std::int64_t step = cells.size() > 2 ? cells[2].integer() : 1;
  const bool far = step <= 0 || from < -100'000 || to > 100'000;
  if (far) return context.refuse("such a range");
  Json::Array out;
  for (std::int64_t i = from; i <= to; i += step)
    out.emplace_back(i);
  return array_of(std::move(out));
}

// Of one kind of values, all of them numbers or all of them texts.
template <int kWanted>
Cell array_sort(Context& context, Cells cells) {
  const Json::Array* array = array_at(cells, 0);
  if (array == nullptr) return Cell::null(kDynamic);
  const auto all = [array](auto is) { return std::all_of(array->begin(), array->end(), is); };
  const bool numbers = all([](const Json& each) { return each.if_int() != nullptr; });
  const bool texts = all([](const Json& each) { return each.if_string() != nullptr; });
  if (!numbers && !texts) return context.refuse("an order of mixed values");
  Json::Array out = *array;
  std::stable_sort(out.begin(), out.end(), [numbers](const Json& a, const Json& b) {
    const Json& low = kWanted > 0 ? a : b;
    const Json& high = kWanted > 0 ? b : a;
    return numbers ? *low.if_int() < *high.if_int() : *low.if_string() < *high.if_string();
  });
  return array_of(std::move(out));
}

std::string_view json_type(const Json& json) {
  if (json.if_bool() != nullptr) return "bool";
  if (json.if_int() != nullptr) return "long";
  if (json.if_double() != nullptr) return "double";
  if (json.if_string() != nullptr) return "string";
  return json.if_array() != nullptr ? "array" : "dictionary";
}

Cell gettype(Context&, Cells cells) {
  const Cell& cell = cells[0];
  std::string_view name = cell.is_null() ? "null" : type_name(cell.type);
  if (cell.type == kDynamic && !cell.is_null()) name = json_type(cell.json());
  return Cell::of(std::string(name));
}

constexpr std::array kFunctions{
    Function{"array_length", kLong, "D", array_length},
    Function{"bag_keys", kDynamic, "D", bag_keys},
    Function{"bag_has_key", Type::Bool, "?DS", bag_has_key},
    Function{"array_concat", kDynamic, "?D*", array_concat},
    Function{"array_reverse", kDynamic, "D", array_reverse},
    Function{"array_slice", kDynamic, "DLL", array_slice},
    Function{"array_sum", Type::Real, "?D", array_sum},
    Function{"array_index_of", kLong, "?DD", array_index_of},
    Function{"array_sort_asc", kDynamic, "D", array_sort<1>},
    Function{"array_sort_desc", kDynamic, "D", array_sort<-1>},
    Function{"set_has_element", Type::Bool, "?DD", set_has_element},
    Function{"set_union", kDynamic, "?D*", set_union},
    Function{"set_intersect", kDynamic, "?D*", set_intersect},
    Function{"set_difference", kDynamic, "?D*", set_difference},
    Function{"pack_array", kDynamic, "?D*", pack_array},
    Function{"bag_pack", kDynamic, "?A*", bag_pack},
    Function{"pack", kDynamic, "?A*", bag_pack},
    Function{"strcat_array", Type::String, "?DS", strcat_array},
    Function{"repeat", kDynamic, "SL", repeated},
    Function{"range", kDynamic, "LL", range},
    Function{"range", kDynamic, "LLL", range},
    Function{"gettype", Type::String, "?A", gettype},
};

}  // namespace

std::span<const Function> dynamic_functions() {
  return kFunctions;
}

}  // namespace kql::evaluator
