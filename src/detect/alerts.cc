#include "detect/alerts.h"

#include <algorithm>

#include <fmt/format.h>

#include "detect/alert_relations.h"
#include "detect/alert_tables.h"
#include "detect/alert_text.h"
#include "detect/alerts_state.h"

namespace detect {
namespace {

using base::Result;
using store::Sqlite;

// Whether a repeated alert is worth a further row in SecurityAlert: at each doubling of its hits.
bool worth_a_row(std::int64_t before, std::int64_t after) {
  std::int64_t mark = 1;
  while (mark <= before && mark < (std::int64_t{1} << 62))
    mark *= 2;
  return after >= mark;
}

}  // namespace

AlertChange change_of(ChangeKind kind, const Alert& alert) {
  return {kind,         alert.id,        alert.title,    alert.severity,
          alert.status, alert.device_id, alert.hit_count};
}

Result<Sqlite> Alerts::State::connect() {
  {
    const std::lock_guard lock(mutex);
    if (!idle.empty()) {
      Sqlite connection = std::move(idle.back());
      idle.pop_back();
      return connection;
    }
  }
  return Sqlite::open(options.path);
}

// `alert` has its entity and what hides it.
Result<Alert> Alerts::State::create(Sqlite& db, const Finding& finding, Alert alert) const {
  // From the first event: processing the same events again makes the same alert.
  alert.id = base::Guid::derived(
                 "alert", fmt::format("{}\n{}\n{}\n{}\n{}\n{}", finding.rule.id, finding.device_id,
                                      finding.module_id, alert.entity,
                                      finding.evidence.event_id.to_string(), finding.evidence.item))
                 .to_string();
  alert.rule = finding.rule;
  alert.title = finding.rule.title;
  alert.severity = finding.rule.severity;
  alert.device_id = finding.device_id;
  alert.module_id = finding.module_id;
  alert.first_seen = finding.received;
  alert.last_seen = finding.received;
  alert.hit_count = finding.hits;
  TRY(insert_alert(db, alert));
  TRY(add_history(db, alert.id, {finding.received, "vedette", "created", ""}));
  if (alert.suppression.empty()) {
    TRY(add_outbox(db, alert_row(alert, finding.evidence, RowKind::First, finding.received,
                                 options.link_base)));
  }
  return alert;
}

Result<Alert> Alerts::State::repeat(Sqlite& db, const Finding& finding, Alert alert) const {
  const std::int64_t before = alert.hit_count;
  alert.hit_count += std::min(finding.hits, std::numeric_limits<std::int64_t>::max() - before);
  alert.last_seen = std::max(alert.last_seen, finding.received);
  TRY(update_hits(db, alert));
  if (alert.suppression.empty() && worth_a_row(before, alert.hit_count)) {
    TRY(add_outbox(db, alert_row(alert, finding.evidence, RowKind::Later, finding.received,
                                 options.link_base)));
  }
  return alert;
}

Result<void> Alerts::State::raise(Sqlite& db, const Finding& finding,
                                  std::map<std::string, AlertChange>& changes) {
  Alert fresh;
  fresh.suppression = suppressions->find(finding);
  fresh.entity = finding.entity;
  fresh.why_flagged = finding.why;
  if (!fresh.suppression.empty()) metrics.suppressed.add();
  auto open = TRY(find_open(db, finding, finding.entity, fresh.suppression));
  // A rule that finds ever other things on a device tells one thing: that it does.
  if (!open && !finding.entity.empty() &&
      TRY(count_since(db, finding, finding.received - kStormWindow)) >= kStormAlerts) {
    fresh.entity = kStormEntity;
    fresh.why_flagged =
        fmt::format("More than {} different ones within an hour; this alert is for the rest. {}",
                    kStormAlerts, finding.why);
    open = TRY(find_open(db, finding, kStormEntity, fresh.suppression));
    metrics.stormed.add();
  }
  const bool is_new = !open;
  (is_new ? metrics.raised : metrics.repeated).add();
  const Alert alert = is_new ? TRY(create(db, finding, std::move(fresh)))
                             : TRY(repeat(db, finding, std::move(*open)));
  for (const Evidence& related : finding.related) {
    TRY(add_evidence(db, alert.id, related));
    TRY(add_keys(db, alert.id, alert.device_id, related));
  }
  TRY(add_evidence(db, alert.id, finding.evidence));
  TRY(add_keys(db, alert.id, alert.device_id, finding.evidence));
  if (!alert.suppression.empty()) return {};
  auto change = change_of(is_new ? ChangeKind::Created : ChangeKind::Repeated, alert);
  // Several of one call become one change, which is a creation if one of them was.
  const auto known = changes.find(alert.id);
  if (known != changes.end() && known->second.kind == ChangeKind::Created)
    change.kind = ChangeKind::Created;
  changes.insert_or_assign(alert.id, std::move(change));
  return {};
}

Result<void> Alerts::State::resolve(Sqlite& db, const Finding& finding,
                                    std::map<std::string, AlertChange>& changes) {
  const AlertUpdate over{
      .status = Status::Closed, .verdict = Verdict::Resolved, .comment = finding.why};
  // Also where a suppression has come or gone since it was raised.
  auto query = TRY(
      db.prepare("SELECT id FROM alert WHERE rule_id = ? AND device_id = ? AND module_id = ? AND "
                 "entity = ? AND status <> 2"));
  query.bind_all(finding.rule.id, finding.device_id, finding.module_id, finding.entity);
  std::vector<std::string> ids;
  while (TRY(query.step()))
    ids.push_back(query.string(0));
  for (const std::string& id : ids) {
    auto alert = TRY(find_alert(db, id));
    if (!alert) continue;
    TRY(change(db, *alert, over, "vedette", finding.received));
    metrics.resolved.add();
    if (!alert->suppression.empty()) continue;
    changes.insert_or_assign(id, change_of(ChangeKind::StatusChanged, *alert));
  }
  return {};
}

void Alerts::State::tell(const std::map<std::string, AlertChange>& changes) const {
  if (!changed) return;
  for (const auto& [id, change] : changes)
    changed(change);
}

Result<void> Alerts::State::apply_one(Sqlite& db, const Finding& finding,
                                      std::map<std::string, AlertChange>& changes) {
  return finding.effect == Effect::Raise ? raise(db, finding, changes)
                                         : resolve(db, finding, changes);
}

Result<std::unique_ptr<Alerts>> Alerts::open(AlertOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  auto db = TRY(Sqlite::open(state->options.path));
  TRY(db.migrate("alerts", alert_migrations()));
  TRY(db.migrate("detector_memory", memory_migrations()));
  {
    auto query = TRY(db.prepare("SELECT applied_sequence FROM alert_progress"));
    if (!TRY(query.step()))
      return base::fail(base::Code::Corrupt, "alerts", -1, "alert_progress is empty");
    state->applied = static_cast<std::uint64_t>(query.integer(0));
  }
  state->suppressions = TRY(Suppressions::open(state->options.path));
  state->idle.push_back(std::move(db));
  return std::unique_ptr<Alerts>(new Alerts(std::move(state)));
}

Alerts::Alerts(std::unique_ptr<State> state) : state_(std::move(state)) {}
Alerts::~Alerts() = default;

std::uint64_t Alerts::applied_sequence() const {
  return state_->applied.load();
}

Result<void> Alerts::apply(std::span<const Finding> findings) {
  const std::uint64_t applied = state_->applied.load();
  std::uint64_t last = applied;
  std::vector<Finding> fresh;
  for (const Finding& finding : findings) {
    if (finding.sequence <= applied) continue;
    last = std::max(last, finding.sequence);
    fresh.push_back(finding);
  }
  if (fresh.empty()) return {};
  return apply(Decided{fresh, {}, last});
}

Result<void> Alerts::apply(const Decided& decided) {
  const std::uint64_t last = std::max(state_->applied.load(), decided.sequence);
  std::map<std::string, AlertChange> changes;
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  auto transaction = TRY(store::Transaction::begin(*db));
  for (const Finding& finding : decided.findings)
    TRY(state_->apply_one(*db, finding, changes));
  TRY(write_memory(*db, decided.memory));
  TRY((*db).run("UPDATE alert_progress SET applied_sequence = ?", static_cast<std::int64_t>(last)));
  TRY(transaction.commit());
  state_->applied = last;
  state_->tell(changes);
  return {};
}

Result<void> Alerts::apply_with(std::span<const Finding> findings, const Also& also) {
  std::map<std::string, AlertChange> changes;
  {
    Sqlite connection = TRY(state_->connect());
    State::Lease db(*state_, std::move(connection));
    auto transaction = TRY(store::Transaction::begin(*db));
    for (const Finding& finding : findings)
      TRY(state_->apply_one(*db, finding, changes));
    TRY(also(*db));
    TRY(transaction.commit());
  }
  state_->tell(changes);
  if (!changes.empty() && state_->outbox_grew) state_->outbox_grew();
  return {};
}

Result<std::size_t> Alerts::recall(std::string_view owner, const MemoryReader& reader) const {
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  return read_memory(*db, owner, reader);
}

Result<std::vector<store::AlertRow>> Alerts::outbox(std::uint64_t after, std::size_t limit) const {
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  return read_outbox(*db, after, limit);
}

Result<void> Alerts::trim_outbox(std::uint64_t up_to) {
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  return (*db).run("DELETE FROM alert_outbox WHERE position <= ?",
                   static_cast<std::int64_t>(up_to));
}

Result<void> Alerts::continue_outbox(std::uint64_t after) {
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  auto transaction = TRY(store::Transaction::begin(*db));
  // AUTOINCREMENT goes on from this table; it has a line only once there was a row.
  TRY(
      (*db).run("INSERT INTO sqlite_sequence(name, seq) SELECT 'alert_outbox', 0 "
                "WHERE NOT EXISTS (SELECT * FROM sqlite_sequence WHERE name = 'alert_outbox')"));
  TRY((*db).run("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'alert_outbox'",
                static_cast<std::int64_t>(after)));
  return transaction.commit();
}

Suppressions& Alerts::suppressions() {
  return *state_->suppressions;
}

const AlertMetrics& Alerts::metrics() const {
  return state_->metrics;
}

void Alerts::on_change(std::function<void(const AlertChange&)> callback) {
  state_->changed = std::move(callback);
}
void Alerts::on_outbox(std::function<void()> callback) {
  state_->outbox_grew = std::move(callback);
}

}  // namespace detect
