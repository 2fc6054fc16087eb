#include "wire/merge_patch.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace wire {

using base::json::Member;
using base::json::Value;

namespace {

// An object's members by name, the last of repeated ones: a large object is not searched anew for
// each.
using Index = std::unordered_map<std::string_view, const Value*>;

Index index_of(const Value* object) {
  Index index;
  if (object == nullptr || object->if_object() == nullptr) return index;
  for (const Member& member : *object->if_object())
    index[member.name] = &member.value;
  return index;
}

const Value* find(const Index& index, std::string_view name) {
  const auto found = index.find(name);
  return found == index.end() ? nullptr : found->second;
}

// The members of an object, each name once, in the order of their first appearance.
template <class Visit>
void for_each_member(const Value::Object& object, const Index& index, Visit&& visit) {
  const bool repeats = index.size() != object.size();
  std::unordered_map<std::string_view, bool> seen;
  for (const Member& member : object) {
    if (repeats && !seen.emplace(member.name, true).second) continue;
    visit(member.name, *index.at(member.name));
  }
}

Value merge_member(const Value* target, const Value& patch);

Value merge_objects(const Value* target, const Value& patch) {
  const Index before = index_of(target);
  const Index changes = index_of(&patch);
  Value::Object merged;
  if (!before.empty()) {
    for_each_member(*target->if_object(), before, [&](const std::string& name, const Value& value) {
      const Value* change = find(changes, name);
      if (change == nullptr) {
        merged.push_back({name, value});
      } else if (!change->is_null()) {
        merged.push_back({name, merge_member(&value, *change)});
      }
    });
  }
  for_each_member(*patch.if_object(), changes, [&](const std::string& name, const Value& change) {
    if (change.is_null() || before.contains(name)) return;
    merged.push_back({name, merge_member(nullptr, change)});
  });
  return Value(std::move(merged));
}

Value merge_member(const Value* target, const Value& patch) {
  return patch.if_object() == nullptr ? patch : merge_objects(target, patch);
}

bool is_number(const Value& value) {
  return value.if_int() != nullptr || value.if_double() != nullptr;
}

double number_of(const Value& value) {
  return value.if_int() != nullptr ? static_cast<double>(*value.if_int()) : *value.if_double();
}

bool same_numbers(const Value& a, const Value& b) {
  if (a.if_int() != nullptr && b.if_int() != nullptr) return *a.if_int() == *b.if_int();
  return number_of(a) == number_of(b);
}

bool same_objects(const Value& a, const Value& b) {
  const Index left = index_of(&a);
  const Index right = index_of(&b);
  return left.size() == right.size() && std::ranges::all_of(left, [&](const auto& item) {
           const Value* other = find(right, item.first);
           return other != nullptr && same_json(*item.second, *other);
         });
}

}  // namespace

Value merge(const Value& target, const Value& patch) {
  return merge_member(&target, patch);
}

Value difference(const Value& from, const Value& to) {
  const Index before = index_of(&from);
  const Index after = index_of(&to);
  Value::Object patch;
  if (from.if_object() != nullptr) {
    for_each_member(*from.if_object(), before, [&](const std::string& name, const Value&) {
      const Value* kept = find(after, name);
      if (kept == nullptr || kept->is_null()) patch.push_back({name, Value()});
    });
  }
  if (to.if_object() == nullptr) return Value(std::move(patch));
  for_each_member(*to.if_object(), after, [&](const std::string& name, const Value& value) {
    const Value* old = find(before, name);
    if (value.is_null() || (old != nullptr && same_json(*old, value))) return;
    // An object that takes the place of something else replaces it: merging into no object starts
    // with an empty one.
    const bool both = old != nullptr && old->if_object() != nullptr && value.if_object() != nullptr;
    Value change = both ? difference(*old, value) : value;
    if (both && is_empty_object(change)) return;
    patch.push_back({name, std::move(change)});
  });
  return Value(std::move(patch));
}

bool same_json(const Value& a, const Value& b) {
  if (is_number(a) && is_number(b)) return same_numbers(a, b);
  if (a.if_object() != nullptr && b.if_object() != nullptr) return same_objects(a, b);
  if (const auto* list = a.if_array()) {
    const auto* other = b.if_array();
    return other != nullptr && std::ranges::equal(*list, *other, same_json);
  }
  if (const auto* text = a.if_string()) return b.if_string() != nullptr && *text == *b.if_string();
  if (const auto* flag = a.if_bool()) return b.if_bool() != nullptr && *flag == *b.if_bool();
  return a.is_null() && b.is_null();
}

bool is_empty_object(const Value& value) {
  return value.if_object() != nullptr && value.if_object()->empty();
}

}  // namespace wire
