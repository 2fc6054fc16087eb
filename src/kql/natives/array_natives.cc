// Arrays and bags.

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "kql/natives/json_values.h"

namespace kql::natives {
namespace {

using base::json::Value;

// The condition of an element: a bool, or a number other than 0; nullopt for others.
std::optional<bool> truth(const Value& value) {
  if (const bool* flag = value.if_bool()) return *flag;
  if (const std::int64_t* number = value.if_int()) return *number != 0;
  if (const double* real = value.if_double()) return *real != 0;
  return std::nullopt;
}

// array_iff(conditions, then, otherwise): element by element; single values stand for all.
Outcome array_iff(Arguments arguments) {
  const auto conditions = items_at(arguments, 0);
  if (!conditions) return {};
  const auto then = json_at(arguments, 1);
  const auto otherwise = json_at(arguments, 2);
  const auto element = [](const std::optional<Value>& side, std::size_t i) {
    if (!side) return Value();
    const Items* items = side->if_array();
    if (items == nullptr) return *side;
    return i < items->size() ? (*items)[i] : Value();
  };
  Items out;
  for (std::size_t i = 0; i < conditions->size(); ++i) {
    const auto chosen = truth((*conditions)[i]);
    out.push_back(chosen ? element(*chosen ? then : otherwise, i) : Value());
  }
  return to_json(out);
}

Outcome array_rotate(Arguments arguments) {
  auto items = items_at(arguments, 0);
  const auto by = long_at(arguments, 1);
  if (!items || !by) return {};
  if (items->empty()) return std::string("[]");
  const auto size = static_cast<std::int64_t>(items->size());
  const std::int64_t left = ((*by % size) + size) % size;
  std::rotate(items->begin(), items->begin() + left, items->end());
  return to_json(*items);
}

// array_shift(array, places to the left, filling)
Outcome array_shift(Arguments arguments) {
  const auto items = items_at(arguments, 0);
  const auto by = long_at(arguments, 1);
  if (!items || !by) return {};
  const Value filling = json_at(arguments, 2).value_or(Value());
  const auto size = static_cast<std::int64_t>(items->size());
  const std::int64_t left = std::clamp(*by, -size, size);
  Items out;
  for (std::int64_t i = 0; i < size; ++i) {
    const std::int64_t from = i + left;
    const bool inside = from >= 0 && from < size;
    out.push_back(inside ? (*items)[static_cast<std::size_t>(from)] : filling);
  }
  return to_json(out);
}

// array_split(array, index or array of indices)
Outcome array_split(Arguments arguments) {
  const auto items = items_at(arguments, 0);
  const auto where = json_at(arguments, 1);
  if (!items || !where) return {};
  const auto size = static_cast<std::int64_t>(items->size());
  std::vector<std::int64_t> cuts;
  const auto add = [&](const Value& value) {
    if (const std::int64_t* at = value.if_int()) {
      cuts.push_back(std::clamp<std::int64_t>(*at < 0 ? *at + size : *at, 0, size));
    }
  };
  if (const Items* list = where->if_array()) {
    for (const Value& each : *list)
      add(each);
  } else {
    add(*where);
  }
  cuts.push_back(size);
  Items out;
  std::int64_t begin = 0;
  for (const std::int64_t cut : cuts) {
    const std::int64_t end = std::max(begin, cut);
    out.emplace_back(Items(items->begin() + begin, items->begin() + end));
    begin = end;
  }
  return to_json(out);
}

// Takes $.a.b out of the object; a name without "$." is one of its own.
void remove_path(Value::Object& object, std::string_view path) {
  const std::size_t dot = path.find('.');
  const std::string_view name = path.substr(0, dot);
  if (dot == std::string_view::npos) {
    std::erase_if(object, [&](const base::json::Member& each) { return each.name == name; });
    return;
  }
  for (base::json::Member& each : object) {
    const Value::Object* inner = each.value.if_object();
    if (each.name != name || inner == nullptr) continue;
    Value::Object changed = *inner;
    remove_path(changed, path.substr(dot + 1));
    each.value = Value(std::move(changed));
  }
}

Outcome bag_remove_keys(Arguments arguments) {
  const auto bag = json_at(arguments, 0);
  const auto keys = items_at(arguments, 1);
  if (!bag || bag->if_object() == nullptr || !keys) return {};
  Value::Object out = *bag->if_object();
  for (const Value& each : *keys) {
    const std::string* key = each.if_string();
    if (key == nullptr) continue;
    if (key->starts_with("$.")) {
      remove_path(out, std::string_view(*key).substr(2));
    } else {
      std::erase_if(out, [key](const base::json::Member& member) { return member.name == *key; });
    }
  }
  return Value(std::move(out)).to_json();
}

// The bag without nulls and empty texts.
Outcome bag_without_empty(Arguments arguments) {
  const auto bag = json_at(arguments, 0);
  if (!bag || bag->if_object() == nullptr) return {};
  Value::Object out = *bag->if_object();
  std::erase_if(out, [](const base::json::Member& member) {
    const std::string* text = member.value.if_string();
    return member.value.is_null() || (text != nullptr && text->empty());
  });
  return Value(std::move(out)).to_json();
}

// bag_set_key(bag, key or $.path, value)
Outcome bag_set_key(Arguments arguments) {
  const auto bag = json_at(arguments, 0);
  const auto key = text_at(arguments, 1);
  if (!bag || bag->if_object() == nullptr || !key) return {};
  Value::Object out = *bag->if_object();
  Value value = json_at(arguments, 2).value_or(Value());
  const auto same = [&key](const base::json::Member& each) { return each.name == *key; };
  const auto known = std::find_if(out.begin(), out.end(), same);
  if (known != out.end()) {
    known->value = std::move(value);
  } else {
    out.push_back({std::string(*key), std::move(value)});
  }
  return Value(std::move(out)).to_json();
}

// The bags of a list as one: the first of each name stays.
Outcome merge_bags(Arguments arguments) {
  const auto items = items_at(arguments, 0);
  if (!items) return std::string("{}");
  std::map<std::string, bool, std::less<>> seen;
  Value::Object out;
  for (const Value& each : *items) {
    const Value::Object* bag = each.if_object();
    if (bag == nullptr) continue;
    for (const base::json::Member& member : *bag) {
      if (seen.emplace(member.name, true).second) out.push_back(member);
    }
  }
  return Value(std::move(out)).to_json();
}

// What buildschema() gathers about the values at one place.
struct Schema {
  std::vector<std::string> types;  // in the order of their coming
  std::vector<std::string> names;  // of a bag's members, and their schemas beside them
  std::vector<Schema> members;
  std::vector<Schema> elements;  // none or one
  bool bag = false;

