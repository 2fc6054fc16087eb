#include "detect/scheduled/rule_table.h"

#include <array>

#include <fmt/format.h>

#include "base/json.h"

namespace detect::scheduled {
namespace {

using base::Result;

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE analytic_rules (
    id TEXT NOT NULL PRIMARY KEY,
    yaml TEXT NOT NULL,
    file TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    version INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    window_end INTEGER NOT NULL,
    not_before INTEGER NOT NULL DEFAULT 0,
    silent_until INTEGER,
    runs INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    findings INTEGER NOT NULL DEFAULT 0,
    last_started INTEGER,
    last_from INTEGER NOT NULL DEFAULT 0,
    last_to INTEGER NOT NULL DEFAULT 0,
    last_took INTEGER NOT NULL DEFAULT 0,
    last_rows INTEGER NOT NULL DEFAULT 0,
    last_findings INTEGER NOT NULL DEFAULT 0,
    last_truncated INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    last_problem TEXT NOT NULL DEFAULT ''
  ) STRICT;
  CREATE TABLE analytic_rows (
    rule_id TEXT NOT NULL,
    row BLOB NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (rule_id, row)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX analytic_rows_by_time ON analytic_rows (rule_id, seen);
)sql"};

constexpr std::string_view kColumns =
    "id, yaml, file, enabled, version, updated, updated_by, window_end, not_before, silent_until, "
    "runs, failures, findings, last_started, last_from, last_to, last_took, last_rows, "
    "last_findings, last_truncated, last_error, last_problem";

std::int64_t ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime time_at(std::int64_t ticks) {
  return base::WallTime(std::chrono::nanoseconds(ticks));
}
std::optional<std::int64_t> ticks(const std::optional<base::WallTime>& time) {
  return time ? std::optional(ticks(*time)) : std::nullopt;
}

StoredRule rule_at(const store::Statement& row) {
  StoredRule out;
  out.id = row.string(0);
  out.yaml = row.string(1);
  out.file = row.string(2);
  out.enabled = row.integer(3) != 0;
  out.version = row.integer(4);
  out.updated = time_at(row.integer(5));
  out.updated_by = row.string(6);
  out.window_end = time_at(row.integer(7));
  out.not_before = time_at(row.integer(8));
  if (!row.is_null(9)) out.silent_until = time_at(row.integer(9));
  out.runs = row.integer(10);
  out.failures = row.integer(11);
  out.findings = row.integer(12);
  if (row.is_null(13)) return out;
  LastRun last;
  last.started = time_at(row.integer(13));
  last.from = time_at(row.integer(14));
  last.to = time_at(row.integer(15));
  last.took = std::chrono::nanoseconds(row.integer(16));
  last.rows = row.integer(17);
  last.findings = row.integer(18);
  last.truncated = row.integer(19) != 0;
  last.error = row.string(20);
  last.problem = row.string(21);
  out.last = std::move(last);
  return out;
}

}  // namespace

std::span<const std::string_view> rule_migrations() {
  return kSteps;
}

Result<std::vector<StoredRule>> read_rules(store::Sqlite& db) {
  auto rows = TRY(db.prepare(fmt::format("SELECT {} FROM analytic_rules ORDER BY id", kColumns)));
  std::vector<StoredRule> out;
  while (TRY(rows.step()))
    out.push_back(rule_at(rows));
  return out;
}

Result<std::optional<StoredRule>> find_rule(store::Sqlite& db, std::string_view id) {
  auto row = TRY(db.prepare(fmt::format("SELECT {} FROM analytic_rules WHERE id = ?", kColumns)));
  row.bind_all(id);
  if (!TRY(row.step())) return std::optional<StoredRule>();
  return std::optional<StoredRule>(rule_at(row));
}

Result<std::int64_t> count_rules(store::Sqlite& db) {
  auto row = TRY(db.prepare("SELECT count(*) FROM analytic_rules"));
  TRY(row.step());
  return row.integer(0);
}

Result<void> write_rule(store::Sqlite& db, const StoredRule& rule) {
  return db.run(
      "INSERT INTO analytic_rules (id, yaml, file, enabled, version, updated, updated_by, "
      "window_end, not_before) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
      "ON CONFLICT (id) DO UPDATE SET yaml = ?2, file = ?3, enabled = ?4, version = ?5, "
      "updated = ?6, updated_by = ?7, window_end = ?8, not_before = ?9",
      rule.id, rule.yaml, rule.file, rule.enabled, rule.version, ticks(rule.updated),
      rule.updated_by, ticks(rule.window_end), ticks(rule.not_before));
}

Result<void> delete_rule(store::Sqlite& db, std::string_view id) {
  TRY(db.run("DELETE FROM analytic_rows WHERE rule_id = ?", id));
  return db.run("DELETE FROM analytic_rules WHERE id = ?", id);
}

Result<void> delete_old_builtins(store::Sqlite& db, const std::vector<std::string>& ids) {
  std::string known;
  base::json::Writer writer(known);
  writer.begin_array();
  for (const std::string& id : ids)
    writer.value(id);
  writer.end_array();
  return db.run(
      "DELETE FROM analytic_rules WHERE file <> '' AND id NOT IN (SELECT value FROM json_each(?))",
      known);
}

Result<void> write_run(store::Sqlite& db, const StoredRule& rule) {
  ASSERT(rule.last.has_value());
  const LastRun& last = *rule.last;
  return db.run(
      "UPDATE analytic_rules SET window_end = ?2, not_before = ?3, silent_until = ?4, runs = ?5, "
      "failures = ?6, findings = ?7, last_started = ?8, last_from = ?9, last_to = ?10, "
      "last_took = ?11, last_rows = ?12, last_findings = ?13, last_truncated = ?14, "
      "last_error = ?15, last_problem = ?16 WHERE id = ?1 AND version = ?17",
      rule.id, ticks(rule.window_end), ticks(rule.not_before), ticks(rule.silent_until), rule.runs,
      rule.failures, rule.findings, ticks(last.started), ticks(last.from), ticks(last.to),
      static_cast<std::int64_t>(last.took.count()), last.rows, last.findings, last.truncated,
      last.error, last.problem, rule.version);
}

Result<bool> is_known_row(store::Sqlite& db, std::string_view id, const base::Guid& row) {
  auto found = TRY(db.prepare("SELECT 1 FROM analytic_rows WHERE rule_id = ? AND row = ?"));
  found.bind_all(id, base::ByteView(row.bytes));
  return TRY(found.step());
}

Result<void> remember_rows(store::Sqlite& db, std::string_view id,
                           const std::vector<base::Guid>& rows, const Window& window) {
  TRY(db.run("DELETE FROM analytic_rows WHERE rule_id = ? AND seen < ?", id, ticks(window.from)));
  for (const base::Guid& row : rows) {
    TRY(
        db.run("INSERT INTO analytic_rows VALUES (?1, ?2, ?3) "
               "ON CONFLICT (rule_id, row) DO UPDATE SET seen = ?3",
               id, base::ByteView(row.bytes), ticks(window.to)));
  }
  return {};
}

}  // namespace detect::scheduled
