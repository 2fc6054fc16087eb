#include "sigma/rule_set.h"

#include <algorithm>
#include <array>
#include <bit>
#include <deque>

#include "base/text.h"
#include "sigma/program.h"

namespace sigma {
namespace {

using schema::EventName;

constexpr std::size_t kShownBytes = 512;
// Texts of one item, looked up and lowered when first needed.
struct SlotText {
  enum class State : std::uint8_t { Unread, Absent, Present };
  State state = State::Unread;
  bool lowered = false;
  std::string_view text;
  std::string buffer;
  std::string lower;
};

// Evaluates rules for one item.
class Evaluation {
 public:
  Evaluation(const Program& program, const schema::Event& event, std::size_t item,
             std::vector<SlotText>& texts)
      : program_(program), event_(event), item_(item), texts_(texts) {
    if (texts_.size() < program.slots.size()) texts_.resize(program.slots.size());
    for (std::size_t i = 0; i < program.slots.size(); ++i) {
      texts_[i].state = SlotText::State::Unread;
      texts_[i].lowered = false;
    }
  }

  std::optional<std::string_view> text(std::size_t slot) {
    SlotText& entry = texts_[slot];
    if (entry.state == SlotText::State::Unread) {
      const auto found =
          schema::field_text(event_, item_, program_.slots[slot].field, entry.buffer);
      entry.state = found ? SlotText::State::Present : SlotText::State::Absent;
      if (found) entry.text = *found;
    }
    if (entry.state == SlotText::State::Absent) return std::nullopt;
    return entry.text;
  }

  bool holds(const CompiledRule& rule, const Condition& condition) {
    const auto operand = [&](const Condition& inner) { return holds(rule, inner); };
    switch (condition.kind) {
      case Condition::Kind::Selection:
        return selected(rule.selections[condition.selection]);
      case Condition::Kind::Not:
        return !operand(condition.operands.front());
      case Condition::Kind::And:
        return std::ranges::all_of(condition.operands, operand);
      case Condition::Kind::Or:
        return std::ranges::any_of(condition.operands, operand);
      case Condition::Kind::AtLeast: {
        std::size_t count = 0;
        for (const Condition& inner : condition.operands) {
          if (operand(inner) && ++count >= condition.count) return true;
        }
        return false;
      }
    }
    return false;
  }

  // What speaks for a rule that holds: the tests of the selections that are true and not negated.
  void explain(const CompiledRule& rule, const Condition& condition, std::vector<Matched>& out) {
    if (condition.kind == Condition::Kind::Not) return;
    for (const Condition& operand : condition.operands)
      explain(rule, operand, out);
    if (condition.kind != Condition::Kind::Selection) return;
    for (const auto& tests : rule.selections[condition.selection]) {
      if (!all_hold(tests)) continue;
      for (const CompiledTest& test : tests)
        explain(test, out);
    }
  }

 private:
  std::string_view lower(std::size_t slot) {
    SlotText& entry = texts_[slot];
    if (!entry.lowered) {
      entry.lower.assign(entry.text);
      for (char& c : entry.lower) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
      }
      entry.lowered = true;
    }
    return entry.lower;
  }

  bool matches(const CompiledTest& test, std::size_t matcher, std::size_t slot) {
    const auto value = text(slot);
    const auto other = test.matchers[matcher].compare() == Compare::FieldRef
                           ? text(test.others[matcher])
                           : std::nullopt;
    return test.matchers[matcher].matches(value, value ? lower(slot) : std::string_view(), other);
  }

  bool matches(const CompiledTest& test, std::size_t matcher) {
    if (test.slot != kAnyField) return matches(test, matcher, test.slot);
    for (std::size_t slot = 0; slot < program_.slots.size(); ++slot) {
      if (matches(test, matcher, slot)) return true;
    }
    return false;
  }

  bool holds(const CompiledTest& test) {
    bool result = test.all;
    for (std::size_t i = 0; i < test.matchers.size() && result == test.all; ++i)
      result = matches(test, i);
    return result != test.negated;
  }

  bool all_hold(const std::vector<CompiledTest>& tests) {
    return std::ranges::all_of(tests, [this](const CompiledTest& test) { return holds(test); });
  }

  bool selected(const Alternatives& alternatives) {
    return std::ranges::any_of(alternatives, [this](const auto& tests) { return all_hold(tests); });
  }

