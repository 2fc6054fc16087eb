#include "sigma/program.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/text.h"
#include "sigma/witness.h"

namespace sigma {
namespace {

// So many values are asked together.
constexpr std::size_t kManyValues = 4;
constexpr std::uint32_t kSetCost = 4;

Refusal wrong(const FieldTest& test, std::string message) {
  return {Refusal::Kind::Wrong, {test.line, test.column, std::move(message)}};
}

// Sigma says whether a connection was initiated here, we say in which direction it goes.
Pattern initiated(Pattern pattern) {
  if (pattern.compare != Compare::Text || pattern.variants.size() != 1) return pattern;
  auto& pieces = pattern.variants.front();
  if (pieces.size() != 1 || pieces.front().kind != Piece::Kind::Literal) return pattern;
  if (base::equal_ignore_case(pieces.front().text, "true")) pieces.front().text = "Out";
  if (base::equal_ignore_case(pieces.front().text, "false")) pieces.front().text = "In";
  return pattern;
}

void append(std::string& key, std::string_view part) {
  key += std::to_string(part.size());
  key += ':';
  key += part;
}

// The same for patterns that ask the same, whatever rules call it.
std::string key_of(const Pattern& pattern, std::uint32_t slot, std::uint32_t other) {
  std::string key;
  for (const auto number :
       {static_cast<std::size_t>(slot), static_cast<std::size_t>(other),
        static_cast<std::size_t>(pattern.compare), static_cast<std::size_t>(pattern.letters),
        static_cast<std::size_t>(pattern.part), static_cast<std::size_t>(pattern.expected)}) {
    key += std::to_string(number);
    key += ',';
  }
  const bool fold = pattern.letters == Case::Insensitive;
  append(key, pattern.text);
  append(key, std::to_string(pattern.number));
  for (const auto& pieces : pattern.variants) {
    key += ';';
    for (const Piece& piece : pieces) {
      key += static_cast<char>('a' + static_cast<int>(piece.kind));
      append(key, fold ? base::to_lower(piece.text) : piece.text);
    }
  }
  return key;
}

}  // namespace

std::uint32_t Program::slot(FieldReader field) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].field.same(field)) return static_cast<std::uint32_t>(i);
  }
  slots.push_back({std::move(field)});
  return static_cast<std::uint32_t>(slots.size() - 1);
}

void Program::add_keyword_slots() {
  if (!keywords.empty()) return;
  for (const std::string_view field : keyword_fields(source)) {
    if (auto reader = FieldReader::find(source, field))
      keywords.push_back(slot(std::move(*reader)));
  }
}

std::expected<std::uint32_t, Refusal> Program::find_slot(const FieldTest& test,
                                                         std::string_view field) {
  if (auto reader = FieldReader::find(source, field)) return slot(std::move(*reader));
  return std::unexpected(wrong(test, unknown_field(source, field)));
}

std::expected<std::uint32_t, Refusal> Program::leaf(const FieldTest& test, const Pattern& pattern,
                                                    std::uint32_t slot) {
  std::uint32_t other = 0;
  if (pattern.compare == Compare::FieldRef) {
    auto found = find_slot(test, pattern.text);
    if (!found) return std::unexpected(std::move(found).error());
    other = *found;
  }
  std::string key = key_of(pattern, slot, other);
  const auto known = leaf_ids_.find(key);
  if (known != leaf_ids_.end()) return known->second;
  auto matcher = Matcher::compile(pattern);
  if (!matcher) return std::unexpected(wrong(test, std::move(matcher).error()));
  const auto id = static_cast<std::uint32_t>(leaves.size());
  leaves.push_back({slot, other, std::move(*matcher)});
  leaf_ids_.emplace(std::move(key), id);
  return id;
}

std::expected<CompiledTest, Refusal> Program::compile(const FieldTest& test) {
  CompiledTest out;
  out.test = &test;
  std::vector<std::uint32_t> fields;
  if (test.field.empty()) {
    add_keyword_slots();
    fields = keywords;
  } else {
    auto found = find_slot(test, test.field);
    if (!found) return std::unexpected(std::move(found).error());
    fields = {*found};
  }
  for (const Pattern& written : test.patterns) {
    const Pattern pattern = test.field == "Initiated" ? initiated(written) : written;
    auto& any = out.leaves.emplace_back();
    for (const std::uint32_t field : fields) {
      auto one = leaf(test, pattern, field);
      if (!one) return std::unexpected(std::move(one).error());
      any.push_back(*one);
    }
  }
  return out;
}

