#include "detect/scheduled/analytics.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "base/log.h"
#include "detect/scheduled/places.h"
#include "detect/scheduled/rule_table.h"
#include "detect/scheduled/windows.h"
#include "kql/ticks.h"
#include "store/sqlite.h"

namespace detect::scheduled {

using base::Code;
using base::fail;
using base::Result;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::seconds kLookEvery = 5s;

Result<AnalyticRule> read(const StoredRule& stored) {
  auto rule = parse(stored.yaml);
  if (!rule)
    return fail(Code::Corrupt, "analytic rule", -1,
                stored.id + ": " + rule.error().to_string("rule"));
  return std::move(*rule);
}

Timing timing_of(const AnalyticRule& rule, const Options& options) {
  return {rule.frequency, rule.period, options.catch_up};
}

std::string text_of(const store::QueryFailure& failure) {
  if (failure.diagnostics.empty()) return failure.error.to_string();
  const kql::Diagnostic& first = failure.diagnostics.front();
  return fmt::format("{}:{}: {}", first.line, first.column, first.message);
}

Result<void> check_etag(std::string_view etag, const StoredRule& rule) {
  if (etag.empty() || etag == "*" || etag == std::to_string(rule.version)) return {};
  return fail(Code::Conflict, "it was changed in between; read it again");
}

}  // namespace

struct Analytics::State {
  State(Options given, store::Queries& all_queries, Alerts& all_alerts, store::Sqlite opened)
      : options(std::move(given)),
        queries(all_queries),
        alerts(all_alerts),
        db(std::move(opened)) {}

  Options options;
  store::Queries& queries;
  Alerts& alerts;
  Counters counters;
  mutable std::mutex mutex;  // guards db
  mutable store::Sqlite db;
  std::mutex running_mutex;  // guards the two behind the condition
  std::condition_variable_any wake;
  bool poked = false;  // a rule has changed
  store::Cancel* running = nullptr;
  std::jthread thread;

  Result<void> put_builtins(base::WallTime now);
  RuleStatus status_of(StoredRule stored) const;
  Result<StoredRule> find(std::string_view id, std::string_view etag) const;
  std::expected<store::QueryResult, store::QueryFailure> ask(const AnalyticRule& rule,
                                                             const Window& window,
                                                             store::Cancel* cancel);
  // False: it was ended by stop().
  Result<bool> run(StoredRule stored, const AnalyticRule& rule, const Window& window,
                   base::WallTime now, store::Cancel& cancel);
  Result<void> failed(StoredRule& stored, const AnalyticRule& rule, std::string why,
                      base::WallTime now);
  Result<std::size_t> run_due(base::WallTime now, store::Cancel& cancel);
  void work(const std::stop_token& stop);
  void poke();
};

Result<void> Analytics::State::put_builtins(base::WallTime now) {
  auto transaction = TRY(store::Transaction::begin(db));
  std::vector<std::string> ids;
  for (const BuiltinRule& builtin : builtin_rules()) {
    const auto rule = parse(builtin.text);
    if (!rule)
      return fail(Code::Corrupt, "analytic rule", -1, rule.error().to_string(builtin.file));
    ids.push_back(rule->id);
    const auto known = TRY(find_rule(db, rule->id));
    StoredRule stored = known.value_or(StoredRule());
    if (known && stored.yaml == builtin.text && stored.file == builtin.file) continue;
    if (!known) {
      stored.id = rule->id;
      stored.window_end = now;
    } else {
      ++stored.version;
    }
    stored.yaml = builtin.text;
    stored.file = builtin.file;
    stored.updated = now;
    stored.updated_by = "vedette";
    TRY(write_rule(db, stored));
  }
  TRY(delete_old_builtins(db, ids));
  return transaction.commit();
}

Result<std::unique_ptr<Analytics>> Analytics::open(Options options, store::Queries& queries,
                                                   Alerts& alerts) {
  auto db = TRY(store::Sqlite::open(options.path));
  TRY(db.migrate("analytics", rule_migrations()));
  auto state = std::make_unique<State>(std::move(options), queries, alerts, std::move(db));
  TRY(state->put_builtins(base::wall_now()));
  return std::unique_ptr<Analytics>(new Analytics(std::move(state)));
}

