#include "detect/stream.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "detect/found_text.h"
#include "detect/kept_evidence.h"
#include "detect/process_commands.h"
#include "detect/rule_files.h"
#include "sigma/fields.h"
#include "sigma/library.h"

namespace detect {
namespace {

// For correlations.
std::optional<std::string> field_of(const sigma::Subject& subject, const Origin& origin,
                                    std::string_view name) {
  if (const auto device = sigma::device_field(name))
    return std::string(*device == "DeviceId" ? origin.device_id : origin.module_id);
  const auto reader = sigma::FieldReader::find(subject.source(), name);
  return reader ? reader->read_all(subject) : std::nullopt;
}

std::vector<std::string> values_of(const sigma::Subject& subject, const Origin& origin,
                                   std::string_view name) {
  if (sigma::device_field(name)) return {*field_of(subject, origin, name)};
  const auto reader = sigma::FieldReader::find(subject.source(), name);
  if (!reader) return {};
  sigma::FieldText text;
  const auto values = reader->read(subject, text);
  return {values.begin(), values.end()};
}

// Of memory; more has to wait for the next time, lest a flood of it holds up everything else.
constexpr std::size_t kSavedAtOnce = std::size_t{1} << 20U;

}  // namespace

struct Stream::State {
  // Of the thread that matches.
  std::unique_ptr<sigma::Library> library;
  std::shared_ptr<const Shown> told;  // of the library
  sigma::RuleSet::Scratch scratch;
  std::vector<sigma::Hit> hits;
  std::vector<sigma::Firing> firings;
  ProcessCommands commands;
  ProcessCommands explained;  // of explain()

  std::mutex reading;  // held while rules are read, so that the last reading is the last to begin
  mutable std::mutex mutex;  // of all below
  StreamOptions options;
  std::unique_ptr<sigma::Library> next;  // read again, not in use yet
  std::shared_ptr<const Shown> shown;    // of the newest
  CorrelationCounters counters;
  std::string read_look;  // of the folder when it was read
  std::string last_look;  // when it was last looked at
  std::atomic<bool> has_next = false;

