#include "sigma/program.h"

#include <algorithm>

#include "base/text.h"

namespace sigma {
namespace {

// The set that says more: fewer and longer literals make fewer rules candidates.
bool better(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const auto shortest = [](const std::vector<std::string>& literals) {
    return std::ranges::min(literals, {}, &std::string::size).size();
  };
  return shortest(a) != shortest(b) ? shortest(a) > shortest(b) : a.size() < b.size();
}

template <class Range, class Of>
Witness any_of(const Range& range, Of of) {
  std::vector<std::string> all;
  for (const auto& element : range) {
    Witness one = of(element);
    if (!one) return std::nullopt;
    all.insert(all.end(), one->begin(), one->end());
  }
  if (all.empty()) return std::nullopt;
  return all;
}

template <class Range, class Of>
Witness best_of(const Range& range, Of of) {
  Witness best;
  for (const auto& element : range) {
    Witness one = of(element);
    if (one && (!best || better(*one, *best))) best = std::move(one);
  }
  return best;
}

Witness witness_of(const Matcher& matcher) {
  auto literals = matcher.witness();
  if (literals.empty()) return std::nullopt;
  return literals;
}

Witness witness_of(const CompiledTest& test) {
  if (test.negated) return std::nullopt;
  const auto of = [](const Matcher& matcher) { return witness_of(matcher); };
  return test.all ? best_of(test.matchers, of) : any_of(test.matchers, of);
}

Witness witness_of(const Alternatives& alternatives) {
  return any_of(alternatives, [](const std::vector<CompiledTest>& tests) {
    return best_of(tests, [](const CompiledTest& test) { return witness_of(test); });
  });
}

Witness witness_of(const Condition& condition, const std::vector<Alternatives>& selections) {
  const auto of = [&](const Condition& operand) { return witness_of(operand, selections); };
  switch (condition.kind) {
    case Condition::Kind::Selection:
      return witness_of(selections[condition.selection]);
    case Condition::Kind::Not:
      return std::nullopt;
    case Condition::Kind::And:
      return best_of(condition.operands, of);
    case Condition::Kind::Or:
      return any_of(condition.operands, of);
    case Condition::Kind::AtLeast:
      return condition.count == condition.operands.size() ? best_of(condition.operands, of)
                                                          : any_of(condition.operands, of);
  }
  return std::nullopt;
}

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

}  // namespace

std::size_t Program::slot(const std::string& name) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].name == name) return i;
  }
  slots.push_back({name, *schema::find_field(event, name)});
  return slots.size() - 1;
}

std::expected<std::size_t, Refusal> Program::find_slot(const FieldTest& test,
                                                       std::string_view field) {
  if (const auto name = field_of(event, field)) return slot(*name);
  std::vector<std::string_view> known = {"Image", "ParentImage", "ParentCommandLine", "User",
                                         "CurrentDirectory"};
  for (const schema::Field& declared_field : schema::event_info(event).fields)
    known.push_back(declared_field.name);
  std::string message = "expected a field of " + std::string(schema::to_string(event)) +
                        " or ExtraDetails.<name>, found '" + std::string(field) + "'";
  if (const auto near = base::nearest(field, known))
    message += " (did you mean '" + std::string(*near) + "'?)";
  return std::unexpected(wrong(test, std::move(message)));
}

std::expected<CompiledTest, Refusal> Program::compile(const FieldTest& test) {
  CompiledTest out;
  out.all = test.all;
  out.negated = test.negated;
  if (test.field.empty()) {
    for (const schema::Field& field : schema::event_info(event).fields)
      slot(std::string(field.name));
  } else {
    auto found = find_slot(test, test.field);
    if (!found) return std::unexpected(std::move(found).error());
    out.slot = *found;
  }
  for (const Pattern& pattern : test.patterns) {
    auto matcher = Matcher::compile(test.field == "Initiated" ? initiated(pattern) : pattern);
    if (!matcher) return std::unexpected(wrong(test, std::move(matcher).error()));
    out.matchers.push_back(std::move(*matcher));
    out.others.push_back(0);
    if (pattern.compare != Compare::FieldRef) continue;
    auto other = find_slot(test, pattern.text);
    if (!other) return std::unexpected(std::move(other).error());
    out.others.back() = *other;
  }
  return out;
}

std::expected<CompiledRule, Refusal> Program::compile(const Rule& rule) {
  CompiledRule out{&rule, {}, {}};
  for (const Selection& selection : rule.selections) {
    Alternatives alternatives;
    for (const auto& tests : selection.alternatives) {
      std::vector<CompiledTest> compiled;
      for (const FieldTest& test : tests) {
        auto one = compile(test);
        if (!one) return std::unexpected(std::move(one).error());
        compiled.push_back(std::move(*one));
      }
      alternatives.push_back(std::move(compiled));
    }
    out.selections.push_back(std::move(alternatives));
  }
  out.witness = witness_of(rule.condition, out.selections);
  return out;
}

void Program::build() {
  index = {};
  always.clear();
  for (std::uint32_t id = 0; id < rules.size(); ++id) {
    if (!rules[id].witness) {
      always.push_back(id);
      continue;
    }
    for (const std::string& literal : *rules[id].witness)
      index.add(literal, id);
  }
  index.build();
}

}  // namespace sigma