Analytics::Analytics(std::unique_ptr<State> state) : state_(std::move(state)) {}
Analytics::~Analytics() {
  stop();
}

RuleStatus Analytics::State::status_of(StoredRule stored) const {
  RuleStatus out;
  if (auto rule = read(stored)) {
    out.rule = std::move(*rule);
  } else {
    // Of an earlier version of this program, which took what this one refuses.
    out.rule.id = out.rule.name = stored.id;
    out.problem = rule.error().detail;
  }
  out.yaml = std::move(stored.yaml);
  out.file = std::move(stored.file);
  out.enabled = stored.enabled;
  out.etag = std::to_string(stored.version);
  out.updated = stored.updated;
  out.updated_by = std::move(stored.updated_by);
  out.runs = stored.runs;
  out.failures = stored.failures;
  out.findings = stored.findings;
  out.last = std::move(stored.last);
  if (out.enabled && out.problem.empty())
    out.next = std::max(stored.window_end + out.rule.frequency, stored.not_before);
  return out;
}

Result<StoredRule> Analytics::State::find(std::string_view id, std::string_view etag) const {
  auto found = TRY(find_rule(db, id));
  if (!found) return fail(Code::NotFound, "there is no such rule");
  TRY(check_etag(etag, *found));
  return std::move(*found);
}

Result<std::vector<RuleStatus>> Analytics::list() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<RuleStatus> out;
  for (StoredRule& stored : TRY(read_rules(state_->db)))
    out.push_back(state_->status_of(std::move(stored)));
  std::ranges::sort(out, {}, [](const RuleStatus& status) { return status.rule.name; });
  return out;
}

Result<RuleStatus> Analytics::get(std::string_view id) const {
  const std::lock_guard lock(state_->mutex);
  return state_->status_of(TRY(state_->find(id, "")));
}

Result<RuleStatus> Analytics::put(const AnalyticRule& rule, std::string_view yaml,
                                  std::string_view etag, std::string_view who, base::WallTime now) {
  const std::lock_guard lock(state_->mutex);
  auto transaction = TRY(store::Transaction::begin(state_->db));
  const auto known = TRY(find_rule(state_->db, rule.id));
  StoredRule stored = known.value_or(StoredRule());
  if (known) {
    TRY(check_etag(etag, *known));
    if (!known->file.empty())
      return fail(Code::Denied,
                  "a rule of this id comes with the program; give yours an id of its own and "
                  "disable this one");
    ++stored.version;
  } else {
    if (!etag.empty() && etag != "*")
      return fail(Code::Conflict, "there is no rule of this id yet");
    if (TRY(count_rules(state_->db)) >= static_cast<std::int64_t>(state_->options.max_rules))
      return fail(Code::Full, "too many analytic rules", -1,
                  fmt::format("at most {}", state_->options.max_rules));
    stored.id = rule.id;
    stored.window_end = now - rule.frequency;  // due at once
  }
  stored.yaml = yaml;
  stored.updated = now;
  stored.updated_by = who;
  stored.not_before = {};
  TRY(write_rule(state_->db, stored));
  TRY(transaction.commit());
  state_->poke();
  return state_->status_of(std::move(stored));
}

Result<void> Analytics::remove(std::string_view id, std::string_view etag) {
  const std::lock_guard lock(state_->mutex);
  auto transaction = TRY(store::Transaction::begin(state_->db));
  const StoredRule stored = TRY(state_->find(id, etag));
  if (!stored.file.empty())
    return fail(Code::Denied, "it comes with the program; disable it instead");
  TRY(delete_rule(state_->db, id));
  return transaction.commit();
}