std::expected<CompiledDetection, Refusal> Program::compile(const std::vector<Selection>& selections,
                                                           const Condition& condition) {
  CompiledDetection out;
  out.condition = &condition;
  for (const Selection& selection : selections) {
    auto& alternatives = out.selections.emplace_back();
    for (const auto& tests : selection.alternatives) {
      auto& compiled = alternatives.emplace_back();
      for (const FieldTest& test : tests) {
        auto one = compile(test);
        if (!one) return std::unexpected(std::move(one).error());
        compiled.push_back(std::move(*one));
      }
    }
  }
  return out;
}

// What the log source asks for beside the condition: the kind of file event.
std::expected<void, Refusal> Program::add_guard(CompiledRule& rule) {
  const auto operations = operations_of(rule.rule->log_source);
  if (source != schema::EventName::FileEvent || operations.empty()) return {};
  FieldTest test;
  test.field = "Operation";
  for (const std::string_view operation : operations) {
    Pattern pattern;
    pattern.variants = {{{Piece::Kind::Literal, std::string(operation)}}};
    test.patterns.push_back(std::move(pattern));
  }
  auto compiled = compile(test);
  if (!compiled) return std::unexpected(std::move(compiled).error());
  for (const auto& any : compiled->leaves)
    rule.guard.insert(rule.guard.end(), any.begin(), any.end());
  return {};
}

std::expected<CompiledRule, Refusal> Program::compile(const Rule& rule) {
  CompiledRule out;
  out.rule = &rule;
  auto detection = compile(rule.selections, rule.condition);
  if (!detection) return std::unexpected(std::move(detection).error());
  out.detection = std::move(*detection);
  auto guarded = add_guard(out);
  if (!guarded) return std::unexpected(std::move(guarded).error());
  return out;
}

std::expected<void, Refusal> Program::leave_out(const Filter& filter, CompiledRule& rule) {
  auto detection = compile(filter.selections, filter.condition);
  if (!detection) return std::unexpected(std::move(detection).error());
  rule.filters.push_back({&filter, std::move(*detection)});
  return {};
}

Decisions::Id Program::node_of(std::uint32_t leaf) {
  return decisions.test(leaf, leaves[leaf].matcher.cost());
}

Decisions::Id Program::node_of_set(std::vector<std::uint32_t> of_leaves) {
  std::ranges::sort(of_leaves);
  const auto [known, is_new] =
      set_ids_.try_emplace(of_leaves, static_cast<std::uint32_t>(sets.size()));
  if (is_new) {
    LeafSet& set = sets.emplace_back();
    set.slot = leaves[of_leaves.front()].slot;
    for (const std::uint32_t leaf : of_leaves) {
      for (const Clue& clue : leaves[leaf].matcher.same_as())
        set.values.add(clue);
    }
    set.values.build();
  }
  return decisions.test(static_cast<std::uint32_t>(leaves.size()) + known->second, kSetCost);
}

Decisions::Id Program::node_of(CompiledTest& test) {
  std::vector<Decisions::Id> nodes;
  std::vector<std::uint32_t> alike;  // that a set can ask together
  for (const auto& any : test.leaves) {
    if (!test.test->all && any.size() == 1 && !leaves[any[0]].matcher.same_as().empty())
      alike.push_back(any[0]);
  }
  if (alike.size() < kManyValues) alike.clear();
  const std::set<std::uint32_t> together(alike.begin(), alike.end());
  if (!alike.empty()) nodes.push_back(node_of_set({together.begin(), together.end()}));
  for (const auto& any : test.leaves) {
    if (any.size() == 1 && together.contains(any[0])) continue;
    std::vector<Decisions::Id> fields;
    for (const std::uint32_t leaf : any)
      fields.push_back(node_of(leaf));
    nodes.push_back(decisions.any_of(std::move(fields)));
  }
  const Decisions::Id node =
      test.test->all ? decisions.all_of(std::move(nodes)) : decisions.any_of(std::move(nodes));
  test.node = test.test->negated ? decisions.negation(node) : node;
  return test.node;
}

Decisions::Id Program::node_of(CompiledSelection& selection) {
  std::vector<Decisions::Id> alternatives;
  for (auto& tests : selection) {
    std::vector<Decisions::Id> nodes;
    for (CompiledTest& test : tests)
      nodes.push_back(node_of(test));
    alternatives.push_back(decisions.all_of(std::move(nodes)));
  }
  return decisions.any_of(std::move(alternatives));
}

