#include "agent/collection.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "agent/baseline/engine.h"
#include "agent/collector.h"
#include "agent/snapshots.h"
#include "agent/watches.h"
#include "audit/stream.h"

namespace agent {

using base::Result;
using schema::EventName;

namespace {

baseline::Options baseline_options(const settings::Settings& settings) {
  baseline::Options options;
  options.disabled_groups = settings.baseline_disabled_groups;
  options.disabled_checks = settings.baseline_disabled_checks;
  options.custom_enabled = settings.baseline_custom_checks;
  options.custom_path = settings.baseline_custom_file;
  options.custom_sha256 = settings.baseline_custom_hash;
  return options;
}

}  // namespace

struct Collection::State {
  os::Loop& loop;
  Options options;
  audit::Stream audit;  // outlives all that listen to it
  std::unique_ptr<collect::Hasher> hasher;
  std::optional<collect::ProcessEvents> events;  // told to `hasher`
  std::unique_ptr<Collector> collector;          // tells `events`
  WatchContext context;                          // outlives the watches
  std::vector<std::unique_ptr<Watch>> watches;
  // What the worker asks for.
  struct Baseline {
    std::mutex mutex;
    baseline::Options options;  // guarded by mutex
  };
  std::shared_ptr<Baseline> baseline = std::make_shared<Baseline>();
  WatchSettings watching;  // of options.settings
  std::unique_ptr<Snapshots> snapshots;

  State(os::Loop& the_loop, Options the_options)
      : loop(the_loop),
        options(std::move(the_options)),
        audit(loop, {.may_enable = options.collect.may_enable_audit}),
        watching(settings::watch_settings(options.settings)) {
    baseline->options = baseline_options(options.settings);
  }

  bool wanted(EventName event) const { return !watching.off.contains(event); }

  // An event that nobody wants is neither collected nor counted.
  void emit(schema::Event event) {
    if (wanted(event.name())) options.emit(std::move(event));
  }

