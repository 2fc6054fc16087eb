#include "hub/retention/retention.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "base/json.h"
#include "base/log.h"
#include "hub/operations/audit.h"

namespace hub::retention {

using base::Result;

namespace {

// Between two looks at the disk: of the thread, and of those who ask for room.
constexpr std::chrono::seconds kWatch{1};
constexpr std::chrono::milliseconds kMeasure{50};
// Making pieces of everything takes a while and does not help twice in a row.
constexpr std::chrono::seconds kSealAgain{30};
// How long pieces of which nothing could be taken are left alone.
constexpr std::chrono::hours kLookAgain{1};
// Pieces are merged while they are looked at; a run tries again that often.
constexpr int kConflicts = 5;
constexpr std::size_t kMaxGroups = 200'000;
constexpr std::string_view kSystem = "system";

// Adds to the share of its table and reason.
Share& share_of(std::vector<Share>& shares, const Step& step) {
  const auto found = std::ranges::find_if(shares, [&](const Share& share) {
    return share.table == step.piece.table && share.why == step.why;
  });
  if (found != shares.end()) return *found;
  Share share;
  share.table = step.piece.table;
  share.why = step.why;
  return shares.emplace_back(std::move(share));
}

bool same(const Hold& a, const Hold& b) {
  return a.table == b.table && a.device == b.device && a.from == b.from && a.to == b.to;
}

}  // namespace

struct Retention::State {
  State(Options given, Shelf& the_shelf, HoldTable table, Counters& numbers)
      : options(std::move(given)),
        marks(marks_of(options.settings.disk_max)),
        shelf(the_shelf),
        holds(std::move(table)),
        counters(numbers) {}

  Result<Plan> plan(const Settings& settings);
  Result<Preview> preview(const Settings& settings);
  bool has_grown() const;
  bool should_seal(const Plan& plan) const;
  Result<bool> run_some(Outcome& outcome);
  Result<void> drop_whole(const Plan& plan, Outcome& outcome);
  Result<bool> trim_one(const Plan& plan, Outcome& outcome);
  Result<Outcome> run();
  Result<Outcome> run_and_report(std::string_view actor);
  void record(const Outcome& outcome, std::string_view actor);
  void relieve();
  void watch(const std::stop_token& stop);
  void measure();
  bool limited() const { return options.settings.disk_max != 0; }

  Options options;
  const Marks marks;
  Shelf& shelf;
  HoldTable holds;
  Counters& counters;

  // Held while pieces are chosen and go: who holds something meanwhile waits.
  std::mutex running;
  // Guarded by `running`: pieces with nothing but held rows, under these holds.
  std::vector<Hold> known_holds;
  std::set<std::uint64_t> only_held;
  base::MonoTime only_held_since{};
  base::MonoTime sealed_at{};

  std::atomic<std::uint64_t> unsealed_after_seal{0};
  std::atomic<std::uint64_t> used{0};
  std::atomic<bool> room{true};
  std::atomic<base::MonoTime::rep> measured_at{0};

  mutable std::mutex mutex;  // guards these
  std::optional<base::WallTime> last_run;
  std::string problem;

  std::mutex groups_mutex;  // guards these: whether the group of a device is chosen
  std::unordered_map<std::string, bool> chosen_groups;
  std::uint64_t groups_changed = 0;

