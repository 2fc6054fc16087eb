#include "detect/trial/trial.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "detect/changes/changes.h"
#include "detect/custom/rehearsal.h"
#include "detect/hub_records.h"
#include "detect/posture/judge.h"
#include "detect/trial/hub_facts.h"

namespace detect::trial {

using base::Result;

namespace {

constexpr std::array<std::string_view, 3> kKinds = {"alert", "customAlert", "recommendation"};

// A Monday at midnight: windows of minutes, hours and days begin there.
constexpr base::WallTime kBeginning = std::chrono::sys_days(std::chrono::year(2026) / 3 / 2);

// Longer than any window of a correlation may be.
constexpr std::chrono::hours kPatience{24 * 366};

// What posture::judge_facts() knows.
constexpr std::array<std::string_view, 6> kFacts = {"HubConfig",  "HubIdentity", "HubTls",
                                                    "EdgeModule", "EdgeHub",     "GroupSettings"};

bool is_fact(std::string_view name) {
  return std::ranges::find(kFacts, name) != kFacts.end();
}

}  // namespace

std::string_view to_string(Kind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

bool is_called(const RuleInfo& rule, std::string_view name) {
  const auto same = [name](std::string_view other) {
    return base::equal_ignore_case(base::trim(other), base::trim(name));
  };
  return same(rule.title) || std::ranges::any_of(rule.aliases, same);
}

namespace {

// A recommendation as a finding, so that all that was found can be told in one way.
Finding finding_of(const posture::Verdict& verdict) {
  const posture::Recommendation& what = posture::recommendation(verdict.kind);
  Finding out;
  out.rule.id = what.name;
  out.rule.title = what.title;
  out.rule.aliases = {std::string(what.name)};
  out.rule.description = what.description;
  out.rule.severity = what.severity;
  out.rule.remediation = {std::string(what.remediation)};
  out.why = std::to_string(verdict.items.size()) + " " +
            std::string(verdict.items.size() == 1 ? what.one : what.many) + ":";
  for (const posture::Item& item : verdict.items) {
    out.why += (out.why.ends_with(':') ? " " : "; ") + item.title;
    out.entity += (out.entity.empty() ? "" : " ") + item.key;
  }
  out.hits = static_cast<std::int64_t>(verdict.items.size());
  return out;
}

}  // namespace

struct Trial::State {
  explicit State(std::unique_ptr<Stream> loaded) : stream(std::move(loaded)) {}

  std::unique_ptr<Stream> stream;
  schema::Decoder decoder;
  base::WallTime now = kBeginning;
  bool begun = false;
  std::uint64_t number = 0;  // of events
  std::unique_ptr<custom::Rehearsal> custom_alerts = std::make_unique<custom::Rehearsal>();
  std::vector<std::unique_ptr<Detector>> detectors = changes::make_detectors();
  std::unique_ptr<posture::Judge> judge = std::make_unique<posture::Judge>();
  std::vector<Finding> findings;
  std::vector<Raised> raised;

  // What is wrong with a device, or with the hub.
  void keep(const posture::Verdict& verdict, const Origin& origin, std::string_view about) {
    if (verdict.healthy()) return;
    Finding finding = finding_of(verdict);
    finding.device_id = origin.device_id;
    finding.module_id = origin.module_id;
    finding.received = origin.received;
    finding.evidence.time = origin.received;
    finding.evidence.event_name = about;
    raised.push_back({Kind::Recommendation, std::move(finding)});
  }

  void happen_at_hub(const Step& step, const Origin& origin) {
    ++number;
    const auto show = [&](const HubRecord& record) {
      stream->match_record(record.record(), [&] { return record.evidence(); }, 1, origin, findings);
      keep(Kind::Alert);
    };
    if (step.name == "HubAudit") {
      store::AuditRow row = audit_row(step.payload, now);
      row.id = number;
      return show(HubRecord(row));
    }
    const LoginAttempt attempt(step.payload, step.device_id, now);
    const store::OperationRow row = attempt.row();
    show(HubRecord(row, number));
    for (const auto& detector : detectors)
      detector->on_operation(row, origin, findings);
    keep(Kind::Alert);
  }

  void keep(Kind kind) {
    for (Finding& finding : findings) {
      if (finding.effect == Effect::Raise) raised.push_back({kind, std::move(finding)});
    }
    findings.clear();
  }
};

Result<std::unique_ptr<Trial>> Trial::open(const Options& options) {
  auto stream = TRY(Stream::load(options.rules));
  return std::unique_ptr<Trial>(new Trial(std::make_unique<State>(std::move(stream))));
}

Trial::Trial(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trial::~Trial() = default;

void Trial::reset() {
  state_->stream->forget();
  state_->custom_alerts = std::make_unique<custom::Rehearsal>();
  state_->detectors = changes::make_detectors();
  state_->judge = std::make_unique<posture::Judge>();
  state_->now = kBeginning;
  state_->begun = false;
  state_->number = 0;
  state_->findings.clear();
  state_->raised.clear();
}

Result<void> Trial::add(const Step& step) {
  base::WallTime time = state_->now;
  if (step.after) {
    time = kBeginning + *step.after;
  } else if (step.time) {
    time = *step.time;
  }
  advance(time);
  const Origin origin{step.device_id, step.module_id, state_->now, state_->number};
  if (step.name == "Rule") return state_->custom_alerts->add_rule(step.payload, state_->now);
  state_->custom_alerts->meet(origin, state_->findings);
  if (step.name == "HubMetric")
    TRY(state_->custom_alerts->add_metric(step.payload, origin, state_->findings));
  state_->keep(Kind::CustomAlert);
  if (step.name == "HubMetric" || step.name == "Clock") return {};
  if (is_fact(step.name)) {
    for (const posture::Verdict& verdict : posture::judge_facts(step.name, step.payload))
      state_->keep(verdict, origin, step.name);
    return {};
  }
  if (step.name == "HubAuth" || step.name == "HubAudit") {
    state_->happen_at_hub(step, origin);
    return {};
  }
  const schema::Event event = TRY(to_event(step, time, state_->number++, state_->decoder));
  add(event, origin);
  return {};
}

void Trial::add(const schema::Event& event, const Origin& origin) {
  for (const auto& detector : state_->detectors)
    detector->on_message(origin, state_->findings);
  for (std::size_t item = 0; item < event.item_count(); ++item)
    state_->stream->match(event, item, origin, state_->findings);
  for (const auto& detector : state_->detectors)
    detector->on_event(event, origin, state_->findings);
  state_->keep(Kind::Alert);
  state_->custom_alerts->add_event(event, origin, state_->findings);
  state_->keep(Kind::CustomAlert);
  std::vector<posture::Judgement> judgements;
  state_->judge->on_event(event, origin, judgements);
  for (const posture::Judgement& one : judgements)
    state_->keep(one.verdict, origin, schema::to_string(event.name()));
}

void Trial::advance(base::WallTime now) {
  // The first thing that happens is when time begins.
  if (state_->begun && now <= state_->now) return;
  state_->begun = true;
  state_->now = now;
  state_->stream->on_time(now, state_->findings);
  for (const auto& detector : state_->detectors)
    detector->on_time(now, state_->findings);
  state_->keep(Kind::Alert);
  state_->custom_alerts->advance(now, state_->findings);
  state_->keep(Kind::CustomAlert);
}

void Trial::finish() {
  state_->stream->on_time(state_->now + kPatience, state_->findings);
  for (const auto& detector : state_->detectors)
    detector->on_end(state_->now, state_->findings);
  state_->keep(Kind::Alert);
  state_->custom_alerts->finish(state_->findings);
  state_->keep(Kind::CustomAlert);
}

base::WallTime Trial::now() const {
  return state_->now;
}

std::vector<Raised> Trial::take() {
  return std::exchange(state_->raised, {});
}

const Stream& Trial::stream() const {
  return *state_->stream;
}

}  // namespace detect::trial
