#include "sigma/evaluation.h"

#include <algorithm>

#include "base/text.h"

namespace sigma {
namespace {

constexpr std::size_t kShownBytes = 512;

void lower_into(std::string_view text, std::string& out) {
  out.assign(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
}

// A text may be cut within a character.
std::string shown(std::string_view text) {
  return text.size() > kShownBytes ? base::to_utf8(text.substr(0, kShownBytes)) : std::string(text);
}

}  // namespace

Evaluation::Evaluation(const Program& program, const Subject& subject, Workspace& workspace)
    : program_(program), subject_(subject), workspace_(workspace) {
  ++workspace_.round;
  if (workspace_.texts.size() < program.slots.size()) workspace_.texts.resize(program.slots.size());
  workspace_.signs.reset(program.signs());
  workspace_.candidates.reset(program.rules.size());
  workspace_.known.reset(program.decisions.size());
}

Workspace::SlotText& Evaluation::slot_text(std::uint32_t slot) {
  SlotText& entry = workspace_.texts[slot];
  if (entry.round != workspace_.round) {
    entry.values = program_.slots[slot].field.read(subject_, entry.text);
    entry.round = workspace_.round;
    entry.lowered = false;
  }
  return entry;
}

const std::vector<std::string>& Evaluation::lower(std::uint32_t slot) {
  SlotText& entry = slot_text(slot);
  if (!entry.lowered) {
    if (entry.lower.size() < entry.values.size()) entry.lower.resize(entry.values.size());
    for (std::size_t i = 0; i < entry.values.size(); ++i)
      lower_into(entry.values[i], entry.lower[i]);
    entry.lowered = true;
  }
  return entry.lower;
}

std::span<const std::uint32_t> Evaluation::candidates() {
  IdSet& signs = workspace_.signs;
  const auto seen = [&signs](std::uint32_t sign) { signs.insert(sign); };
  for (const std::uint32_t id : program_.searched) {
    const Slot& slot = program_.slots[id];
    const auto texts = values(id);
    if (texts.empty()) continue;
    for (const std::uint32_t sign : slot.present)
      signs.insert(sign);
    for (const std::string_view text : texts) {
      slot.anchored.find(text, seen);
      if (!slot.scanner.empty()) slot.scanner.scan(text, workspace_.scan, signs);
    }
  }
  IdSet& rules = workspace_.candidates;
  for (const std::uint32_t rule : program_.always)
    rules.insert(rule);
  for (const std::uint32_t sign : signs.ids()) {
    for (std::uint32_t i = program_.first[sign]; i < program_.first[sign + 1]; ++i)
      rules.insert(program_.candidates[i]);
  }
  std::ranges::sort(rules.ids());
  return rules.ids();
}

// Which of the values does it; of an absent field the first, which there is not. nullopt: none.
std::optional<std::size_t> Evaluation::matching(const Leaf& leaf) {
  const Matcher& matcher = leaf.matcher;
  const auto texts = values(leaf.slot);
  if (texts.empty())
    return matcher.matches(std::nullopt, {}, std::nullopt) ? std::optional<std::size_t>(0)
                                                           : std::nullopt;
  const auto& lowers = lower(leaf.slot);
  if (matcher.compare() != Compare::FieldRef) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (matcher.matches(texts[i], lowers[i], std::nullopt)) return i;
    }
    return std::nullopt;
  }
  for (const std::string_view other : values(leaf.other)) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (matcher.matches(texts[i], lowers[i], other)) return i;
    }
  }
  return std::nullopt;
}

bool Evaluation::operator()(std::uint32_t test) {
  if (test < program_.leaves.size()) return matching(program_.leaves[test]).has_value();
  const LeafSet& set = program_.sets[test - program_.leaves.size()];
  return std::ranges::any_of(values(set.slot),
                             [&set](std::string_view text) { return set.values.matches(text); });
}

bool Evaluation::any_holds(const std::vector<std::uint32_t>& leaves) {
  return std::ranges::any_of(leaves, [this](std::uint32_t leaf) { return (*this)(leaf); });
}

bool Evaluation::holds(const std::vector<CompiledTest>& tests) {
  return std::ranges::all_of(tests, [this](const CompiledTest& test) { return holds(test.node); });
}

void Evaluation::collect(const CompiledRule& rule, std::vector<Matched>& out) {
  collect(rule.detection, *rule.detection.condition, out);
}

