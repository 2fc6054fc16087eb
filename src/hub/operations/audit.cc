#include "hub/operations/audit.h"

#include <array>
#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "kql/ticks.h"
#include "store/sqlite.h"

namespace hub::operations {

namespace {

using base::Code;
using base::Result;

// The table was the accounts' before it was everybody's: either may come first.
constexpr std::array<std::string_view, 1> kSchema{R"(
CREATE TABLE IF NOT EXISTS audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, actor TEXT NOT NULL,
  method TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL, result TEXT NOT NULL,
  remote TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS audit_time ON audit (time);
CREATE INDEX IF NOT EXISTS audit_action ON audit (action, target);
ALTER TABLE audit ADD COLUMN status INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN request TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN properties TEXT NOT NULL DEFAULT '';
)"};

constexpr std::string_view kColumns =
    "SELECT id, time, actor, method, action, target, result, remote, detail, status, request, "
    "properties FROM audit ";

AuditRecord record_of(const store::Statement& row) {
  AuditRecord record;
  record.id = row.integer(0);
  record.time = base::WallTime(std::chrono::nanoseconds(row.integer(1)));
  record.actor = row.string(2);
  record.method = row.string(3);
  record.action = row.string(4);
  record.target = row.string(5);
  record.result = row.string(6);
  record.remote = row.string(7);
  record.detail = row.string(8);
  record.status_code = static_cast<int>(row.integer(9));
  record.request_id = row.string(10);
  record.properties = row.string(11);
  return record;
}

Result<std::vector<AuditRecord>> read_all(store::Statement& rows) {
  std::vector<AuditRecord> records;
  while (TRY(rows.step()))
    records.push_back(record_of(rows));
  return records;
}

Result<void> insert(store::Sqlite& database, const AuditRecord& record) {
  return database.run(
      "INSERT INTO audit (time, actor, method, action, target, result, remote, detail, status, "
      "request, properties) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      std::int64_t{record.time.time_since_epoch().count()}, record.actor, record.method,
      record.action, record.target, record.result, record.remote, record.detail, record.status_code,
      record.request_id, record.properties);
}

struct Waiting {
  AuditRecord record;
  std::optional<std::promise<Result<void>>> written;
};

}  // namespace

struct AuditLog::State {
  State(store::Sqlite writing, store::Sqlite reading)
      : writer(std::move(writing)), reader(std::move(reading)) {}

  std::mutex mutex;
  std::condition_variable noticed;
  std::vector<Waiting> waiting;  // guarded by mutex
  bool stopping = false;         // guarded by mutex

  std::mutex writer_mutex;
  store::Sqlite writer;  // guarded by writer_mutex
  std::mutex reader_mutex;
  store::Sqlite reader;  // guarded by reader_mutex

  std::mutex callback_mutex;
  std::function<void()> grown;  // guarded by callback_mutex, called with it held

  std::thread thread;

  bool submit(Waiting item) {
    const std::lock_guard lock(mutex);
    if (stopping || waiting.size() >= kMaxWaiting) return false;
    waiting.push_back(std::move(item));
    noticed.notify_one();
    return true;
  }

  Result<void> write(const std::vector<Waiting>& batch) {
    const std::lock_guard lock(writer_mutex);
    auto transaction = TRY(store::Transaction::begin(writer));
    for (const Waiting& item : batch)
      TRY(insert(writer, item.record));
    return transaction.commit();
  }

  void run(base::Counter& lost);
};

void AuditLog::State::run(base::Counter& lost) {
  for (;;) {
    std::vector<Waiting> batch;
    {
      std::unique_lock lock(mutex);
      noticed.wait(lock, [this] { return stopping || !waiting.empty(); });
      if (waiting.empty()) return;
      batch.swap(waiting);
    }
    const auto written = write(batch);
    if (!written) {
      lost.add(batch.size());
      LOG_ERROR("audit.write")
          .field("records", static_cast<std::uint64_t>(batch.size()))
          .field("error", written.error().to_string());
    }
    // Before those who wait go on: then who follows knows of it when they do.
    if (written) {
      const std::lock_guard lock(callback_mutex);
      if (grown) grown();
    }
    for (Waiting& item : batch) {
      if (item.written) item.written->set_value(written);
    }
  }
}

AuditLog::AuditLog(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([this] { state_->run(lost_); });
}

AuditLog::~AuditLog() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->noticed.notify_one();
  }
  state_->thread.join();
}