  Result<void> open_processes();
  void open_watches();
  std::vector<SourceReport> process_sources() const;
};

Result<void> Collection::State::open_processes() {
  collect::ProcessEvents::Options making;
  making.forks = options.collect.forks;
  making.ends = options.collect.ends;
  making.excluded_executables = options.collect.exclude;
  making.boot_id = options.boot_id;
  making.next_sequence = options.next_sequence;
  making.emit = [this](schema::Event event) { emit(std::move(event)); };
  hasher = std::make_unique<collect::Hasher>(loop, collect::Hasher::Options{.emit = making.emit});
  hasher->set_wanted(watching.hash_executables);
  making.finish = [this](schema::Event event, const collect::Program& program) {
    hasher->take(std::move(event), program);
  };
  making.catch_up = [this] {
    // Looking through /proc is too much for each question.
    if (collector != nullptr && collector->tier() != collect::Tier::Proc) collector->drain();
  };
  events.emplace(std::move(making));
  Collector::Options sources;
  sources.tier = options.collect.tier;
  sources.source.ring_bytes = options.collect.ring_bytes;
  sources.source.poll_interval = options.collect.poll_interval;
  sources.source.audit = &audit;
  sources.on_tier = [this](collect::Tier tier) {
    events->set_tier(tier);
    // A change while we run is news; the first one is known to whoever opens us.
    if (collector != nullptr && options.on_tier) loop.post([this] { options.on_tier(); });
  };
  collector = TRY(Collector::open(loop, *events, std::move(sources)));
  // After the source listens: who starts in between is then known twice rather than not at all.
  events->learn_present();
  return {};
}

void Collection::State::open_watches() {
  context.loop = &loop;
  context.emit = [this](schema::Event event) { emit(std::move(event)); };
  context.next_sequence = options.next_sequence;
  context.processes = &*events;
  context.audit = &audit;
  context.boot_id = options.boot_id;
  context.state_dir = options.state_dir;
  context.tier = options.collect.tier ? collect::tier_name(*options.collect.tier) : "auto";
  context.settings = watching;
  watches = agent::open_watches(context);
  SnapshotContext pictures;
  pictures.baseline = [from = baseline] {
    const std::lock_guard lock(from->mutex);
    return from->options;
  };
  pictures.baseline_problem = [&home = loop,
                               tell = options.baseline_problem](const baseline::Problem& problem) {
    if (tell) home.post([tell, problem] { tell(problem.key, problem.text); });
  };
  snapshots = std::make_unique<Snapshots>(
      loop, make_snapshots(pictures),
      Snapshots::Options{.period = options.settings.snapshot_frequency,
                         .off = watching.off,
                         .emit = [this](schema::Event event) { emit(std::move(event)); },
                         .failed = options.snapshot_failed});
}

std::vector<SourceReport> Collection::State::process_sources() const {
  SourceReport report;
  report.tier = collect::tier_name(collector->tier());
  report.reason = collector->reason();
  if (collector->tier() == collect::Tier::Audit && !audit.note().empty())
    report.reason += (report.reason.empty() ? "" : "; ") + audit.note();
  report.lossy = collector->tier() == collect::Tier::Proc;
  report.lost = collector->stats().kernel_lost;
  std::vector<SourceReport> sources;
  for (const EventName event : {EventName::ProcessCreate, EventName::ProcessTerminate}) {
    if (event == EventName::ProcessTerminate && !options.collect.ends) continue;
    report.event = event;
    sources.push_back(report);
    report.lost = 0;  // known of both together, told once
  }
  return sources;
}

Collection::Collection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Collection::~Collection() = default;

Result<std::unique_ptr<Collection>> Collection::open(os::Loop& loop, Options options) {
  auto state = std::make_unique<State>(loop, std::move(options));
  TRY(state->open_processes());
  state->open_watches();
  return std::unique_ptr<Collection>(new Collection(std::move(state)));
}

void Collection::start_snapshots() {
  state_->snapshots->start();
}

void Collection::configure(const settings::Settings& settings) {
  State& s = *state_;
  const baseline::Options judging = baseline_options(settings);
  const bool other_baseline = judging != baseline_options(s.options.settings);
  s.options.settings = settings;
  WatchSettings watching = settings::watch_settings(settings);
  if (watching != s.watching) {
    s.watching = std::move(watching);
    for (const auto& watch : s.watches)
      watch->configure(s.watching);
    s.snapshots->set_off(s.watching.off);
    s.hasher->set_wanted(s.watching.hash_executables);
  }
  s.snapshots->set_period(settings.snapshot_frequency);
  if (!other_baseline) return;
  {
    const std::lock_guard lock(s.baseline->mutex);
    s.baseline->options = judging;
  }
  s.snapshots->take_again(EventName::OSBaseline);
}

void Collection::drain() {
  state_->collector->drain();
  state_->hasher->flush();
  for (const auto& watch : state_->watches)
    watch->drain();
  state_->snapshots->stop();
}

collect::Tier Collection::tier() const {
  return state_->collector->tier();
}
const std::string& Collection::tier_reason() const {
  return state_->collector->reason();
}
collect::SourceStats Collection::source_stats() const {
  return state_->collector->stats();
}
collect::ProcessEventCounts Collection::counts() const {
  return state_->events->counts();
}
std::uint64_t Collection::table_evicted() const {
  return state_->events->table().evicted();
}
std::size_t Collection::table_size() const {
  return state_->events->table().size();
}

std::uint64_t Collection::lost() const {
  std::uint64_t lost = state_->collector->stats().kernel_lost;
  for (const auto& watch : state_->watches) {
    for (const SourceReport& report : watch->sources())
      lost += report.lost;
  }
  return lost;
}

std::vector<SourceReport> Collection::sources() const {
  std::vector<SourceReport> sources = state_->process_sources();
  for (const auto& watch : state_->watches) {
    for (SourceReport& report : watch->sources())
      sources.push_back(std::move(report));
  }
  for (SourceReport& report : state_->snapshots->sources())
    sources.push_back(std::move(report));
  std::erase_if(sources, [&](const SourceReport& report) { return !state_->wanted(report.event); });
  std::stable_sort(sources.begin(), sources.end(), [](const auto& a, const auto& b) {
    return static_cast<int>(a.event) < static_cast<int>(b.event);
  });
  return sources;
}

}  // namespace agent