  void add(const Value& value);
  std::string text() const;

 private:
  void add_type(const char* name) {
    if (std::find(types.begin(), types.end(), name) == types.end()) types.emplace_back(name);
  }
  Schema& member(const std::string& name);
};

Schema& Schema::member(const std::string& name) {
  const auto known = std::find(names.begin(), names.end(), name);
  if (known != names.end()) return members[static_cast<std::size_t>(known - names.begin())];
  names.push_back(name);
  return members.emplace_back();
}

void Schema::add(const Value& value) {
  if (const Value::Object* object = value.if_object()) {
    bag = true;
    for (const base::json::Member& each : *object)
      member(each.name).add(each.value);
  } else if (const Items* items = value.if_array()) {
    if (elements.empty()) elements.emplace_back();
    for (const Value& each : *items)
      elements.front().add(each);
  } else if (value.if_string() != nullptr) {
    add_type("string");
  } else if (value.if_int() != nullptr) {
    add_type("long");
  } else if (value.if_double() != nullptr) {
    add_type("double");
  } else if (value.if_bool() != nullptr) {
    add_type("bool");
  }
}

std::string Schema::text() const {
  std::vector<std::string> all;
  for (const std::string& type : types)
    all.push_back(base::json::quoted(type));
  if (bag || !elements.empty()) {
    std::string object = "{";
    for (std::size_t i = 0; i < names.size(); ++i) {
      object += object.size() > 1 ? "," : "";
      object += base::json::quoted(names[i]) + ":" + members[i].text();
    }
    if (!elements.empty()) {
      object += object.size() > 1 ? "," : "";
      object += "\"`indexer`\":" + elements.front().text();
    }
    all.push_back(object + "}");
  }
  if (all.size() == 1) return all.front();
  std::string out = "[";
  for (const std::string& each : all) {
    out += out.size() > 1 ? "," : "";
    out += each;
  }
  return out + "]";
}

Outcome build_schema(Arguments arguments) {
  const auto items = items_at(arguments, 0);
  if (!items) return {};
  Schema schema;
  for (const Value& each : *items)
    schema.add(each);
  return schema.text();
}

// Whether a comes before b: numbers in their order, then texts in theirs, then the rest.
bool before(const Value& a, const Value& b) {
  const auto rank = [](const Value& value) {
    if (value.if_int() != nullptr || value.if_double() != nullptr) return 0;
    return value.if_string() != nullptr ? 1 : 2;
  };
  if (rank(a) != rank(b)) return rank(a) < rank(b);
  if (rank(a) == 0) {
    const auto number = [](const Value& value) {
      return value.if_int() != nullptr ? static_cast<double>(*value.if_int()) : *value.if_double();
    };
    return number(a) < number(b);
  }
  if (rank(a) == 1) return *a.if_string() < *b.if_string();
  return a.to_json() < b.to_json();
}

// array_sort(descending, nulls last, array, further arrays...): an array of arrays, the further
// ones in the order of the first; null for those of another length.
Outcome array_sort(Arguments arguments) {
  const bool descending = bool_at(arguments, 0).value_or(false);
  const bool nulls_last = bool_at(arguments, 1).value_or(true);
  const auto keys = items_at(arguments, 2);
  if (!keys) return {};
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < keys->size(); ++i)
    order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const Value& x = (*keys)[a];
    const Value& y = (*keys)[b];
    if (x.is_null() || y.is_null()) {
      return x.is_null() != y.is_null() && (nulls_last ? y.is_null() : x.is_null());
    }
    return descending ? before(y, x) : before(x, y);
  });
  Items out;
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const auto list = items_at(arguments, i);
    if (!list || list->size() != keys->size()) {
      out.emplace_back();
      continue;
    }
    Items sorted;
    for (const std::size_t at : order)
      sorted.push_back((*list)[at]);
    out.emplace_back(std::move(sorted));
  }
  return to_json(out);
}

