#include "hub/configurations/settings.h"

#include <algorithm>
#include <span>

#include "base/text.h"

namespace hub::configurations {

using base::Code;
using base::fail;
using base::Result;
using base::json::Member;
using base::json::Value;

namespace {

constexpr std::string_view kDesired = "properties.desired";
constexpr std::size_t kMaxDepth = 16;

bool is_prefix(const Path& prefix, const Path& path) {
  return prefix.size() <= path.size() && std::equal(prefix.begin(), prefix.end(), path.begin());
}

// The value with what is at the path replaced, or removed (nullptr).
Value with(const Value& base, std::span<const std::string> path, const Value* leaf) {
  if (path.empty()) return leaf == nullptr ? Value() : *leaf;
  Value::Object members;
  if (const auto* object = base.if_object()) members = *object;
  const auto found = std::ranges::find(members, path[0], &Member::name);
  const bool exists = found != members.end();
  if (leaf == nullptr && !exists) return base;
  Value inner = with(exists ? found->value : Value(), path.subspan(1), leaf);
  const bool is_left_empty = inner.if_object() != nullptr && inner.if_object()->empty();
  if (leaf == nullptr && (path.size() == 1 || is_left_empty)) {
    members.erase(found);
  } else if (exists) {
    found->value = std::move(inner);
  } else {
    members.push_back({path[0], std::move(inner)});
  }
  return Value(std::move(members));
}

}  // namespace

Result<std::vector<Section>> read_sections(const Value& object) {
  if (object.if_object() == nullptr)
    return fail(Code::Invalid, "content", -1, "expected an object of paths");
  std::vector<Section> sections;
  for (const Member& member : *object.if_object()) {
    const std::string_view name = member.name;
    const bool is_desired = name == kDesired || name.starts_with("properties.desired.");
    const auto refused = [&](std::string_view why) {
      return fail(Code::Invalid, "content", -1, base::json::quoted(name) + ": " + std::string(why));
    };
    if (!is_desired) return refused("a path begins with properties.desired");
    Section section;
    if (name.size() > kDesired.size()) {
      for (const std::string_view part : base::split(name.substr(kDesired.size() + 1), '.'))
        section.path.emplace_back(part);
    }
    if (section.path.size() > kMaxDepth) return refused("the path is too long");
    if (std::ranges::any_of(section.path, &std::string::empty))
      return refused("a name of the path is empty");
    if (section.path.empty() && member.value.if_object() == nullptr)
      return refused("all desired properties are an object");
    section.value = member.value;
    sections.push_back(std::move(section));
  }
  return sections;
}

bool Wanted::is_taken(const Path& path) const {
  return std::ranges::any_of(leaves_, [&](const auto& leaf) {
    return is_prefix(leaf.first, path) || is_prefix(path, leaf.first);
  });
}

bool Wanted::add_value(const Path& path, const Value& value) {
  const auto* object = value.if_object();
  if (object == nullptr || (object->empty() && !path.empty())) {
    if (is_taken(path)) return false;
    leaves_.emplace(path, value);
    return true;
  }
  bool added = false;
  for (const Member& member : *object) {
    Path inner = path;
    inner.push_back(member.name);
    added = add_value(inner, member.value) || added;
  }
  return added;
}

bool Wanted::add(const std::vector<Section>& sections) {
  bool added = sections.empty();
  std::vector<const Section*> free;
  for (const Section& section : sections) {
    if (!sections_.contains(section.path)) free.push_back(&section);
  }
  for (const Section* section : free) {
    added = add_value(section->path, section->value) || added;
    sections_.insert(section->path);
  }
  return added;
}

Value apply(const Value& desired, const std::set<Path>& owned, const Leaves& wanted) {
  Value result = desired;
  for (const Path& path : owned) {
    if (!wanted.contains(path)) result = with(result, path, nullptr);
  }
  for (const auto& [path, value] : wanted)
    result = with(result, path, value.is_null() ? nullptr : &value);
  return result;
}

std::set<Path> owned_by(const Leaves& wanted) {
  std::set<Path> owned;
  for (const auto& [path, value] : wanted) {
    if (!value.is_null()) owned.insert(path);
  }
  return owned;
}

std::string paths_to_json(const std::set<Path>& paths) {
  std::string json;
  base::json::Writer writer(json);
  writer.begin_array();
  for (const Path& path : paths) {
    writer.begin_array();
    for (const std::string& name : path)
      writer.value(name);
    writer.end_array();
  }
  writer.end_array();
  return json;
}

Result<std::set<Path>> paths_from_json(std::string_view json) {
  const auto parsed = base::json::parse(json);
  const auto* list = parsed ? parsed->if_array() : nullptr;
  if (list == nullptr) return fail(Code::Corrupt, "configuration paths");
  std::set<Path> paths;
  for (const Value& item : *list) {
    Path path;
    if (item.if_array() == nullptr) return fail(Code::Corrupt, "configuration paths");
    for (const Value& name : *item.if_array()) {
      if (name.if_string() == nullptr) return fail(Code::Corrupt, "configuration paths");
      path.push_back(*name.if_string());
    }
    paths.insert(std::move(path));
  }
  return paths;
}

}  // namespace hub::configurations