  void explain(const CompiledTest& test, std::vector<Matched>& out) {
    for (std::size_t slot = 0; slot < program_.slots.size(); ++slot) {
      if (test.slot != kAnyField && test.slot != slot) continue;
      for (std::size_t i = 0; i < test.matchers.size(); ++i) {
        if (matches(test, i, slot) == test.negated) continue;
        const auto value = text(slot);
        std::string shown = (test.negated ? "not: " : "") + test.matchers[i].shown();
        Matched matched{program_.slots[slot].name,
                        std::string(value.value_or("").substr(0, kShownBytes)),
                        std::move(shown),
                        {}};
        if (value && !test.negated) {
          const std::string_view found = test.matchers[i].found(*value, lower(slot));
          matched.found = base::to_utf8(found.substr(0, kShownBytes));
        }
        if (value && value->size() > kShownBytes) matched.value = base::to_utf8(matched.value);
        out.push_back(std::move(matched));
        // One reason for each field is enough, unless all of them were needed.
        if (!test.all) break;
      }
    }
  }

  const Program& program_;
  const schema::Event& event_;
  std::size_t item_;
  std::vector<SlotText>& texts_;
};

}  // namespace

struct RuleSet::State {
  std::deque<std::unique_ptr<Rule>> rules;
  std::array<Program, schema::kEventNames> programs;
};

struct RuleSet::Scratch::State {
  std::vector<SlotText> texts;
  std::vector<std::uint64_t> candidates;
};

RuleSet::Scratch::Scratch() : state_(std::make_unique<State>()) {}
RuleSet::Scratch::~Scratch() = default;

RuleSet::RuleSet() : state_(std::make_unique<State>()) {
  for (std::size_t i = 0; i < state_->programs.size(); ++i)
    state_->programs[i].event = static_cast<EventName>(i);
}
RuleSet::~RuleSet() = default;
RuleSet::RuleSet(RuleSet&&) noexcept = default;
RuleSet& RuleSet::operator=(RuleSet&&) noexcept = default;

std::expected<void, Refusal> RuleSet::add(Rule rule) {
  const auto event = event_of(rule.log_source);
  if (!event) {
    const LogSource& source = rule.log_source;
    std::string message = "there are no events for logsource";
    if (!source.product.empty()) message += " product=" + source.product;
    if (!source.category.empty()) message += " category=" + source.category;
    if (!source.service.empty()) message += " service=" + source.service;
    return std::unexpected(
        Refusal{Refusal::Kind::NoEvents, {source.line, source.column, std::move(message)}});
  }
  Program& program = state_->programs[static_cast<std::size_t>(*event)];
  auto kept = std::make_unique<Rule>(std::move(rule));
  auto compiled = program.compile(*kept);
  if (!compiled) return std::unexpected(std::move(compiled).error());
  for (Program& other : state_->programs) {
    std::erase_if(other.rules, [&](const CompiledRule& old) { return old.rule->id == kept->id; });
  }
  program.rules.push_back(std::move(*compiled));
  std::erase_if(state_->rules, [&](const auto& old) { return old->id == kept->id; });
  state_->rules.push_back(std::move(kept));
  return {};
}

void RuleSet::build() {
  for (Program& program : state_->programs)
    program.build();
}

std::size_t RuleSet::size() const {
  return state_->rules.size();
}

void RuleSet::match(const schema::Event& event, std::size_t item, Scratch& scratch,
                    std::vector<Hit>& hits) const {
  const Program& program = state_->programs[static_cast<std::size_t>(event.name())];
  if (program.rules.empty()) return;
  Evaluation evaluation(program, event, item, scratch.state_->texts);
  auto& candidates = scratch.state_->candidates;
  candidates.assign((program.rules.size() + 63) / 64, 0);
  for (const std::uint32_t id : program.always)
    candidates[id / 64] |= std::uint64_t{1} << (id % 64);
  for (std::size_t slot = 0; slot < program.slots.size(); ++slot) {
    if (const auto text = evaluation.text(slot)) program.index.scan(*text, candidates);
  }
  for (std::size_t word = 0; word < candidates.size(); ++word) {
    for (std::uint64_t bits = candidates[word]; bits != 0; bits &= bits - 1) {
      const std::size_t id = word * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      const CompiledRule& rule = program.rules[id];
      if (!evaluation.holds(rule, rule.rule->condition)) continue;
      Hit hit{rule.rule, {}};
      evaluation.explain(rule, rule.rule->condition, hit.matched);
      hits.push_back(std::move(hit));
    }
  }
}

}  // namespace sigma
