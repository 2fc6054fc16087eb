#include "detect/alert_tables.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/alert_text.h"

namespace detect {
namespace {

// Evidence that is kept of an alert that goes on and on: how it began, and the latest.
constexpr std::int64_t kFirstEvidence = 5;
constexpr std::int64_t kLatestEvidence = 15;

constexpr std::array<std::string_view, 2> kMigrations = {R"sql(
CREATE TABLE alert(
  id TEXT PRIMARY KEY, rule_id TEXT NOT NULL, device_id TEXT NOT NULL, module_id TEXT NOT NULL,
  entity TEXT NOT NULL, title TEXT NOT NULL, severity INTEGER NOT NULL, status INTEGER NOT NULL,
  first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, hit_count INTEGER NOT NULL,
  why TEXT NOT NULL, rule TEXT NOT NULL, search TEXT NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX alert_open ON alert(rule_id, device_id, module_id, entity) WHERE status <> 2;
CREATE INDEX alert_last_seen ON alert(last_seen DESC, id DESC);
CREATE INDEX alert_device ON alert(device_id, status);
CREATE TABLE alert_evidence(
  position INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL REFERENCES alert(id),
  event_id TEXT NOT NULL, item INTEGER NOT NULL, time INTEGER NOT NULL, name TEXT NOT NULL,
  details TEXT NOT NULL, matched TEXT NOT NULL);
CREATE INDEX alert_evidence_alert ON alert_evidence(alert_id, position);
CREATE TABLE alert_history(
  position INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL REFERENCES alert(id),
  time INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, comment TEXT NOT NULL);
CREATE INDEX alert_history_alert ON alert_history(alert_id, position);
CREATE TABLE alert_outbox(
  position INTEGER PRIMARY KEY AUTOINCREMENT, time_generated INTEGER NOT NULL, start_time INTEGER NOT NULL,
  end_time INTEGER NOT NULL, processing_end_time INTEGER NOT NULL, alert_id TEXT NOT NULL,
  rule_id TEXT NOT NULL, title TEXT NOT NULL, severity TEXT NOT NULL, description TEXT NOT NULL,
  status TEXT NOT NULL, compromised_entity TEXT NOT NULL, tactics TEXT NOT NULL,
  techniques TEXT NOT NULL, confidence TEXT NOT NULL, link TEXT NOT NULL, remediation TEXT NOT NULL,
  extended TEXT NOT NULL, entities TEXT NOT NULL);
CREATE TABLE alert_progress(applied_sequence INTEGER NOT NULL);
INSERT INTO alert_progress VALUES(0);
)sql",
                                                         R"sql(
ALTER TABLE alert ADD COLUMN verdict INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN assignee TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN suppression TEXT NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN closed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alert ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
UPDATE alert SET closed_at = last_seen, verdict = 4 WHERE status = 2;
DROP INDEX alert_open;
CREATE UNIQUE INDEX alert_open ON alert(suppression, rule_id, device_id, module_id, entity)
  WHERE status <> 2;
CREATE INDEX alert_rule ON alert(rule_id, device_id, first_seen);
CREATE INDEX alert_quiet ON alert(last_seen) WHERE status <> 2;
CREATE INDEX alert_closed ON alert(closed_at) WHERE status = 2;
ALTER TABLE alert_history ADD COLUMN detail TEXT NOT NULL DEFAULT '';
CREATE TABLE alert_key(
  kind INTEGER NOT NULL, value TEXT NOT NULL, alert_id TEXT NOT NULL, time INTEGER NOT NULL,
  PRIMARY KEY(kind, value, alert_id)) WITHOUT ROWID;
CREATE INDEX alert_key_alert ON alert_key(alert_id);
CREATE TABLE alert_plan(
  token TEXT PRIMARY KEY, actor TEXT NOT NULL, expires INTEGER NOT NULL, change TEXT NOT NULL,
  predicate TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE alert_plan_item(
  token TEXT NOT NULL, alert_id TEXT NOT NULL, version INTEGER NOT NULL,
  PRIMARY KEY(token, alert_id)) WITHOUT ROWID;
)sql"};

base::WallTime to_time(std::int64_t nanoseconds) {
  return base::WallTime(std::chrono::nanoseconds(nanoseconds));
}

}  // namespace

std::span<const std::string_view> alert_migrations() {
  return kMigrations;
}

std::int64_t to_integer(base::WallTime time) {
  return time.time_since_epoch().count();
}

base::Result<Alert> read_alert(const store::Statement& row) {
  Alert alert;
  alert.id = row.string(0);
  alert.rule = TRY(parse_rule_json(row.text(1)));
  alert.title = row.string(2);
  alert.severity = static_cast<Severity>(std::clamp<std::int64_t>(row.integer(3), 0, 3));
  alert.status = static_cast<Status>(std::clamp<std::int64_t>(row.integer(4), 0, 2));
  alert.device_id = row.string(5);
  alert.module_id = row.string(6);
  alert.entity = row.string(7);
  alert.first_seen = to_time(row.integer(8));
  alert.last_seen = to_time(row.integer(9));
  alert.hit_count = row.integer(10);
  alert.why_flagged = row.string(11);
  alert.verdict = static_cast<Verdict>(std::clamp<std::int64_t>(row.integer(12), 0, kVerdicts - 1));
  alert.assignee = row.string(13);
  alert.suppression = row.string(14);
  if (alert.status == Status::Closed) alert.closed = to_time(row.integer(15));
  alert.version = row.integer(16);
  return alert;
}

base::Result<std::optional<Alert>> find_alert(store::Sqlite& db, std::string_view id) {
  auto query = TRY(db.prepare(fmt::format("SELECT {} FROM alert WHERE id = ?", kAlertColumns)));
  query.bind_all(id);
  if (!TRY(query.step())) return std::optional<Alert>();
  return std::optional<Alert>(TRY(read_alert(query)));
}

base::Result<std::optional<Alert>> find_open(store::Sqlite& db, const Finding& finding,
                                             std::string_view entity,
                                             std::string_view suppression) {
  auto query =
      TRY(db.prepare(fmt::format("SELECT {} FROM alert WHERE suppression = ? AND rule_id = ? AND "
                                 "device_id = ? AND module_id = ? AND entity = ? AND status <> 2",
                                 kAlertColumns)));
  query.bind_all(suppression, finding.rule.id, finding.device_id, finding.module_id, entity);
  if (!TRY(query.step())) return std::optional<Alert>();
  return std::optional<Alert>(TRY(read_alert(query)));
}

base::Result<std::int64_t> count_since(store::Sqlite& db, const Finding& finding,
                                       base::WallTime since) {
  auto query = TRY(
      db.prepare("SELECT count(*) FROM alert WHERE rule_id = ? AND device_id = ? AND module_id = ? "
                 "AND first_seen >= ?"));
  query.bind_all(finding.rule.id, finding.device_id, finding.module_id, to_integer(since));
  TRY(query.step());
  return query.integer(0);
}

base::Result<std::vector<Evidence>> read_evidence(store::Sqlite& db, std::string_view id,
                                                  EvidenceOrder order) {
  auto query = TRY(db.prepare(fmt::format(
      "SELECT event_id, item, time, name, details, matched FROM alert_evidence WHERE alert_id = ? "
      "ORDER BY position {}",
      order == EvidenceOrder::All ? "ASC" : "DESC LIMIT 1")));
  query.bind_all(id);
  std::vector<Evidence> out;
  while (TRY(query.step())) {
    Evidence evidence;
    evidence.event_id = TRY(base::Guid::parse(query.text(0)));
    evidence.item = static_cast<std::uint32_t>(query.integer(1));
    evidence.time = to_time(query.integer(2));
    evidence.event_name = query.string(3);
    evidence.details_json = query.string(4);
    evidence.matched = TRY(parse_matched_json(query.text(5)));
    out.push_back(std::move(evidence));
  }
  return out;
}

base::Result<void> add_evidence(store::Sqlite& db, const std::string& alert_id,
                                const Evidence& evidence) {
  TRY(
      db.run("INSERT INTO alert_evidence(alert_id, event_id, item, time, name, details, matched) "
             "VALUES(?, ?, ?, ?, ?, ?, ?)",
             alert_id, evidence.event_id.to_string(), std::int64_t{evidence.item},
             to_integer(evidence.time), evidence.event_name, evidence.details_json,
             matched_json(evidence.matched)));
  return db.run(
      "DELETE FROM alert_evidence WHERE alert_id = ?1 AND position NOT IN "
      "(SELECT position FROM (SELECT position FROM alert_evidence WHERE alert_id = ?1 ORDER BY "
      "position LIMIT ?2) "
      "UNION SELECT position FROM (SELECT position FROM alert_evidence WHERE alert_id = ?1 ORDER "
      "BY position DESC LIMIT ?3))",
      alert_id, kFirstEvidence, kLatestEvidence);
}

base::Result<void> add_history(store::Sqlite& db, const std::string& alert_id,
                               const HistoryEntry& entry) {
  return db.run(
      "INSERT INTO alert_history(alert_id, time, actor, action, comment, detail) "
      "VALUES(?, ?, ?, ?, ?, ?)",
      alert_id, to_integer(entry.time), entry.actor, entry.action, entry.comment, entry.detail);
}

base::Result<void> add_outbox(store::Sqlite& db, const store::AlertRow& row) {
  return db.run(
      "INSERT INTO alert_outbox(time_generated, start_time, end_time, processing_end_time, "
      "alert_id, rule_id, "
      "title, severity, description, status, compromised_entity, tactics, techniques, confidence, "
      "link, "
      "remediation, extended, entities) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
      "?)",
      row.time_generated, row.start_time, row.end_time, row.processing_end_time, row.alert_id,
      row.rule_id, row.title, row.severity, row.description, row.status, row.compromised_entity,
      row.tactics, row.techniques, row.confidence, row.link, row.remediation_json,
      row.extended_json, row.entities_json);
}

base::Result<std::vector<store::AlertRow>> read_outbox(store::Sqlite& db, std::uint64_t after,
                                                       std::size_t limit) {
  auto query =
      TRY(db.prepare("SELECT position, time_generated, start_time, end_time, "
                     "processing_end_time, alert_id, rule_id, title, severity, "
                     "description, status, compromised_entity, tactics, techniques, confidence, "
                     "link, remediation, extended, entities "
                     "FROM alert_outbox WHERE position > ? ORDER BY position LIMIT ?"));
  query.bind_all(static_cast<std::int64_t>(after), static_cast<std::int64_t>(limit));
  std::vector<store::AlertRow> rows;
  while (TRY(query.step())) {
    store::AlertRow row;
    row.outbox = static_cast<std::uint64_t>(query.integer(0));
    row.time_generated = query.integer(1);
    row.start_time = query.integer(2);
    row.end_time = query.integer(3);
    row.processing_end_time = query.integer(4);
    int column = 5;
    for (std::string* text :
         {&row.alert_id, &row.rule_id, &row.title, &row.severity, &row.description, &row.status,
          &row.compromised_entity, &row.tactics, &row.techniques, &row.confidence, &row.link,
          &row.remediation_json, &row.extended_json, &row.entities_json}) {
      *text = query.string(column++);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

base::Result<void> insert_alert(store::Sqlite& db, const Alert& alert) {
  const std::string search = base::to_lower(fmt::format(
      "{}\n{}\n{}\n{}\n{}\n{}\n{}", alert.title, alert.device_id, alert.module_id, alert.rule.id,
      alert.entity, alert.why_flagged, fmt::join(alert.rule.aliases, "\n")));
  return db.run(
      "INSERT INTO alert(id, rule_id, device_id, module_id, entity, title, severity, status, "
      "first_seen, "
      "last_seen, hit_count, why, rule, search, suppression) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      alert.id, alert.rule.id, alert.device_id, alert.module_id, alert.entity, alert.title,
      static_cast<int>(alert.severity), static_cast<int>(alert.status),
      to_integer(alert.first_seen), to_integer(alert.last_seen), alert.hit_count, alert.why_flagged,
      rule_json(alert.rule), search, alert.suppression);
}

base::Result<void> update_hits(store::Sqlite& db, const Alert& alert) {
  return db.run("UPDATE alert SET hit_count = ?, last_seen = ? WHERE id = ?", alert.hit_count,
                to_integer(alert.last_seen), alert.id);
}

base::Result<void> update_state(store::Sqlite& db, Alert& alert) {
  TRY(
      db.run("UPDATE alert SET status = ?, severity = ?, verdict = ?, assignee = ?, "
             "suppression = ?, closed_at = ?, version = version + 1 WHERE id = ?",
             static_cast<int>(alert.status), static_cast<int>(alert.severity),
             static_cast<int>(alert.verdict), alert.assignee, alert.suppression,
             alert.closed ? to_integer(*alert.closed) : std::int64_t{0}, alert.id));
  ++alert.version;
  return {};
}

base::Result<void> delete_alert(store::Sqlite& db, std::string_view id) {
  for (const std::string_view table :
       {"alert_evidence", "alert_history", "alert_key", "alert_plan_item"})
    TRY(db.run(fmt::format("DELETE FROM {} WHERE alert_id = ?", table), id));
  return db.run("DELETE FROM alert WHERE id = ?", id);
}

base::Result<std::vector<HistoryEntry>> read_history(store::Sqlite& db, std::string_view alert_id) {
  auto query =
      TRY(db.prepare("SELECT time, actor, action, comment, detail FROM alert_history WHERE "
                     "alert_id = ? ORDER BY position"));
  query.bind_all(alert_id);
  std::vector<HistoryEntry> history;
  while (TRY(query.step())) {
    history.push_back({to_time(query.integer(0)), query.string(1), query.string(2), query.string(3),
                       query.string(4)});
  }
  return history;
}

}  // namespace detect
