// Fields by their names, and what is written with them: expressions and texts.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "dissect/described/compiler.h"

namespace dissect::described {

namespace {

constexpr std::pair<std::string_view, Name::Kind> kGiven[] = {
    {"size", Name::Kind::Size},
    {"left", Name::Kind::Left},
    {"at", Name::Kind::At},
    {"next", Name::Kind::Next},
    {"from_server", Name::Kind::FromServer}};

const Name::Kind* given(std::string_view name) {
  for (const auto& [known, kind] : kGiven) {
    if (known == name) return &kind;
  }
  return nullptr;
}

bool fit_for_a_name(std::string_view name) {
  if (name.empty() || name.size() > 48 || name[0] < 'a' || name[0] > 'z') return false;
  return std::ranges::all_of(
      name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

SlotId Compiler::declare(const Node& node, std::string_view member, const std::string& name,
                         Slot::Kind kind, const Enumeration* names) {
  if (name.empty()) return 0;  // a problem already
  if (const auto known = find_slot(name)) {
    Slot& slot = program_.slots[*known];
    if (slot.kind != kind)
      node.problem(member, fmt::format("\"{}\" is of another kind elsewhere", name));
    if (slot.names == nullptr) slot.names = names;
    if (names != nullptr && slot.names != names)
      node.problem(member, fmt::format("\"{}\" has another enum elsewhere", name));
    return *known;
  }
  if (!fit_for_a_name(name) || given(name) != nullptr) {
    node.problem(member, fmt::format("\"{}\" cannot be a name: small letters, digits and "
                                     "underscores, and not size, left, at, next, from_server",
                                     name));
    return 0;
  }
  if (program_.slots.size() == kMostSlots) {
    node.problem(member, fmt::format("more than {} names", kMostSlots));
    return 0;
  }
  const auto slot = static_cast<SlotId>(program_.slots.size());
  program_.slots.push_back({name, kind, names});
  slots_.emplace(name, slot);
  return slot;
}

std::optional<SlotId> Compiler::find_slot(std::string_view name) const {
  const auto found = slots_.find(name);
  if (found == slots_.end()) return std::nullopt;
  return found->second;
}

std::optional<SlotId> Compiler::known_slot(Node& node, std::string_view member) {
  const std::string name = node.text(member);
  const auto found = find_slot(name);
  if (!found && !name.empty())
    node.problem(member, fmt::format("no field \"{}\" is read before this", name));
  return found;
}

std::vector<SlotId> Compiler::numbers_of(Node& node, std::string_view member) {
  std::vector<SlotId> all;
  const base::json::Value* const list = node.take(member);
  if (list == nullptr || list->if_array() == nullptr || list->if_array()->empty() ||
      list->if_array()->size() > kMostRemembered) {
    node.problem(member,
                 fmt::format("\"{}\" has to be a list of 1 to {} fields", member, kMostRemembered));
    return all;
  }
  for (const base::json::Value& one : *list->if_array()) {
    const std::string* const name = one.if_string();
    all.push_back(
        declare(node, member, name == nullptr ? "?" : *name, Slot::Kind::Number, nullptr));
  }
  return all;
}

const Enumeration* Compiler::names_of(Node& node) {
  if (!node.has("enum")) return nullptr;
  const std::string name = node.text("enum");
  const auto found = program_.enumerations.find(name);
  if (found != program_.enumerations.end()) return &found->second;
  node.problem("enum", fmt::format("there is no enum \"{}\"", name));
  return nullptr;
}

base::Result<Name> Compiler::find(std::string_view name) {
  if (const Name::Kind* const kind = given(name); kind != nullptr) return Name{*kind, 0};
  const auto slot = find_slot(name);
  if (slot && program_.slots[*slot].kind == Slot::Kind::Number)
    return Name{Name::Kind::Slot, *slot};
  if (slot) {
    return base::fail(base::Code::NotFound, "expression", -1,
                      fmt::format("\"{}\" is not a whole number", name));
  }
  std::vector<std::string_view> all;
  for (const Slot& one : program_.slots)
    all.push_back(one.name);
  const auto meant = base::nearest(name, all);
  return base::fail(base::Code::NotFound, "expression", -1,
                    fmt::format("no field \"{}\" is read before this{}", name,
                                meant ? fmt::format("; \"{}\"?", *meant) : std::string()));
}

Expression Compiler::expression(Node& node, std::string_view member) {
  if (auto made = optional_expression(node, member)) return std::move(*made);
  if (!node.has(member)) node.problem(fmt::format("\"{}\" is missing", member));
  return Expression::constant(0);
}

std::optional<Expression> Compiler::optional_expression(Node& node, std::string_view member) {
  const base::json::Value* const value = node.take(member);
  if (value == nullptr) return std::nullopt;
  if (const auto number = number_of(*value)) return Expression::constant(*number);
  const std::string* const text = value->if_string();
  if (text == nullptr) {
    node.problem(member, fmt::format("\"{}\" has to be a number or an expression", member));
    return std::nullopt;
  }
  auto parsed = Expression::parse(*text, *this);
  if (parsed) return std::move(*parsed);
  node.problem(member, parsed.error().detail);
  return std::nullopt;
}

// "{vendor} {version:hex}"; a brace itself is written twice.
Template Compiler::text_template(Node& node, std::string_view member) {
  static constexpr std::string_view kForms[] = {"plain", "hex", "name"};
  Template made(1);
  const std::string text = node.text(member);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '{' || text.substr(i, 2) == "{{") {
      if (text[i] == '{' || text.substr(i, 2) == "}}") ++i;
      made.back().literal += text[i];
      continue;
    }
    const std::size_t end = text.find('}', i);
    const std::string inside = text.substr(i + 1, end == std::string::npos ? 0 : end - i - 1);
    const std::size_t colon = inside.find(':');
    const auto slot = find_slot(std::string_view(inside).substr(0, colon));
    if (end == std::string::npos || !slot) {
      node.problem(member, fmt::format("no field \"{}\" is read before this", inside));
      return made;
    }
    const std::string form = colon == std::string::npos ? "plain" : inside.substr(colon + 1);
    made.back().form = static_cast<Piece::Form>(1 + choose(node, member, form, kForms));
    made.back().slot = *slot;
    made.emplace_back();
    i = end;
  }
  return made;
}

}  // namespace dissect::described