Result<RuleStatus> Analytics::enable(std::string_view id, bool enabled, std::string_view etag,
                                     std::string_view who, base::WallTime now) {
  const std::lock_guard lock(state_->mutex);
  auto transaction = TRY(store::Transaction::begin(state_->db));
  StoredRule stored = TRY(state_->find(id, etag));
  if (stored.enabled != enabled) {
    const AnalyticRule rule = TRY(read(stored));
    if (enabled) stored.window_end = now - rule.frequency;
    stored.enabled = enabled;
    stored.not_before = {};
    stored.updated = now;
    stored.updated_by = who;
    ++stored.version;
    TRY(write_rule(state_->db, stored));
    TRY(transaction.commit());
    state_->poke();
  }
  return state_->status_of(std::move(stored));
}

Result<RuleStatus> Analytics::run_soon(std::string_view id, base::WallTime now) {
  const std::lock_guard lock(state_->mutex);
  auto transaction = TRY(store::Transaction::begin(state_->db));
  StoredRule stored = TRY(state_->find(id, ""));
  if (!stored.enabled) return fail(Code::Unsupported, "it is switched off");
  const auto rule = read(stored);
  if (!rule) return fail(Code::Unsupported, "it cannot be run", -1, rule.error().detail);
  // As if the last run were one frequency ago: a period is never shorter, so nothing is missed.
  stored.window_end = std::min(stored.window_end, now - rule->frequency);
  stored.not_before = {};
  TRY(write_rule(state_->db, stored));
  TRY(transaction.commit());
  state_->poke();
  return state_->status_of(std::move(stored));
}

std::expected<store::QueryResult, store::QueryFailure> Analytics::State::ask(
    const AnalyticRule& rule, const Window& window, store::Cancel* cancel) {
  store::QueryOptions query;
  query.now = window.to;
  query.timeout = options.timeout;
  query.row_limit = options.row_limit;
  // Both ends of the range are inside; of the window only the first.
  query.time_range = kql::TimeRange{kql::to_ticks(window.from), kql::to_ticks(window.to) - 1};
  query.cancel = cancel;
  return queries.run_kql(rule.query, query);
}

std::expected<Trial, store::QueryFailure> Analytics::try_rule(const AnalyticRule& rule,
                                                              base::WallTime to,
                                                              store::Cancel* cancel) {
  Trial out;
  out.window = {to - rule.period, to, 0};
  auto result = state_->ask(rule, out.window, cancel);
  if (!result) return std::unexpected(std::move(result).error());
  out.columns = result->columns;
  out.rows = result->rows.size();
  out.triggered = triggers(rule, out.rows);
  out.judgement = judge(rule, out.window, *result, [](const base::Guid&) { return false; });
  return out;
}

Result<void> Analytics::State::failed(StoredRule& stored, const AnalyticRule& rule, std::string why,
                                      base::WallTime now) {
  counters.failures.add();
  LOG_WARNING("analytics.failed").field("rule", rule.name).field("error", why);
  ++stored.failures;
  stored.not_before = now + rule.frequency;
  stored.last->error = std::move(why);
  const std::lock_guard lock(mutex);
  return write_run(db, stored);
}

Result<bool> Analytics::State::run(StoredRule stored, const AnalyticRule& rule,
                                   const Window& window, base::WallTime now,
                                   store::Cancel& cancel) {
  counters.runs.add();
  counters.skipped.add(window.skipped);
  ++stored.runs;
  stored.last = LastRun();
  stored.last->started = now;
  stored.last->from = window.from;
  stored.last->to = window.to;
  LastRun& last = *stored.last;
  const auto begun = base::mono_now();
  auto result = ask(rule, window, &cancel);
  last.took = base::mono_now() - begun;
  if (cancel.cancelled()) return false;
  if (!result) {
    TRY(failed(stored, rule, text_of(result.error()), now));
    return true;
  }
  std::set<base::Guid> known;
  Judgement judgement;
  {
    const std::lock_guard lock(mutex);
    for (const auto& row : result->rows) {
      const base::Guid id = row_id(rule, result->columns, row);
      if (TRY(is_known_row(db, rule.id, id))) known.insert(id);
    }
  }
  judgement =
      judge(rule, window, *result, [&known](const base::Guid& row) { return known.contains(row); });
  if (stored.silent_until && window.to < *stored.silent_until) judgement.findings.clear();
  last.rows = static_cast<std::int64_t>(result->rows.size());
  last.findings = static_cast<std::int64_t>(judgement.findings.size());
  last.truncated = result->stats.truncated();
  for (const std::string& problem : judgement.problems)
    last.problem += (last.problem.empty() ? "" : "; ") + problem;
  if (last.truncated) counters.truncated.add();
  counters.findings.add(judgement.findings.size());
  stored.findings += last.findings;
  stored.window_end = window.to;
  stored.not_before = {};
  if (!judgement.findings.empty() && rule.suppression > 0s)
    stored.silent_until = window.to + rule.suppression;
  TRY(alerts.apply_with(judgement.findings, [&](store::Sqlite& connection) -> Result<void> {
    TRY(write_run(connection, stored));
    return remember_rows(connection, rule.id, judgement.rows, window);
  }));
  return true;
}

