#include "sigma/rule_set.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>

#include "base/id.h"
#include "base/text.h"
#include "sigma/evaluation.h"
#include "sigma/program.h"

namespace sigma {
namespace {

// A filter's log source may say less than the rule's, but nothing else.
bool same_source(const LogSource& filter, const LogSource& rule) {
  const auto fits = [](const std::string& of_filter, const std::string& of_rule) {
    return of_filter.empty() || base::equal_ignore_case(of_filter, of_rule);
  };
  return fits(filter.product, rule.product) && fits(filter.category, rule.category) &&
         fits(filter.service, rule.service);
}

}  // namespace

struct RuleSet::State {
  std::deque<std::unique_ptr<Rule>> rules;
  std::deque<std::unique_ptr<Filter>> filters;
  std::array<Program, Source::kCount> programs;

  // Says whether a scratch is ready for what was built.
  std::shared_ptr<const int> built = std::make_shared<int>(0);

  Workspace& prepare(Scratch& scratch) const;
  std::string unknown_rule(std::string_view mention) const {
    std::string message = "expected the id or the name of a rule that is in force, found '" +
                          std::string(mention) + "'";
    std::vector<std::string_view> known;
    for (const auto& rule : rules)
      known.push_back(rule->name.empty() ? std::string_view(rule->id) : rule->name);
    if (const auto near = base::nearest(mention, known))
      message += " (did you mean '" + std::string(*near) + "'?)";
    return message;
  }
};

struct RuleSet::Scratch::State {
  Workspace workspace;
  std::shared_ptr<const int> prepared;
};

Workspace& RuleSet::State::prepare(Scratch& scratch) const {
  Scratch::State& own = *scratch.state_;
  if (own.prepared != built) [[unlikely]] {
    for (const Program& program : programs) {
      for (const Slot& slot : program.slots)
        slot.scanner.prepare(own.workspace.scan);
    }
    own.prepared = built;
  }
  return own.workspace;
}

RuleSet::Scratch::Scratch() : state_(std::make_unique<State>()) {}
RuleSet::Scratch::~Scratch() = default;

RuleSet::RuleSet() : state_(std::make_unique<State>()) {
  for (std::size_t i = 0; i < state_->programs.size(); ++i)
    state_->programs[i].source = Source::at(i);
}
RuleSet::~RuleSet() = default;
RuleSet::RuleSet(RuleSet&&) noexcept = default;
RuleSet& RuleSet::operator=(RuleSet&&) noexcept = default;

std::expected<void, Refusal> RuleSet::add(Rule rule) {
  const auto sources = sources_of(rule.log_source);
  if (sources.empty()) {
    const LogSource& source = rule.log_source;
    return std::unexpected(
        Refusal{Refusal::Kind::NoEvents, {source.line, source.column, no_events_reason(source)}});
  }
  auto kept = std::make_unique<Rule>(std::move(rule));
  std::vector<std::pair<Program*, CompiledRule>> compiled;
  std::optional<Refusal> refusal;
  for (const Source source : sources) {
    Program& program = state_->programs[source.index()];
    auto one = program.compile(*kept);
    if (one) {
      compiled.emplace_back(&program, std::move(*one));
    } else if (!refusal) {
      refusal = std::move(one).error();
    }
  }
  // A rule for several sources looks at those that have its fields.
  if (compiled.empty()) return std::unexpected(std::move(*refusal));
  for (Program& other : state_->programs) {
    std::erase_if(other.rules, [&](const CompiledRule& old) { return old.rule->id == kept->id; });
  }
  for (auto& [program, one] : compiled)
    program->rules.push_back(std::move(one));
  std::erase_if(state_->rules, [&](const auto& old) { return old->id == kept->id; });
  state_->rules.push_back(std::move(kept));
  return {};
}

std::vector<Problem> RuleSet::leave_out(const Filter& filter) {
  std::vector<Problem> problems;
  std::vector<const Rule*> named;
  for (const Mention& mention : filter.rules) {
    const Rule* rule = find(mention.text);
    if (rule == nullptr) {
      problems.push_back({mention.line, mention.column, state_->unknown_rule(mention.text)});
    } else if (!same_source(filter.log_source, rule->log_source)) {
      problems.push_back({mention.line, mention.column,
                          "'" + rule->title + "' is for another log source than this filter"});
    } else {
      named.push_back(rule);
    }
  }
  for (const auto& rule : state_->rules) {
    if (filter.rules.empty() && same_source(filter.log_source, rule->log_source))
      named.push_back(rule.get());
  }
  const Filter& kept = *state_->filters.emplace_back(std::make_unique<Filter>(filter));
  // A rule for several sources is filtered where the filter's fields are.
  std::map<const Rule*, std::optional<Problem>> outcome;
  for (Program& program : state_->programs) {
    for (CompiledRule& rule : program.rules) {
      if (std::ranges::find(named, rule.rule) == named.end()) continue;
      auto left_out = program.leave_out(kept, rule);
      if (left_out) {
        outcome[rule.rule] = std::nullopt;
      } else {
        outcome.try_emplace(rule.rule, std::move(left_out).error().problem);
      }
    }
  }
  const auto failed =
      std::ranges::find_if(outcome, [](const auto& one) { return one.second.has_value(); });
  if (failed != outcome.end()) problems.push_back(*failed->second);
  return problems;
}

const Rule* RuleSet::find(std::string_view id_or_name) const {
  const auto guid = base::Guid::parse(id_or_name);
  const std::string id = guid ? guid->to_string() : "";
  for (const auto& rule : state_->rules) {
    if (rule->id == id || (!rule->name.empty() && rule->name == id_or_name)) return rule.get();
  }
  return nullptr;
}

void RuleSet::build(Engine engine) {
  for (Program& program : state_->programs)
    program.build(engine);
  state_->built = std::make_shared<int>(0);
}

std::size_t RuleSet::bytes() const {
  std::size_t bytes = 0;
  for (const Program& program : state_->programs)
    bytes += program.bytes();
  return bytes;
}

std::size_t RuleSet::size() const {
  return state_->rules.size();
}

std::vector<const Rule*> RuleSet::rules() const {
  std::vector<const Rule*> out;
  out.reserve(state_->rules.size());
  for (const auto& rule : state_->rules)
    out.push_back(rule.get());
  return out;
}

void RuleSet::match(const Subject& subject, Scratch& scratch, std::vector<Hit>& hits) const {
  const Program& program = state_->programs[subject.source().index()];
  if (program.rules.empty()) return;
  Evaluation evaluation(program, subject, state_->prepare(scratch));
  for (const std::uint32_t id : evaluation.candidates()) {
    const CompiledRule& rule = program.rules[id];
    if (!evaluation.holds(rule.node)) continue;
    Hit hit{rule.rule, {}};
    evaluation.collect(rule, hit.matched);
    hits.push_back(std::move(hit));
  }
}

std::optional<Explanation> RuleSet::explain(std::string_view id_or_name, const Subject& subject,
                                            Scratch& scratch) const {
  const Rule* const rule = find(id_or_name);
  const Program& program = state_->programs[subject.source().index()];
  const auto compiled = std::ranges::find(program.rules, rule, &CompiledRule::rule);
  if (rule == nullptr || compiled == program.rules.end()) return std::nullopt;
  return Evaluation(program, subject, state_->prepare(scratch)).explain(*compiled);
}

}  // namespace sigma
