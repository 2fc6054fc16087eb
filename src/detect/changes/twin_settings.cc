#include "detect/changes/twin_settings.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/json.h"
#include "base/text.h"
#include "detect/changes/watch.h"

namespace detect::changes {
namespace {

using base::json::Value;
using base::json::Writer;

// With agents that do not say that all is well.
constexpr std::chrono::hours kPatience{24};
constexpr std::chrono::minutes kLookEvery{1};
constexpr std::size_t kRelated = 10;
// How agents say in their reported properties which settings they could not read. Source:
// docs/how-to/configure-agents-by-twin.md.
constexpr std::string_view kSettings = "ms_iotn:urn_azureiot_Security_SecurityAgentConfiguration";
constexpr std::string_view kAgent = "vedette";
constexpr std::string_view kVersion = "desiredVersion";
constexpr std::string_view kUnreadable = "TypeMismatch";

RuleInfo unreadable_rule() {
  RuleInfo rule;
  rule.id = "311cf4ab-62e1-4e2c-9d3c-b50aae8d0f5b";
  rule.title = "IoT agent attempted and failed to parse the module twin configuration";
  rule.description =
      "The agent could not read some of its settings in the module twin, and goes on with those of "
      "before or its defaults: it may collect less than somebody thinks it does.";
  rule.severity = Severity::Medium;
  rule.false_positives = {"A slip while the settings were written"};
  rule.remediation = {
      "Look at which settings the alert names, and what was expected there.",
      "Correct them in the desired properties of the module twin; the alert ends when the agent "
      "reports that it can read them.",
      "If nobody of yours changed the twin, find out who did: IoTHubAudit has every change."};
  return rule;
}

// An alert that was raised.
struct Open {
  std::string device_id;
  std::string module_id;
  std::int64_t version = 0;                // 0: not known
  base::WallTime heard;                    // of an error of it
  std::optional<base::WallTime> replaced;  // by a later version
};

std::string entity_of(std::int64_t version) {
  return version == 0 ? std::string() : "desired version " + std::to_string(version);
}

std::string text_of(const Open& open) {
  std::string text;
  Writer writer(text);
  writer.begin_object();
  writer.field("device", open.device_id);
  writer.field("module", open.module_id);
  writer.field("version", open.version);
  writer.field("heard", to_integer(open.heard));
  if (open.replaced) writer.field("replaced", to_integer(*open.replaced));
  writer.end_object();
  return text;
}

// The version that the agent says it has read without such errors; nullopt: it does not say so.
std::optional<std::int64_t> read_well(std::string_view reported) {
  const auto value = base::json::parse(reported);
  if (!value) return std::nullopt;
  const Value* agent = value->find(kAgent);
  const Value* version = agent == nullptr ? nullptr : agent->find(kVersion);
  const Value* settings = value->find(kSettings);
  if (version == nullptr || version->if_int() == nullptr || settings == nullptr ||
      settings->if_object() == nullptr)
    return std::nullopt;
  const bool wrong = std::ranges::any_of(*settings->if_object(), [](const auto& member) {
    return member.value.text_or("error", "") == kUnreadable;
  });
  return wrong ? std::nullopt : std::optional(*version->if_int());
}

bool names(std::string_view parts, std::string_view part) {
  const auto all = base::split(parts, ',');
  return std::ranges::find(all, part) != all.end();
}

}  // namespace

struct TwinSettings::State {
  const RuleInfo rule = unreadable_rule();
  std::map<std::string, Open, std::less<>> open;           // by origin_key()
  std::unordered_map<std::string, std::int64_t> versions;  // of desired properties, as last heard
  std::set<std::string, std::less<>> dirty;
  base::WallTime look_at{};