  base::Result<void> read(const StreamOptions& wanted);
  void take_next();
  void publish();
  // Before and after what came from `origin` at one moment.
  void begin(const Origin& origin);
  void end(const Origin& origin, std::vector<Finding>& findings);
  // A record happened so many `times`; an event says so itself.
  void judge(const sigma::Subject& subject, const EvidenceOf& evidence, std::int64_t times,
             const Origin& origin, std::vector<Finding>& findings);
  void judge_commands(const schema::Event& event, std::size_t item, const EvidenceOf& evidence,
                      const Origin& origin, std::vector<Finding>& findings);
  void correlate(const sigma::Rule& rule, const Evidence& evidence, const sigma::Subject& subject,
                 std::int64_t count, const Origin& origin);
  void report(const Origin& origin, std::vector<Finding>& findings);
};

std::string RuleProblem::to_string() const {
  return sigma::Problem{line, column, message}.to_string(file);
}

// Between two events.
void Stream::State::take_next() {
  std::unique_ptr<sigma::Library> former;
  {
    const std::lock_guard lock(mutex);
    former = std::move(library);
    library = std::move(next);
    told = shown;
    has_next = false;
  }
  library->correlator.adopt(std::move(former->correlator));
}

void Stream::State::publish() {
  const sigma::CorrelatorCounters now = library->correlator.counters();
  const std::lock_guard lock(mutex);
  counters = {now.groups,         now.bytes,           now.late,
              now.evicted_groups, now.evicted_entries, now.no_number};
}

void Stream::State::begin(const Origin& origin) {
  if (has_next) take_next();
  library->correlator.advance(origin.received, firings);
}

void Stream::State::end(const Origin& origin, std::vector<Finding>& findings) {
  if (hits.empty() && firings.empty()) [[likely]]
    return;
  report(origin, findings);
  publish();
}

// A finding for each rule that matches, and the correlations that listen.
void Stream::State::judge(const sigma::Subject& subject, const EvidenceOf& evidence,
                          std::int64_t times, const Origin& origin,
                          std::vector<Finding>& findings) {
  hits.clear();
  library->rules.match(subject, scratch, hits);
  if (hits.empty()) return;
  const bool of_event = subject.source().event().has_value();
  const std::int64_t count = of_event ? subject.event()->hit_count(subject.item()) : times;
  for (sigma::Hit& hit : hits) {
    Finding finding;
    finding.evidence = evidence();
    finding.why = why_of(*hit.rule, hit.matched);
    for (sigma::Matched& matched : hit.matched) {
      finding.evidence.matched.push_back({std::move(matched.field), std::move(matched.value),
                                          std::move(matched.pattern), std::move(matched.found)});
    }
    if (library->correlator.listens(hit.rule->id))
      correlate(*hit.rule, finding.evidence, subject, count, origin);
    if (library->silent.contains(hit.rule->id)) continue;
    finding.rule = told->info(hit.rule->id);
    finding.device_id = origin.device_id;
    finding.module_id = origin.module_id;
    finding.entity = detect::entity_of(*hit.rule, subject);
    finding.received = origin.received;
    finding.sequence = origin.sequence;
    finding.hits = count;
    findings.push_back(std::move(finding));
  }
}

// The commands of a process that starts. `findings` has those of the process from `first` on.
void Stream::State::judge_commands(const schema::Event& event, std::size_t item,
                                   const EvidenceOf& evidence, const Origin& origin,
                                   std::vector<Finding>& findings) {
  commands.read(event, item, origin);
  if (commands.size() == 0) return;
  const std::int64_t count = event.hit_count(item);
  const std::size_t first = findings.size();
  for (std::size_t i = 0; i < commands.size(); ++i) {
    const std::size_t before = findings.size();
    judge(commands.subject(i), evidence, count, origin, findings);
    for (std::size_t k = before; k < findings.size();) {
      Finding& finding = findings[k];
      // One process, one cause: the first of its commands tells of it.
      const bool known =
          std::any_of(findings.begin() + static_cast<std::ptrdiff_t>(first),
                      findings.begin() + static_cast<std::ptrdiff_t>(before),
                      [&](const Finding& other) { return other.rule.id == finding.rule.id; });
      if (known) {
        findings.erase(findings.begin() + static_cast<std::ptrdiff_t>(k));
        continue;
      }
      finding.evidence.matched.push_back(commands.where(i));
      finding.related = commands.downloads_run(i);
      ++k;
    }
  }
  if (commands.downloads()) commands.remember(evidence());
}

void Stream::State::correlate(const sigma::Rule& rule, const Evidence& evidence,
                              const sigma::Subject& subject, std::int64_t count,
                              const Origin& origin) {
  library->correlator.observe(
      rule.id,
      {evidence.time, origin.received, count,
       std::make_shared<const KeptEvidence>(evidence, origin)},
      [&](std::string_view name) { return field_of(subject, origin, name); }, firings,
      [&](std::string_view name) { return values_of(subject, origin, name); });
}

// A finding for each correlation that was completed.
void Stream::State::report(const Origin& origin, std::vector<Finding>& findings) {
  for (const sigma::Firing& firing : firings) {
    if (library->silent.contains(firing.correlation->id) || firing.keepsakes.empty()) continue;
    Finding finding;
    finding.rule = told->info(firing.correlation->id);
    finding.entity = detect::entity_of(firing);
    finding.why = why_of(firing);
    finding.received = origin.received;
    finding.sequence = origin.sequence;
    for (const auto& keepsake : firing.keepsakes) {
      const auto& kept = static_cast<const KeptEvidence&>(*keepsake);
      finding.device_id = kept.device_id();
      finding.module_id = kept.module_id();
      finding.related.push_back(kept.evidence());
    }
    // The last one stands for the whole.
    finding.evidence = std::move(finding.related.back());
    finding.related.pop_back();
    std::vector<Match> matched = matches_of(firing);
    std::ranges::move(finding.evidence.matched, std::back_inserter(matched));
    finding.evidence.matched = std::move(matched);
    findings.push_back(std::move(finding));
  }
  firings.clear();
}

// Of the caller who holds `reading`.
base::Result<void> Stream::State::read(const StreamOptions& wanted) {
  const std::string look = look_of(wanted.folder);
  auto read = std::make_unique<sigma::Library>(TRY(read_library(wanted)));
  auto now = show(*read, wanted);
  silence(*read, wanted.settings);
  const std::lock_guard lock(mutex);
  options = wanted;
  next = std::move(read);
  shown = std::move(now);
  read_look = look;
  has_next = true;
  return {};
}

base::Result<std::unique_ptr<Stream>> Stream::load(const StreamOptions& options) {
  auto state = std::make_unique<State>();
  TRY(state->read(options));
  state->last_look = state->read_look;
  state->library = std::move(state->next);
  state->told = state->shown;
  state->has_next = false;
  return std::unique_ptr<Stream>(new Stream(std::move(state)));
}

base::Result<std::unique_ptr<Stream>> Stream::load(const std::string& folder) {
  return load(StreamOptions{.folder = folder});
}

base::Result<bool> Stream::follow() {
  std::string folder;
  {
    const std::lock_guard lock(state_->mutex);
    folder = state_->options.folder;
  }
  const std::string look = look_of(folder);
  {
    const std::lock_guard lock(state_->mutex);
    const bool settled = look == state_->last_look;
    state_->last_look = look;
    if (!settled || look == state_->read_look) return false;
  }
  TRY(reload());
  return true;
}

base::Result<void> Stream::reload() {
  const std::lock_guard reading(state_->reading);
  StreamOptions options;
  {
    const std::lock_guard lock(state_->mutex);
    options = state_->options;
  }
  return state_->read(options);
}

base::Result<void> Stream::apply(RuleSettings settings) {
  const std::lock_guard reading(state_->reading);
  StreamOptions options;
  {
    const std::lock_guard lock(state_->mutex);
    options = state_->options;
  }
  options.settings = std::move(settings);
  return state_->read(options);
}

void Stream::forget() {
  if (state_->has_next) state_->take_next();
  state_->library->forget();
  state_->commands.forget();
  state_->explained.forget();
}

Stream::Stream(std::unique_ptr<State> state) : state_(std::move(state)) {}
Stream::~Stream() = default;

void Stream::match(const schema::Event& event, std::size_t item, const Origin& origin,
                   std::vector<Finding>& findings) {
  State& state = *state_;
  state.begin(origin);
  const auto evidence = [&] {
    Evidence of_event;
    of_event.event_id = event.id;
    of_event.item = static_cast<std::uint32_t>(item);
    of_event.time = event.time.utc;
    of_event.event_name = schema::to_string(event.name());
    of_event.details_json = schema::event_details_json(event, item);
    return of_event;
  };
  state.judge(sigma::Subject(event, item), evidence, 1, origin, findings);
  state.judge_commands(event, item, evidence, origin, findings);
  state.end(origin, findings);
}

void Stream::match_record(const sigma::Subject& record, const EvidenceOf& evidence,
                          std::int64_t hits, const Origin& origin, std::vector<Finding>& findings) {
  state_->begin(origin);
  state_->judge(record, evidence, hits, origin, findings);
  state_->end(origin, findings);
}

void Stream::on_time(base::WallTime now, std::vector<Finding>& findings) {
  State& state = *state_;
  if (state.has_next) state.take_next();
  state.library->correlator.advance(now, state.firings);
  if (state.firings.empty()) return;
  state.report({.device_id = {}, .module_id = {}, .received = now}, findings);
  state.publish();
}

bool Stream::save(std::vector<MemoryChange>& changes) {
  if (state_->has_next) state_->take_next();
  std::vector<sigma::Correlator::Changed> changed;
  const bool more = state_->library->correlator.save(
      [](const sigma::Keepsake& keepsake) {
        return static_cast<const KeptEvidence&>(keepsake).to_text();
      },
      kSavedAtOnce, changed);
  for (auto& [key, value] : changed)
    changes.push_back({std::move(key), std::move(value)});
  return more;
}

bool Stream::restore(std::string_view key, std::string_view value) {
  const bool restored = state_->library->correlator.restore(
      key, value, [](std::string_view text) { return KeptEvidence::parse(text); });
  state_->publish();
  return restored;
}

std::vector<Stream::Told> Stream::explain(std::string_view rule_id, const schema::Event& event,
                                          std::size_t item, const Origin& origin) {
  State& state = *state_;
  if (state.has_next) state.take_next();
  state.explained.read(event, item, origin);
  std::vector<Told> out;
  const auto tell = [&](const sigma::Subject& subject, std::string command, std::string where) {
    auto told = state.library->rules.explain(rule_id, subject, state.scratch);
    if (told) out.push_back({std::move(command), std::move(where), std::move(*told)});
  };
  tell(sigma::Subject(event, item), "", "");
  for (std::size_t i = 0; i < state.explained.size(); ++i) {
    Match where = state.explained.where(i);
    tell(state.explained.subject(i), std::move(where.value), std::move(where.pattern));
  }
  return out;
}

std::vector<RuleProblem> Stream::problems() const {
  const std::lock_guard lock(state_->mutex);
  return state_->shown->problems;
}

std::vector<RuleInfo> Stream::rules() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<RuleInfo> out;
  for (const ListedRule& rule : state_->shown->rules)
    out.push_back(rule.info);
  return out;
}