void Evaluation::collect(const CompiledDetection& detection, const Condition& condition,
                         std::vector<Matched>& out) {
  if (condition.kind == Condition::Kind::Not) return;
  for (const Condition& operand : condition.operands)
    collect(detection, operand, out);
  if (condition.kind != Condition::Kind::Selection) return;
  for (const auto& tests : detection.selections[condition.selection]) {
    if (!holds(tests)) continue;
    for (const CompiledTest& test : tests)
      collect(test, out);
  }
}

// One reason for each field is enough, unless all of them were needed.
void Evaluation::collect(const CompiledTest& test, std::vector<Matched>& out) {
  const std::size_t fields = test.leaves.empty() ? 0 : test.leaves.front().size();
  for (std::size_t field = 0; field < fields; ++field) {
    for (std::size_t pattern = 0; pattern < test.leaves.size(); ++pattern) {
      const bool told = collect(test, pattern, test.leaves[pattern][field], out);
      if (told && !test.test->all) break;
    }
  }
}

bool Evaluation::collect(const CompiledTest& test, std::size_t pattern, std::uint32_t leaf,
                         std::vector<Matched>& out) {
  const Leaf& asked = program_.leaves[leaf];
  const bool negated = test.test->negated;
  const auto which = matching(asked);
  if (which.has_value() == negated) return false;
  const auto texts = values(asked.slot);
  const std::size_t index = which.value_or(0);
  Matched matched;
  matched.field = program_.slots[asked.slot].field.name();
  matched.pattern = (negated ? "not: " : "") + test.test->patterns[pattern].shown;
  if (index < texts.size()) {
    matched.value = shown(texts[index]);
    if (!negated) {
      const auto found = asked.matcher.found(texts[index], lower(asked.slot)[index]);
      matched.found = base::to_utf8(found.substr(0, kShownBytes));
    }
  }
  out.push_back(std::move(matched));
  return true;
}

Explanation Evaluation::explain(const CompiledRule& rule) {
  Explanation out;
  out.holds = holds(rule.node);
  out.alone = holds(rule.alone);
  out.of_its_kind = rule.guard.empty() || any_holds(rule.guard);
  out.selections = explain(rule.rule->selections, rule.detection);
  for (const CompiledFilter& filter : rule.filters) {
    out.filters.push_back({filter.filter->id, filter.filter->title, holds(filter.node),
                           explain(filter.filter->selections, filter.detection)});
  }
  return out;
}

std::vector<ExplainedSelection> Evaluation::explain(const std::vector<Selection>& selections,
                                                    const CompiledDetection& detection) {
  std::vector<ExplainedSelection> out;
  for (std::size_t i = 0; i < selections.size(); ++i)
    out.push_back(explain(selections[i], detection.selections[i]));
  return out;
}

ExplainedSelection Evaluation::explain(const Selection& selection,
                                       const CompiledSelection& compiled) {
  ExplainedSelection out;
  out.name = selection.name;
  for (const auto& tests : compiled) {
    out.holds = out.holds || holds(tests);
    auto& alternative = out.alternatives.emplace_back();
    for (const CompiledTest& test : tests)
      alternative.push_back(explain(test));
  }
  return out;
}

ExplainedTest Evaluation::explain(const CompiledTest& test) {
  ExplainedTest out;
  out.field = test.test->field;
  out.all = test.test->all;
  out.negated = test.test->negated;
  out.holds = holds(test.node);
  out.line = test.test->line;
  out.column = test.test->column;
  for (std::size_t i = 0; i < test.leaves.size(); ++i) {
    ExplainedPattern pattern{test.test->patterns[i].shown, false, ""};
    for (const std::uint32_t id : test.leaves[i]) {
      const Leaf& leaf = program_.leaves[id];
      const auto texts = values(leaf.slot);
      if (i == 0) {
        out.fields.push_back(program_.slots[leaf.slot].field.name());
        for (const std::string_view text : texts)
          out.values.push_back(shown(text));
      }
      const auto which = matching(leaf);
      if (!which) continue;
      pattern.holds = true;
      if (*which < texts.size() && pattern.found.empty()) {
        const auto found = leaf.matcher.found(texts[*which], lower(leaf.slot)[*which]);
        pattern.found = base::to_utf8(found.substr(0, kShownBytes));
      }
    }
    out.patterns.push_back(std::move(pattern));
  }
  return out;
}

}  // namespace sigma