  std::int64_t version_of(const schema::ConfigurationError& error, const std::string& key) const;
  void on_errors(const schema::Event& event, const std::vector<schema::ConfigurationError>& errors,
                 const Origin& origin, std::vector<Finding>& findings);
  Finding end(const Open& alert, const Origin& origin, std::string why) const;
};

std::int64_t TwinSettings::State::version_of(const schema::ConfigurationError& error,
                                             const std::string& key) const {
  if (const auto said = base::parse_int(extra(error.extra_details, "DesiredVersion")); said)
    return std::max<std::int64_t>(*said, 0);
  const auto known = versions.find(key);
  return known == versions.end() ? 0 : known->second;
}

Finding TwinSettings::State::end(const Open& alert, const Origin& origin, std::string why) const {
  Finding finding =
      finding_of(rule, {alert.device_id, alert.module_id, origin.received, origin.sequence});
  finding.entity = entity_of(alert.version);
  finding.why = std::move(why);
  finding.effect = Effect::Resolve;
  finding.evidence.event_id =
      base::Guid::derived("twin settings", origin_key({alert.device_id, alert.module_id, {}, 0}) +
                                               "\n" + std::to_string(alert.version) + "\n" +
                                               std::to_string(to_integer(alert.heard)));
  finding.evidence.time = origin.received;
  finding.evidence.event_name = "ModuleTwin";
  finding.evidence.details_json = "{}";
  return finding;
}

void TwinSettings::State::on_errors(const schema::Event& event,
                                    const std::vector<schema::ConfigurationError>& errors,
                                    const Origin& origin, std::vector<Finding>& findings) {
  const std::string key = origin_key(origin);
  Finding finding = finding_of(rule, origin);
  std::string keys;
  std::int64_t version = 0;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    if (errors[i].error_type != schema::ConfigurationErrorType::TypeMismatch) continue;
    version = std::max(version, version_of(errors[i], key));
    keys += (keys.empty() ? "" : ", ") + errors[i].configuration_name;
    Evidence evidence = evidence_of(event, i);
    evidence.matched.push_back({"ErrorType", std::string(kUnreadable), "= 'TypeMismatch'", ""});
    if (finding.related.size() < kRelated) finding.related.push_back(std::move(evidence));
  }
  if (finding.related.empty()) return;
  const auto former = open.find(key);
  if (former != open.end() && former->second.version != version) {
    findings.push_back(
        end(former->second, origin, "A later version is in force, and wrong as well."));
  }
  open.insert_or_assign(key, Open{std::string(origin.device_id), std::string(origin.module_id),
                                  version, origin.received, std::nullopt});
  dirty.insert(key);
  finding.entity = entity_of(version);
  finding.evidence = std::move(finding.related.back());
  finding.related.pop_back();
  finding.why = "The agent could not read these settings of its module twin: " + keys + ".";
  findings.push_back(std::move(finding));
}

TwinSettings::TwinSettings() : state_(std::make_unique<State>()) {}
TwinSettings::~TwinSettings() = default;

std::vector<RuleInfo> TwinSettings::rules() const {
  return {state_->rule};
}

void TwinSettings::on_event(const schema::Event& event, const Origin& origin,
                            std::vector<Finding>& findings) {
  if (const auto* errors = std::get_if<std::vector<schema::ConfigurationError>>(&event.payload))
    state_->on_errors(event, *errors, origin, findings);
}

void TwinSettings::on_twin(const store::TwinRow& twin, const Origin& origin,
                           std::vector<Finding>& findings) {
  State& state = *state_;
  if (twin.module_id.empty()) return;
  const std::string key = origin_key(origin);
  const auto open = state.open.find(key);
  const auto close = [&](std::string why) {
    findings.push_back(state.end(open->second, origin, std::move(why)));
    state.open.erase(open);
    state.dirty.insert(key);
  };
  if (twin.operation == "deleted") {
    state.versions.erase(key);
    if (open != state.open.end()) close("The module was deleted.");
    return;
  }
  state.versions.insert_or_assign(key, twin.desired_version);
  if (open == state.open.end()) return;
  if (names(twin.parts, "Reported")) {
    const auto version = read_well(twin.reported);
    if (version && *version > open->second.version)
      return close("The agent reads all settings of desired version " + std::to_string(*version) +
                   ".");
  }
  if (twin.desired_version > open->second.version && !open->second.replaced) {
    open->second.replaced = origin.received;
    state.dirty.insert(key);
  }
}

void TwinSettings::on_time(base::WallTime now, std::vector<Finding>& findings) {
  State& state = *state_;
  if (now < state.look_at) return;
  state.look_at = now + kLookEvery;
  std::erase_if(state.open, [&](const auto& each) {
    const Open& open = each.second;
    if (!open.replaced || now - std::max(*open.replaced, open.heard) < kPatience) return false;
    findings.push_back(
        state.end(open, {{}, {}, now, 0},
                  "Nothing was heard of errors for a day since a later version came."));
    state.dirty.insert(each.first);
    return true;
  });
}

void TwinSettings::save(std::vector<MemoryChange>& changes) {
  for (const std::string& key : state_->dirty) {
    const auto open = state_->open.find(key);
    MemoryChange change{key, std::nullopt};
    if (open != state_->open.end()) change.value = text_of(open->second);
    changes.push_back(std::move(change));
  }
  state_->dirty.clear();
}

bool TwinSettings::restore(std::string_view key, std::string_view value) {
  const auto read = base::json::parse(value);
  if (!read) return false;
  const Value* version = read->find("version");
  if (version == nullptr || version->if_int() == nullptr) return false;
  Open open{std::string(read->text_or("device", "")), std::string(read->text_or("module", "")),
            *version->if_int(), time_member(*read, "heard"), std::nullopt};
  if (read->find("replaced") != nullptr) open.replaced = time_member(*read, "replaced");
  if (key != origin_key({open.device_id, open.module_id, {}, 0})) return false;
  state_->open.insert_or_assign(std::string(key), std::move(open));
  return true;
}

}  // namespace detect::changes
