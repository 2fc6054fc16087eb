#include "hub/jobs/job_table.h"

#include <array>

namespace hub::jobs {

using base::Code;
using base::fail;
using base::Result;
using store::Statement;
using store::Transaction;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE job (
    id TEXT NOT NULL PRIMARY KEY,
    kind INTEGER NOT NULL,
    condition TEXT NOT NULL,
    definition TEXT NOT NULL,
    start INTEGER NOT NULL,
    max_execution INTEGER NOT NULL,
    actor TEXT NOT NULL,
    status INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    ended INTEGER,
    failure TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX job_status ON job (status, start);
  CREATE TABLE job_device (
    job_id TEXT NOT NULL,
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    answer TEXT NOT NULL,
    error_code TEXT NOT NULL,
    error_text TEXT NOT NULL,
    PRIMARY KEY (job_id, device_id, module_id)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX job_device_status ON job_device (job_id, status);
)sql"};

constexpr std::string_view kColumns =
    "id, kind, condition, definition, start, max_execution, actor, status, created, updated, "
    "ended, failure";

std::int64_t to_ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime from_ticks(std::int64_t ticks) {
  return base::WallTime(std::chrono::nanoseconds(ticks));
}
std::optional<base::WallTime> from_ticks(const std::optional<std::int64_t>& ticks) {
  if (!ticks) return std::nullopt;
  return from_ticks(*ticks);
}

Result<Job> read_row(const Statement& row) {
  Job job;
  job.id = row.string(0);
  job.kind = static_cast<Kind>(row.integer(1));
  job.condition = row.string(2);
  auto definition = base::json::parse(row.text(3));
  if (!definition) return fail(Code::Corrupt, "job", -1, job.id);
  job.definition = std::move(*definition);
  job.start = from_ticks(row.integer(4));
  job.max_execution = std::chrono::seconds(row.integer(5));
  job.actor = row.string(6);
  job.status = static_cast<Status>(row.integer(7));
  job.created = from_ticks(row.integer(8));
  job.updated = from_ticks(row.integer(9));
  job.ended = from_ticks(row.optional_integer(10));
  job.failure = row.string(11);
  return Result<Job>(std::in_place, std::move(job));
}

std::string select_jobs(std::string_view rest) {
  std::string sql = "SELECT ";
  sql.append(kColumns).append(" FROM job ").append(rest);
  return sql;
}

int number(Status status) {
  return static_cast<int>(status);
}

bool is_end(Status status) {
  return status != Status::Queued && status != Status::Running;
}

}  // namespace

Result<void> JobTable::migrate(store::Sqlite& database) {
  return database.migrate("jobs", kSteps);
}

Result<void> JobTable::insert(const Job& job) {
  return database_.run("INSERT INTO job VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, '')", job.id,
                       static_cast<int>(job.kind), job.condition, job.definition.to_json(),
                       to_ticks(job.start), std::int64_t{job.max_execution.count()}, job.actor,
                       number(job.status), to_ticks(job.created), to_ticks(job.updated));
}

Result<Job> JobTable::find(std::string_view id) {
  auto row = TRY(database_.prepare(select_jobs("WHERE id = ?")));
  row.bind_all(id);
  if (!TRY(row.step())) return fail(Code::NotFound, "job", -1, std::string(id));
  Job job = TRY(read_row(row));
  job.statistics = TRY(statistics(id));
  return Result<Job>(std::in_place, std::move(job));
}

Result<std::vector<Job>> JobTable::list(std::optional<Kind> kind, std::optional<Status> status,
                                        std::string_view after, std::size_t limit) {
  auto rows = TRY(database_.prepare(
      select_jobs("WHERE id > ?1 AND (?2 < 0 OR kind = ?2) AND (?3 < 0 OR status = ?3) "
                  "ORDER BY id LIMIT ?4")));
  rows.bind_all(after, kind ? static_cast<int>(*kind) : -1, status ? number(*status) : -1,
                static_cast<std::int64_t>(limit));
  std::vector<Job> jobs;
  while (TRY(rows.step()))
    jobs.push_back(TRY(read_row(rows)));
  for (Job& job : jobs)
    job.statistics = TRY(statistics(job.id));
  return jobs;
}

Result<std::vector<Job>> JobTable::unfinished() {
  auto rows = TRY(database_.prepare(select_jobs("WHERE status IN (0, 1) ORDER BY start, id")));
  std::vector<Job> jobs;
  while (TRY(rows.step()))
    jobs.push_back(TRY(read_row(rows)));
  return jobs;
}

Result<std::uint64_t> JobTable::count_unfinished() {
  auto row = TRY(database_.prepare("SELECT count(*) FROM job WHERE status IN (0, 1)"));
  TRY(row.step());
  return static_cast<std::uint64_t>(row.integer(0));
}

Result<void> JobTable::set(std::string_view id, Status status, std::string_view failure,
                           base::WallTime now) {
  std::optional<std::int64_t> ended;
  if (is_end(status)) ended = to_ticks(now);
  return database_.run(
      "UPDATE job SET status = ?, failure = ?, updated = ?, ended = ? WHERE id = ?", number(status),
      failure, to_ticks(now), ended, id);
}

Result<void> JobTable::add_devices(std::string_view id, std::span<const identity::Name> names,
                                   base::WallTime now) {
  auto transaction = TRY(Transaction::begin(database_));
  auto statement = TRY(database_.prepare(
      "INSERT OR IGNORE INTO job_device VALUES (?, ?, ?, 0, ?, ?, NULL, NULL, '', '', '')"));
  for (const identity::Name& name : names) {
    statement.bind_all(id, name.device_id, name.module_id, to_ticks(now), to_ticks(now));
    TRY(statement.run());
  }
  return transaction.commit();
}

Result<void> JobTable::drop_devices(std::string_view id) {
  return database_.run("DELETE FROM job_device WHERE job_id = ?", id);
}

Result<std::vector<identity::Name>> JobTable::take(std::string_view id, std::size_t most,
                                                   base::WallTime now) {
  std::vector<identity::Name> names;
  auto transaction = TRY(Transaction::begin(database_));
  {
    auto rows = TRY(database_.prepare(
        "SELECT device_id, module_id FROM job_device WHERE job_id = ? AND status = 0 LIMIT ?"));
    rows.bind_all(id, static_cast<std::int64_t>(most));
    while (TRY(rows.step()))
      names.push_back({rows.string(0), rows.string(1)});
  }
  auto statement = TRY(database_.prepare(
      "UPDATE job_device SET status = 1, started = ?1, updated = ?1 WHERE job_id = ?2 AND "
      "device_id = ?3 AND module_id = ?4"));
  for (const identity::Name& name : names) {
    statement.bind_all(to_ticks(now), id, name.device_id, name.module_id);
    TRY(statement.run());
  }
  TRY(transaction.commit());
  return names;
}

Result<void> JobTable::finish(std::span<const Finished> finished, base::WallTime now) {
  auto transaction = TRY(Transaction::begin(database_));
  auto statement = TRY(database_.prepare(
      "UPDATE job_device SET status = ?1, updated = ?2, ended = ?2, answer = ?3, error_code = ?4, "
      "error_text = ?5 WHERE job_id = ?6 AND device_id = ?7 AND module_id = ?8 AND status = 1"));
  for (const Finished& each : finished) {
    statement.bind_all(number(each.outcome.status), to_ticks(now), each.outcome.answer,
                       each.outcome.error_code, each.outcome.error_text, each.job_id,
                       each.name.device_id, each.name.module_id);
    TRY(statement.run());
  }
  return transaction.commit();
}

Result<void> JobTable::move_all(std::string_view id, Status from, const Outcome& outcome,
                                base::WallTime now) {
  std::optional<std::int64_t> ended;
  if (is_end(outcome.status)) ended = to_ticks(now);
  return database_.run(
      "UPDATE job_device SET status = ?, updated = ?, ended = ?, error_code = ?, error_text = ? "
      "WHERE job_id = ? AND status = ?",
      number(outcome.status), to_ticks(now), ended, outcome.error_code, outcome.error_text, id,
      number(from));
}

Result<Statistics> JobTable::statistics(std::string_view id) {
  auto rows = TRY(database_.prepare(
      "SELECT status, count(*) FROM job_device WHERE job_id = ? GROUP BY status"));
  rows.bind_all(id);
  Statistics found;
  const std::array<std::uint64_t*, 5> counts = {&found.pending, &found.running, &found.succeeded,
                                                &found.failed, &found.cancelled};
  while (TRY(rows.step())) {
    const auto status = static_cast<std::size_t>(rows.integer(0));
    if (status < counts.size()) *counts[status] = static_cast<std::uint64_t>(rows.integer(1));
  }
  return found;
}

Result<std::vector<DeviceJob>> JobTable::device_jobs(const Key& after, std::size_t limit) {
  auto rows = TRY(database_.prepare(
      "SELECT d.job_id, j.kind, d.device_id, d.module_id, d.status, d.created, d.updated, "
      "d.started, d.ended, d.answer, d.error_code, d.error_text FROM job_device d JOIN job j ON "
      "j.id = d.job_id WHERE (d.job_id, d.device_id, d.module_id) > (?, ?, ?) ORDER BY d.job_id, "
      "d.device_id, d.module_id LIMIT ?"));
  rows.bind_all(after.job_id, after.name.device_id, after.name.module_id,
                static_cast<std::int64_t>(limit));
  std::vector<DeviceJob> found;
  while (TRY(rows.step())) {
    DeviceJob row;
    row.job_id = rows.string(0);
    row.kind = static_cast<Kind>(rows.integer(1));
    row.name = {rows.string(2), rows.string(3)};
    row.status = static_cast<Status>(rows.integer(4));
    row.created = from_ticks(rows.integer(5));
    row.updated = from_ticks(rows.integer(6));
    row.started = from_ticks(rows.optional_integer(7));
    row.ended = from_ticks(rows.optional_integer(8));
    row.answer = rows.string(9);
    row.error_code = rows.string(10);
    row.error_text = rows.string(11);
    found.push_back(std::move(row));
  }
  return found;
}

Result<void> JobTable::forget(base::WallTime before) {
  auto transaction = TRY(Transaction::begin(database_));
  TRY(database_.run("DELETE FROM job_device WHERE job_id IN (SELECT id FROM job WHERE ended < ?)",
                    to_ticks(before)));
  TRY(database_.run("DELETE FROM job WHERE ended < ?", to_ticks(before)));
  return transaction.commit();
}

}  // namespace hub::jobs