Result<std::size_t> Analytics::State::run_due(base::WallTime now, store::Cancel& cancel) {
  std::vector<StoredRule> rules;
  {
    const std::lock_guard lock(mutex);
    rules = TRY(read_rules(db));
  }
  const base::WallTime stored_until = std::min(now, options.stored_until());
  std::size_t runs = 0;
  for (StoredRule& stored : rules) {
    if (!stored.enabled || now < stored.not_before) continue;
    const auto rule = read(stored);
    if (!rule) continue;  // its status says why
    const auto window = next_window(stored.window_end, stored_until, timing_of(*rule, options));
    if (!window) continue;
    if (!TRY(run(std::move(stored), *rule, *window, now, cancel))) return runs;
    ++runs;
  }
  return runs;
}

Result<std::size_t> Analytics::run_due(base::WallTime now) {
  store::Cancel cancel;
  return state_->run_due(now, cancel);
}

void Analytics::State::work(const std::stop_token& stop) {
  store::Cancel cancel;
  {
    const std::lock_guard lock(running_mutex);
    running = &cancel;
  }
  while (!stop.stop_requested()) {
    const auto ran = run_due(base::wall_now(), cancel);
    if (!ran) {
      LOG_ERROR("analytics.store").field("error", ran.error().to_string());
    }
    // Something may have become due while others ran, or be behind by several runs.
    if (ran && *ran > 0) continue;
    std::unique_lock lock(running_mutex);
    wake.wait_for(lock, stop, kLookEvery, [this] { return poked; });
    poked = false;
  }
  const std::lock_guard lock(running_mutex);
  running = nullptr;
}

void Analytics::State::poke() {
  {
    const std::lock_guard lock(running_mutex);
    poked = true;
  }
  wake.notify_all();
}

void Analytics::start() {
  ASSERT(!state_->thread.joinable());
  state_->thread = std::jthread([this](const std::stop_token& stop) { state_->work(stop); });
}

void Analytics::stop() {
  if (!state_->thread.joinable()) return;
  state_->thread.request_stop();
  {
    const std::lock_guard lock(state_->running_mutex);
    if (state_->running != nullptr) state_->running->cancel();
  }
  state_->thread.join();
}

const Analytics::Counters& Analytics::counters() const {
  return state_->counters;
}

std::string Refusal::to_string() const {
  const kql::Diagnostic& first = diagnostics.front();
  return fmt::format("rule:{}:{}: {}", first.line, first.column, first.message);
}

std::expected<AnalyticRule, Refusal> check(std::string_view yaml, const kql::Catalogue& catalogue) {
  auto rule = parse(yaml);
  if (!rule) return std::unexpected(Refusal{{in_rule(rule.error(), yaml)}});
  auto diagnostics = kql::validate(rule->query, catalogue);
  std::erase_if(diagnostics,
                [](const kql::Diagnostic& each) { return each.severity != kql::Severity::Error; });
  if (!diagnostics.empty())
    return std::unexpected(Refusal{in_rule(std::move(diagnostics), rule->query, yaml)});
  return std::move(*rule);
}

}  // namespace detect::scheduled