Result<std::unique_ptr<AuditLog>> AuditLog::open(const std::string& path) {
  auto writer = TRY(store::Sqlite::open(path));
  TRY(writer.migrate("audit", kSchema));
  auto reader = TRY(store::Sqlite::open(path, store::SqliteMode::ReadOnly));
  return std::unique_ptr<AuditLog>(
      new AuditLog(std::make_unique<State>(std::move(writer), std::move(reader))));
}

Result<void> AuditLog::record(AuditRecord record) {
  std::promise<Result<void>> promise;
  auto written = promise.get_future();
  if (!state_->submit({std::move(record), std::move(promise)})) {
    lost_.add();
    return base::fail(Code::Full, "audit log", -1, "too much waits to be written");
  }
  return written.get();
}

void AuditLog::record_later(AuditRecord record) {
  if (state_->submit({std::move(record), std::nullopt})) return;
  lost_.add();
  LOG_ERROR("audit.lost").field("waiting", static_cast<std::uint64_t>(kMaxWaiting));
}

Result<std::vector<AuditRecord>> AuditLog::list(std::size_t limit, std::int64_t before) const {
  const std::lock_guard lock(state_->reader_mutex);
  auto rows = TRY(state_->reader.prepare(std::string(kColumns) +
                                         "WHERE ?1 = 0 OR id < ?1 ORDER BY id DESC LIMIT ?2"));
  rows.bind_all(before, static_cast<std::int64_t>(limit));
  return read_all(rows);
}

Result<std::optional<AuditRecord>> AuditLog::latest(std::string_view action,
                                                    std::string_view target) const {
  const std::lock_guard lock(state_->reader_mutex);
  auto rows = TRY(state_->reader.prepare(
      std::string(kColumns) +
      "WHERE action = ? AND target = ? AND result = 'ok' ORDER BY id DESC LIMIT 1"));
  rows.bind_all(action, target);
  if (!TRY(rows.step())) return std::nullopt;
  return record_of(rows);
}

Result<std::vector<store::AuditRow>> AuditLog::outbox(std::uint64_t after,
                                                      std::size_t limit) const {
  std::vector<AuditRecord> records;
  {
    const std::lock_guard lock(state_->reader_mutex);
    auto rows =
        TRY(state_->reader.prepare(std::string(kColumns) + "WHERE id > ? ORDER BY id LIMIT ?"));
    rows.bind_all(static_cast<std::int64_t>(after), static_cast<std::int64_t>(limit));
    records = TRY(read_all(rows));
  }
  std::vector<store::AuditRow> out;
  out.reserve(records.size());
  for (AuditRecord& record : records) {
    out.push_back({static_cast<std::uint64_t>(record.id), kql::to_ticks(record.time),
                   std::move(record.actor), std::move(record.method), std::move(record.action),
                   std::move(record.target), std::move(record.result), record.status_code,
                   std::move(record.remote), std::move(record.request_id), std::move(record.detail),
                   std::move(record.properties)});
  }
  return out;
}

Result<void> AuditLog::continue_after(std::uint64_t after) {
  const std::lock_guard lock(state_->writer_mutex);
  store::Sqlite& database = state_->writer;
  TRY(
      database.run("INSERT INTO sqlite_sequence(name, seq) SELECT 'audit', 0 "
                   "WHERE NOT EXISTS (SELECT * FROM sqlite_sequence WHERE name = 'audit')"));
  return database.run("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'audit'",
                      static_cast<std::int64_t>(after));
}

void AuditLog::on_grown(std::function<void()> callback) {
  const std::lock_guard lock(state_->callback_mutex);
  state_->grown = std::move(callback);
}

Result<void> AuditLog::purge(base::WallTime now) {
  const std::lock_guard lock(state_->writer_mutex);
  return state_->writer.run("DELETE FROM audit WHERE time <= ?",
                            std::int64_t{(now - kLife).time_since_epoch().count()});
}

}  // namespace hub::operations