// range(from, to, step) of whole and of other numbers; nothing after 1,048,576 elements.
Outcome long_range(Arguments arguments) {
  const auto from = long_at(arguments, 0);
  const auto to = long_at(arguments, 1);
  const auto step = long_at(arguments, 2);
  if (!from || !to || !step || *step == 0) return {};
  std::string out = "[";
  std::size_t count = 0;
  for (std::int64_t at = *from; (*step > 0 ? at <= *to : at >= *to) && count < kMaxElements;
       ++count) {
    if (count > 0) out += ',';
    out += std::to_string(at);
    if (__builtin_add_overflow(at, *step, &at)) break;
  }
  return out + "]";
}

Outcome real_range(Arguments arguments) {
  const auto from = real_at(arguments, 0);
  const auto to = real_at(arguments, 1);
  const auto step = real_at(arguments, 2);
  if (!from || !to || !step || *step == 0 || !std::isfinite(*from) || !std::isfinite(*to))
    return {};
  std::string out = "[";
  for (std::size_t count = 0; count < kMaxElements; ++count) {
    const double at = *from + static_cast<double>(count) * *step;
    if (*step > 0 ? at > *to : at < *to) break;
    if (count > 0) out += ',';
    append_number(out, at, false);
  }
  return out + "]";
}

// sessions([times in ticks], longest session, longest pause): the start of each one's session.
Outcome session_starts(Arguments arguments) {
  const auto times = items_at(arguments, 0);
  const auto longest = long_at(arguments, 1);
  const auto pause = long_at(arguments, 2);
  if (!times || !longest || !pause) return {};
  Items out;
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> last;
  for (const Value& each : *times) {
    const std::int64_t* time = each.if_int();
    if (time == nullptr) {
      out.emplace_back();
      continue;
    }
    if (!start || *time - *last > *pause || *time - *start > *longest) start = *time;
    last = *time;
    out.emplace_back(*start);
  }
  return to_json(out);
}

constexpr std::array kNatives{
    Native{"native_array_iff", "TTT:J", array_iff},
    Native{"native_array_rotate", "TL:J", array_rotate},
    Native{"native_array_shift", "TLT:J", array_shift},
    Native{"native_array_split", "TT:J", array_split},
    Native{"native_bag_remove_keys", "TT:J", bag_remove_keys},
    Native{"native_bag_set_key", "TTT:J", bag_set_key},
    Native{"native_bag_without_empty", "T:J", bag_without_empty},
    Native{"native_merge_bags", "T:J", merge_bags},
    Native{"native_build_schema", "T:J", build_schema},
    Native{"native_array_sort_by", "BBTT*:J", array_sort},
    Native{"native_sessions", "TLL:J", session_starts},
    Native{"native_long_range", "LLL:J", long_range},
    Native{"native_real_range", "RRR:J", real_range},
};

}  // namespace

std::span<const Native> array_natives() {
  return kNatives;
}

}  // namespace kql::natives