std::vector<ListedRule> Stream::list() const {
  const std::lock_guard lock(state_->mutex);
  return state_->shown->rules;
}

std::vector<ListedFilter> Stream::filters() const {
  const std::lock_guard lock(state_->mutex);
  return state_->shown->filters;
}

base::Result<std::string> Stream::document(const std::string& file, int line) const {
  StreamOptions options;
  {
    const std::lock_guard lock(state_->mutex);
    options = state_->options;
  }
  const std::string text = TRY(read_rule_file(options, file));
  return document_at(text, line);
}

bool Stream::admits(Finding& finding) const {
  if (finding.effect == Effect::Resolve) return true;
  const std::lock_guard lock(state_->mutex);
  const StreamOptions& options = state_->options;
  const auto& rules = options.settings.rules;
  const auto setting = rules.find(finding.rule.id);
  if (setting == rules.end()) return true;
  if (std::ranges::find(options.detectors, finding.rule.id, &RuleInfo::id) ==
      options.detectors.end())
    return true;  // the rules' own are raised as they are set
  if (setting->second.severity) finding.rule.severity = *setting->second.severity;
  return setting->second.enabled;
}

CommandCounters Stream::commands() const {
  return state_->commands.counters();
}

CorrelationCounters Stream::correlations() const {
  const std::lock_guard lock(state_->mutex);
  return state_->counters;
}

}  // namespace detect
