#include "detect/stream.h"

#include "base/log.h"
#include "os/file.h"
#include "sigma/rule_set.h"

namespace detect {
namespace {

Severity severity_of(sigma::Level level) {
  switch (level) {
    case sigma::Level::Informational:
      return Severity::Informational;
    case sigma::Level::Low:
      return Severity::Low;
    case sigma::Level::Medium:
      return Severity::Medium;
    case sigma::Level::High:
    case sigma::Level::Critical:
      return Severity::High;
  }
  return Severity::Medium;
}

RuleInfo info_of(const sigma::Rule& rule) {
  return {.id = rule.id,
          .title = rule.title,
          .description = rule.description,
          .author = rule.author,
          .license = rule.license,
          .url = rule.references.empty() ? "" : rule.references.front(),
          .severity = severity_of(rule.level),
          .remediation = rule.vedette.remediation,
          .tactics = rule.tactics(),
          .techniques = rule.techniques(),
          .aliases = rule.vedette.aliases,
          .false_positives = rule.false_positives};
}

// What an alert is about when its rule does not say: the program, where the event has one.
std::vector<std::string> default_entity(schema::EventName event) {
  for (const schema::Field& field : schema::event_info(event).fields) {
    if (field.name == "Executable") return {"Executable"};
  }
  return {};
}

std::optional<std::string> unknown_entity(const sigma::Rule& rule) {
  const auto event = sigma::event_of(rule.log_source);
  if (!event) return std::nullopt;
  for (const std::string& field : rule.vedette.entity) {
    if (!sigma::field_of(*event, field)) return field;
  }
  return std::nullopt;
}

std::string why_of(const sigma::Rule& rule, const std::vector<sigma::Matched>& matched) {
  std::string why = rule.vedette.why.empty() ? rule.title + "." : rule.vedette.why;
  if (matched.empty()) return why;
  const sigma::Matched& first = matched.front();
  // Nobody reads a long regular expression: what it found says more.
  constexpr std::size_t kReadable = 80;
  why += " " + first.field + " ";
  why += first.pattern.size() <= kReadable || first.found.empty() ? first.pattern + "."
                                                                  : "has '" + first.found + "'.";
  return why;
}

}  // namespace

struct Stream::State {
  sigma::RuleSet rules;
  sigma::RuleSet::Scratch scratch;
  std::vector<sigma::Hit> hits;
  std::vector<RuleInfo> infos;
  std::vector<RuleProblem> problems;
  std::string buffer;

  void add(const std::string& file, std::string_view text);
  std::string entity_of(const sigma::Rule& rule, const schema::Event& event, std::size_t item);
};

std::string RuleProblem::to_string() const {
  return sigma::Problem{line, column, message}.to_string(file);
}

void Stream::State::add(const std::string& file, std::string_view text) {
  auto parsed = sigma::parse(text);
  for (sigma::Problem& problem : parsed.problems) {
    problems.push_back({file, problem.line, problem.column, std::move(problem.message), false});
  }
  for (sigma::Rule& rule : parsed.rules) {
    if (const auto unknown = unknown_entity(rule)) {
      problems.push_back({file, 0, 0,
                          "'" + rule.title +
                              "': expected fields of the event in 'vedette.entity', found '" +
                              *unknown + "'",
                          false});
      continue;
    }
    RuleInfo info = info_of(rule);
    auto added = rules.add(std::move(rule));
    if (!added) {
      const sigma::Problem& problem = added.error().problem;
      problems.push_back({file, problem.line, problem.column, problem.message,
                          added.error().kind == sigma::Refusal::Kind::NoEvents});
      continue;
    }
    std::erase_if(infos, [&](const RuleInfo& old) { return old.id == info.id; });
    infos.push_back(std::move(info));
  }
}

// The values of the entity's fields, one after another.
std::string Stream::State::entity_of(const sigma::Rule& rule, const schema::Event& event,
                                     std::size_t item) {
  std::string entity;
  const auto add_field = [&](std::string_view name) {
    const auto value = schema::field_text(event, item, name, buffer);
    if (!value) return;
    if (!entity.empty()) entity += " ";
    entity += *value;
  };
  if (rule.vedette.entity.empty()) {
    for (const std::string& name : default_entity(event.name()))
      add_field(name);
  }
  for (const std::string& name : rule.vedette.entity) {
    if (const auto field = sigma::field_of(event.name(), name)) add_field(*field);
  }
  return entity;
}

base::Result<std::unique_ptr<Stream>> Stream::load(const std::string& folder) {
  auto state = std::make_unique<State>();
  for (const BuiltinRule& rule : builtin_rules())
    state->add(std::string(rule.file), rule.text);
  if (!folder.empty() && os::file_exists(folder)) {
    for (const std::string& name : TRY(os::list_dir(folder))) {
      if (!name.ends_with(".yml") && !name.ends_with(".yaml")) continue;
      const std::string path = folder + "/" + name;
      auto text = os::read_file(path, sigma::kMaxRuleBytes);
      if (text) {
        state->add(path, *text);
      } else {
        state->problems.push_back(
            {path, 0, 0, "cannot be read: " + text.error().to_string(), false});
      }
    }
  }
  for (const RuleProblem& problem : state->problems) {
    if (problem.no_events) continue;
    LOG_WARNING("rule.refused").field("where", problem.to_string());
  }
  state->rules.build();
  return std::unique_ptr<Stream>(new Stream(std::move(state)));
}

Stream::Stream(std::unique_ptr<State> state) : state_(std::move(state)) {}
Stream::~Stream() = default;

void Stream::match(const schema::Event& event, std::size_t item, const Origin& origin,
                   std::vector<Finding>& findings) {
  State& state = *state_;
  state.hits.clear();
  state.rules.match(event, item, state.scratch, state.hits);
  for (sigma::Hit& hit : state.hits) {
    Finding finding;
    finding.rule = info_of(*hit.rule);
    finding.device_id = origin.device_id;
    finding.module_id = origin.module_id;
    finding.entity = state.entity_of(*hit.rule, event, item);
    finding.why = why_of(*hit.rule, hit.matched);
    finding.received = origin.received;
    finding.sequence = origin.sequence;
    finding.hits = event.hit_count(item);
    finding.evidence.event_id = event.id;
    finding.evidence.item = static_cast<std::uint32_t>(item);
    finding.evidence.time = event.time.utc;
    finding.evidence.event_name = schema::to_string(event.name());
    finding.evidence.details_json = schema::event_details_json(event, item);
    for (sigma::Matched& matched : hit.matched) {
      finding.evidence.matched.push_back({std::move(matched.field), std::move(matched.value),
                                          std::move(matched.pattern), std::move(matched.found)});
    }
    findings.push_back(std::move(finding));
  }
}

const std::vector<RuleProblem>& Stream::problems() const {
  return state_->problems;
}
std::vector<RuleInfo> Stream::rules() const {
  return state_->infos;
}

}  // namespace detect
