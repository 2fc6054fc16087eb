#include "hub/retention/holds.h"

#include <array>

namespace hub::retention {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE retention_hold (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    reason TEXT NOT NULL,
    owner TEXT NOT NULL,
    table_name TEXT NOT NULL,
    device_id TEXT NOT NULL,
    from_time INTEGER,
    to_time INTEGER,
    until INTEGER,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    released INTEGER,
    released_by TEXT NOT NULL DEFAULT '',
    release_reason TEXT NOT NULL DEFAULT ''
  ) STRICT;
)sql"};

constexpr std::string_view kSelect =
    "SELECT id, reason, owner, table_name, device_id, from_time, to_time, until, created, "
    "created_by, released, released_by, release_reason FROM retention_hold ";

std::int64_t count(base::WallTime time) {
  return time.time_since_epoch().count();
}
std::optional<std::int64_t> count(const std::optional<base::WallTime>& time) {
  return time ? std::optional(count(*time)) : std::nullopt;
}
std::optional<base::WallTime> time_at(const std::optional<std::int64_t>& value) {
  if (!value) return std::nullopt;
  return base::WallTime(std::chrono::nanoseconds(*value));
}

HoldRecord read(const store::Statement& row) {
  HoldRecord hold;
  hold.id = row.integer(0);
  hold.reason = row.string(1);
  hold.owner = row.string(2);
  hold.table = row.string(3);
  hold.device_id = row.string(4);
  hold.from = time_at(row.optional_integer(5));
  hold.to = time_at(row.optional_integer(6));
  hold.until = time_at(row.optional_integer(7));
  hold.created = base::WallTime(std::chrono::nanoseconds(row.integer(8)));
  hold.created_by = row.string(9);
  hold.released = time_at(row.optional_integer(10));
  hold.released_by = row.string(11);
  hold.release_reason = row.string(12);
  return hold;
}

Result<HoldRecord> find(store::Sqlite& db, std::int64_t id) {
  auto row = TRY(db.prepare(std::string(kSelect) + "WHERE id = ?"));
  row.bind(1, id);
  if (!TRY(row.step())) return fail(Code::NotFound, "hold", -1, std::to_string(id));
  return read(row);
}

}  // namespace

Hold HoldRecord::hold() const {
  Hold hold;
  hold.table = table;
  hold.device = device_id;
  if (from) hold.from = kql::to_ticks(*from);
  if (to) hold.to = kql::to_ticks(*to);
  return hold;
}

Result<HoldTable> HoldTable::open(const std::string& path) {
  auto db = TRY(store::Sqlite::open(path));
  TRY(db.migrate("retention", kSteps));
  return HoldTable(std::move(db));
}

Result<HoldRecord> HoldTable::add(HoldRecord hold) {
  const std::lock_guard lock(mutex_);
  TRY(
      db_.run("INSERT INTO retention_hold (reason, owner, table_name, device_id, from_time, "
              "to_time, until, created, created_by) VALUES (?,?,?,?,?,?,?,?,?)",
              hold.reason, hold.owner, hold.table, hold.device_id, count(hold.from), count(hold.to),
              count(hold.until), count(hold.created), hold.created_by));
  hold.id = db_.last_insert_id();
  return hold;
}

Result<HoldRecord> HoldTable::release(std::int64_t id, std::string_view by, std::string_view reason,
                                      base::WallTime now) {
  const std::lock_guard lock(mutex_);
  const HoldRecord before = TRY(find(db_, id));
  if (!before.is_active(now)) return fail(Code::Conflict, "hold", -1, "it has ended before");
  TRY(
      db_.run("UPDATE retention_hold SET released = ?, released_by = ?, release_reason = ? "
              "WHERE id = ?",
              count(now), by, reason, id));
  return find(db_, id);
}

Result<HoldRecord> HoldTable::get(std::int64_t id) const {
  const std::lock_guard lock(mutex_);
  return find(db_, id);
}

Result<std::vector<HoldRecord>> HoldTable::list() const {
  const std::lock_guard lock(mutex_);
  auto rows = TRY(db_.prepare(std::string(kSelect) + "ORDER BY id DESC"));
  std::vector<HoldRecord> holds;
  while (TRY(rows.step()))
    holds.push_back(read(rows));
  return holds;
}

Result<std::vector<Hold>> HoldTable::active(base::WallTime now) const {
  std::vector<Hold> holds;
  for (const HoldRecord& record : TRY(list())) {
    if (record.is_active(now)) holds.push_back(record.hold());
  }
  return holds;
}

}  // namespace hub::retention