Decisions::Id Program::node_of(CompiledDetection& detection, const Condition& condition) {
  if (condition.kind == Condition::Kind::Selection)
    return node_of(detection.selections[condition.selection]);
  std::vector<Decisions::Id> operands;
  for (const Condition& operand : condition.operands)
    operands.push_back(node_of(detection, operand));
  switch (condition.kind) {
    case Condition::Kind::Not:
      return decisions.negation(operands.front());
    case Condition::Kind::And:
      return decisions.all_of(std::move(operands));
    case Condition::Kind::Or:
      return decisions.any_of(std::move(operands));
    case Condition::Kind::AtLeast:
    case Condition::Kind::Selection:
      break;
  }
  return decisions.at_least(condition.count, std::move(operands));
}

// Of selections that the condition does not name, too: they are explained.
void Program::add_nodes(CompiledDetection& detection) {
  for (CompiledSelection& selection : detection.selections)
    node_of(selection);
}

Decisions::Id Program::node_of(CompiledRule& rule) {
  add_nodes(rule.detection);
  std::vector<Decisions::Id> all = {node_of(rule.detection, *rule.detection.condition)};
  if (!rule.guard.empty()) {
    std::vector<Decisions::Id> guard;
    for (const std::uint32_t leaf : rule.guard)
      guard.push_back(node_of(leaf));
    all.push_back(decisions.any_of(std::move(guard)));
  }
  rule.alone = decisions.all_of(all);
  for (CompiledFilter& filter : rule.filters) {
    add_nodes(filter.detection);
    filter.node = node_of(filter.detection, *filter.detection.condition);
    all.push_back(decisions.negation(filter.node));
  }
  return decisions.all_of(std::move(all));
}

void Program::build(Engine engine) {
  decisions.clear();
  sets.clear();
  set_ids_.clear();
  always.clear();
  searched.clear();
  first = {0};
  candidates.clear();
  for (Slot& slot : slots) {
    slot.anchored = {};
    slot.scanner = {};
    slot.present.clear();
  }
  std::map<std::tuple<std::uint32_t, Clue::Kind, std::string>, std::vector<std::uint32_t>> signs;
  for (std::uint32_t id = 0; id < rules.size(); ++id) {
    rules[id].node = node_of(rules[id]);
    auto witness = witness_of(*this, rules[id]);
    if (!witness) {
      always.push_back(id);
      continue;
    }
    for (Sign& sign : witness->signs)
      signs[{sign.slot, sign.clue.kind, std::move(sign.clue.text)}].push_back(id);
  }
  decisions.finish();
  for (const auto& [sign, of_rules] : signs) {
    const auto& [slot, kind, text] = sign;
    watch(slots[slot], kind, text, static_cast<std::uint32_t>(first.size() - 1));
    candidates.insert(candidates.end(), of_rules.begin(), of_rules.end());
    first.push_back(static_cast<std::uint32_t>(candidates.size()));
  }
  for (std::uint32_t i = 0; i < slots.size(); ++i) {
    Slot& slot = slots[i];
    slot.anchored.build();
    slot.scanner.build(engine);
    const auto& unwatched = slot.scanner.unwatched();
    slot.present.insert(slot.present.end(), unwatched.begin(), unwatched.end());
    if (!slot.anchored.empty() || !slot.scanner.empty() || !slot.present.empty())
      searched.push_back(i);
  }
}

void Program::watch(Slot& slot, Clue::Kind kind, const std::string& text, std::uint32_t sign) {
  switch (kind) {
    case Clue::Kind::Present:
      slot.present.push_back(sign);
      break;
    case Clue::Kind::Whole:
      slot.anchored.add(text, Anchor::Whole, sign);
      break;
    case Clue::Kind::Start:
      slot.anchored.add(text, Anchor::Start, sign);
      break;
    case Clue::Kind::End:
      slot.anchored.add(text, Anchor::End, sign);
      break;
    case Clue::Kind::Anywhere:
      slot.scanner.add(text, sign);
      break;
    case Clue::Kind::Regex:
      slot.scanner.add_regex(text, sign);
      break;
  }
}

std::size_t Program::bytes() const {
  std::size_t bytes = decisions.bytes() + leaves.size() * sizeof(Leaf) +
                      (first.capacity() + candidates.capacity()) * sizeof(std::uint32_t);
  for (const LeafSet& set : sets)
    bytes += set.values.bytes();
  for (const Slot& slot : slots)
    bytes += slot.anchored.bytes() + slot.scanner.bytes();
  return bytes;
}

}  // namespace sigma