  std::mutex watch_mutex;
  std::condition_variable_any woken;
  std::jthread thread;
};

// With `running` held.
Result<Plan> Retention::State::plan(const Settings& settings) {
  const base::WallTime now = options.now();
  const std::vector<Hold> active = TRY(holds.active(now));
  // What is current today is not for ever.
  const bool again = base::mono_now() - only_held_since > kLookAgain;
  if (again || !std::ranges::equal(active, known_holds, same)) {
    known_holds = active;
    only_held.clear();
    only_held_since = base::mono_now();
  }
  std::vector<Piece> pieces = TRY(shelf.pieces());
  for (Piece& piece : pieces)
    piece.only_held = only_held.contains(piece.id);
  const Shelf::Disk disk = shelf.disk();
  const std::uint64_t staying = disk.used - std::min(disk.used, disk.leaving);
  return make_plan({pieces, settings, active, staying, kql::to_ticks(now)});
}

// Whether what is not in pieces has grown too much since it was last put there. It takes far more
// room than in them, and while they are made it is there twice.
bool Retention::State::has_grown() const {
  return limited() && shelf.disk().unsealed > unsealed_after_seal + options.settings.disk_max / 32;
}

// Also before anything is given up for the disk, after a while.
bool Retention::State::should_seal(const Plan& plan) const {
  const bool near = !plan.fits || std::ranges::any_of(plan.steps, [](const Step& step) {
    return step.why == Why::DiskLimit;
  });
  return has_grown() || (near && base::mono_now() - sealed_at > kSealAgain);
}

Result<void> Retention::State::drop_whole(const Plan& plan, Outcome& outcome) {
  std::vector<std::uint64_t> ids;
  for (const Step& step : plan.steps) {
    if (step.whole()) ids.push_back(step.piece.id);
  }
  if (ids.empty()) return {};
  TRY(shelf.drop(ids));
  for (const Step& step : plan.steps) {
    if (!step.whole()) continue;
    Share& share = share_of(outcome.shares, step);
    ++share.pieces;
    share.rows += step.piece.rows;
    share.bytes += step.piece.bytes;
    const auto why = static_cast<std::size_t>(step.why);
    counters.pieces[why].add();
    counters.rows[why].add(step.piece.rows);
    counters.bytes.add(step.piece.bytes);
  }
  return {};
}

// Whether a piece was made smaller: then there may be another.
Result<bool> Retention::State::trim_one(const Plan& plan, Outcome& outcome) {
  for (const Step& step : plan.steps) {
    if (step.whole()) continue;
    const std::uint64_t free = TRY(shelf.count_free(step));
    if (free == 0) {
      if (!step.piece.hot) only_held.insert(step.piece.id);
      continue;
    }
    const std::uint64_t rows = TRY(shelf.trim(step));
    Share& share = share_of(outcome.shares, step);
    ++share.trimmed_pieces;
    share.rows += rows;
    counters.trimmed.add();
    counters.rows[static_cast<std::size_t>(step.why)].add(rows);
    return true;
  }
  return false;
}

// Whether there is more to do.
Result<bool> Retention::State::run_some(Outcome& outcome) {
  const std::lock_guard lock(running);
  Plan plan = TRY(this->plan(options.settings));
  if (should_seal(plan)) {
    TRY(shelf.seal());
    plan = TRY(this->plan(options.settings));
    sealed_at = base::mono_now();
    unsealed_after_seal = shelf.disk().unsealed;
  }
  TRY(drop_whole(plan, outcome));
  const bool more = TRY(trim_one(plan, outcome));
  outcome.fits = plan.fits;
  return more;
}

Result<Outcome> Retention::State::run() {
  Outcome outcome;
  outcome.disk_before = shelf.disk().used;
  bool more = true;
  int conflicts = 0;
  while (more) {
    auto done = run_some(outcome);
    const bool again = !done && done.error().code == base::Code::Conflict;
    if (!done && (!again || ++conflicts > kConflicts)) return std::unexpected(done.error());
    more = again || *done;
  }
  measure();
  outcome.disk_after = used.load();
  return outcome;
}

Result<Outcome> Retention::State::run_and_report(std::string_view actor) {
  auto outcome = run();
  counters.runs.add();
  {
    const std::lock_guard lock(mutex);
    last_run = options.now();
    problem = outcome ? "" : outcome.error().to_string();
  }
  if (!outcome) {
    counters.failures.add();
    LOG_ERROR("retention.run").field("error", outcome.error().to_string());
    return outcome;
  }
  record(*outcome, actor);
  return outcome;
}

void Retention::State::record(const Outcome& outcome, std::string_view actor) {
  for (const Share& share : outcome.shares) {
    LOG_NOTICE("retention.dropped")
        .field("table", share.table)
        .field("why", to_string(share.why))
        .field("pieces", share.pieces)
        .field("rows", share.rows)
        .field("bytes", share.bytes);
    if (options.audit == nullptr) continue;
    operations::AuditRecord entry;
    entry.time = options.now();
    entry.actor = actor;
    entry.method = actor == kSystem ? "none" : "request";
    entry.action = "retention.drop";
    entry.target = share.table;
    entry.result = "ok";
    entry.status_code = 200;
    entry.detail = fmt::format("{} rows of {} pieces, for {}", share.rows,
                               share.pieces + share.trimmed_pieces, to_string(share.why));
    base::json::Writer writer(entry.properties);
    writer.begin_object();
    writer.field("why", to_string(share.why));
    writer.field("pieces", share.pieces);
    writer.field("trimmedPieces", share.trimmed_pieces);
    writer.field("rows", share.rows);
    writer.field("bytes", share.bytes);
    writer.end_object();
    options.audit->record_later(std::move(entry));
  }
}

void Retention::State::measure() {
  const std::uint64_t now_used = shelf.disk().used;
  used = now_used;
  measured_at = base::mono_now().time_since_epoch().count();
  if (!limited()) return;
  if (now_used > marks.stop && room.exchange(false)) {
    LOG_WARNING("retention.no_room").field("used", now_used).field("stop", marks.stop);
  } else if (now_used <= marks.start && !room.exchange(true)) {
    LOG_NOTICE("retention.room").field("used", now_used);
  }
}

// Makes room where the disk's limit is near.
void Retention::State::relieve() {
  measure();
  if (!limited() || (used.load() <= marks.start && !has_grown())) return;
  (void)run_and_report(kSystem);
}

void Retention::State::watch(const std::stop_token& stop) {
  base::MonoTime next_run = base::mono_now();
  while (!stop.stop_requested()) {
    if (base::mono_now() >= next_run) {
      (void)run_and_report(kSystem);
      next_run = base::mono_now() + options.settings.interval;
    }
    relieve();
    std::unique_lock lock(watch_mutex);
    woken.wait_for(lock, stop, kWatch, [] { return false; });
  }
}

Retention::Retention(Options options, Shelf& shelf, HoldTable holds)
    : state_(std::make_unique<State>(std::move(options), shelf, std::move(holds), counters_)) {}

Retention::~Retention() {
  stop();
}

Result<std::unique_ptr<Retention>> Retention::open(Options options, Shelf& shelf) {
  auto holds = TRY(HoldTable::open(options.path));
  std::unique_ptr<Retention> made(new Retention(std::move(options), shelf, std::move(holds)));
  made->state_->measure();
  return made;
}

void Retention::start() {
  state_->thread = std::jthread([this](const std::stop_token& stop) { state_->watch(stop); });
}

void Retention::stop() {
  if (!state_->thread.joinable()) return;
  state_->thread.request_stop();
  state_->thread.join();
}

bool Retention::stores_event(std::string_view device, std::string_view type) {
  State& state = *state_;
  const RawChoice& choice = state.options.settings.raw;
  bool stored = choice.takes_type(type);
  if (stored && choice.needs_group() && state.options.group_of) {
    const std::string name(device);
    std::uint64_t changed = 0;
    std::optional<bool> known;
    {
      const std::lock_guard lock(state.groups_mutex);
      changed = state.groups_changed;
      const auto found = state.chosen_groups.find(name);
      if (found != state.chosen_groups.end()) known = found->second;
    }
    if (!known) {
      const auto group = state.options.group_of(device);
      known = !group || choice.takes_group(*group);
      const std::lock_guard lock(state.groups_mutex);
      // What changed meanwhile is looked at again, as is what could not be found out.
      if (group && changed == state.groups_changed) {
        if (state.chosen_groups.size() >= kMaxGroups) state.chosen_groups.clear();
        state.chosen_groups[name] = *known;
      }
    }
    stored = *known;
  }
  if (!stored) counters_.not_chosen.add();
  return stored;
}

void Retention::forget_group(std::string_view device) {
  const std::lock_guard lock(state_->groups_mutex);
  ++state_->groups_changed;
  state_->chosen_groups.erase(std::string(device));
}

bool Retention::has_room() {
  State& state = *state_;
  if (!state.limited()) return true;
  const base::MonoTime at{base::MonoTime::duration(state.measured_at.load())};
  if (base::mono_now() - at > kMeasure) state.measure();
  return state.room.load();
}

const Settings& Retention::settings() const {
  return state_->options.settings;
}

// With `running` held.
Result<Preview> Retention::State::preview(const Settings& settings) {
  Preview preview;
  preview.disk_used = shelf.disk().used;
  preview.plan = TRY(plan(settings));
  for (const Step& step : preview.plan.steps) {
    const std::uint64_t rows = step.whole() ? step.piece.rows : TRY(shelf.count_free(step));
    preview.rows.push_back(rows);
  }
  return preview;
}

Result<Preview> Retention::preview(const Settings& settings) {
  const std::lock_guard lock(state_->running);
  auto preview = state_->preview(settings);
  for (int i = 0; i < kConflicts && !preview && preview.error().code == base::Code::Conflict; ++i)
    preview = state_->preview(settings);
  return preview;
}

Result<Outcome> Retention::apply(std::string_view actor) {
  return state_->run_and_report(actor);
}

Result<HoldRecord> Retention::add_hold(HoldRecord hold) {
  const std::lock_guard lock(state_->running);
  hold.created = state_->options.now();
  return state_->holds.add(std::move(hold));
}

Result<HoldRecord> Retention::release_hold(std::int64_t id, std::string_view by,
                                           std::string_view reason) {
  return state_->holds.release(id, by, reason, state_->options.now());
}

Result<HoldRecord> Retention::hold(std::int64_t id) const {
  return state_->holds.get(id);
}

Result<std::vector<HoldRecord>> Retention::holds() const {
  return state_->holds.list();
}

Retention::Status Retention::status() const {
  const std::lock_guard lock(state_->mutex);
  return {state_->shelf.disk().used, state_->room.load(), state_->last_run, state_->problem};
}

bool Retention::storing() const {
  return state_->room.load();
}

Result<std::vector<Piece>> Retention::pieces() {
  const std::lock_guard lock(state_->running);
  return state_->shelf.pieces();
}

}  // namespace hub::retention
