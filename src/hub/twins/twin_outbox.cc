#include "hub/twins/twin_outbox.h"

#include "base/log.h"
#include "kql/ticks.h"

namespace hub::twins {

using base::Result;

namespace {

// Every twin that was ever changed, as it is.
constexpr std::string_view kAllTwins =
    "INSERT INTO twin_outbox(time, device_id, module_id, generation_id, operation, parts, actor, "
    "etag, version, desired_version, reported_version, tags, desired, reported) "
    "SELECT ?, device_id, module_id, generation_id, 'found', '', '', etag, version, "
    "desired_version, reported_version, tags, desired, reported FROM twin "
    "ORDER BY device_id, module_id";

}  // namespace

std::string_view TwinOutbox::migration() {
  return R"sql(
  CREATE TABLE twin_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    parts TEXT NOT NULL,
    actor TEXT NOT NULL,
    etag TEXT NOT NULL,
    version INTEGER NOT NULL,
    desired_version INTEGER NOT NULL,
    reported_version INTEGER NOT NULL,
    tags TEXT NOT NULL,
    desired TEXT NOT NULL,
    reported TEXT NOT NULL
  ) STRICT;
  INSERT INTO twin_outbox(time, device_id, module_id, generation_id, operation, parts, actor,
    etag, version, desired_version, reported_version, tags, desired, reported)
  SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000000000, device_id, module_id,
    generation_id, 'found', '', '', etag, version, desired_version, reported_version, tags,
    desired, reported FROM twin ORDER BY device_id, module_id;
)sql";
}

Result<void> TwinOutbox::note(store::Sqlite& database, const TwinNote& note) {
  const Twin& twin = note.twin;
  return database.run(
      "INSERT INTO twin_outbox(time, device_id, module_id, generation_id, operation, parts, actor, "
      "etag, version, desired_version, reported_version, tags, desired, reported) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      std::int64_t{note.time.time_since_epoch().count()}, twin.name.device_id, twin.name.module_id,
      note.generation_id, note.operation, note.parts, note.actor, twin.etag, twin.version,
      twin.desired.version, twin.reported.version, twin.tags.properties.to_json(),
      twin.desired.properties.to_json(), twin.reported.properties.to_json());
}

Result<std::vector<store::TwinRow>> TwinOutbox::rows(std::uint64_t after, std::size_t limit) {
  const std::lock_guard lock(mutex_);
  auto found = TRY(database_.prepare(
      "SELECT id, time, device_id, module_id, generation_id, operation, parts, actor, etag, "
      "version, desired_version, reported_version, tags, desired, reported FROM twin_outbox "
      "WHERE id > ? ORDER BY id LIMIT ?"));
  found.bind_all(static_cast<std::int64_t>(after), static_cast<std::int64_t>(limit));
  std::vector<store::TwinRow> out;
  while (TRY(found.step())) {
    store::TwinRow& row = out.emplace_back();
    row.id = static_cast<std::uint64_t>(found.integer(0));
    row.time = kql::to_ticks(base::WallTime(std::chrono::nanoseconds(found.integer(1))));
    int column = 2;
    for (std::string* text : {&row.device_id, &row.module_id, &row.generation_id, &row.operation,
                              &row.parts, &row.actor, &row.etag}) {
      *text = found.string(column++);
    }
    row.version = found.integer(9);
    row.desired_version = found.integer(10);
    row.reported_version = found.integer(11);
    row.tags = found.string(12);
    row.desired = found.string(13);
    row.reported = found.string(14);
  }
  return out;
}

Result<void> TwinOutbox::trim(std::uint64_t up_to) {
  const std::lock_guard lock(mutex_);
  return database_.run("DELETE FROM twin_outbox WHERE id <= ?", static_cast<std::int64_t>(up_to));
}

Result<void> TwinOutbox::continue_after(std::uint64_t after, base::WallTime now) {
  const std::lock_guard lock(mutex_);
  auto transaction = TRY(store::Transaction::begin(database_));
  std::int64_t given = 0;
  std::int64_t next = 0;
  {
    auto found = TRY(database_.prepare(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'twin_outbox'), 0), "
        "coalesce((SELECT min(id) FROM twin_outbox WHERE id > ?), 0)"));
    found.bind_all(static_cast<std::int64_t>(after));
    TRY(found.step());
    given = found.integer(0);
    next = found.integer(1);
  }
  const auto seen = static_cast<std::int64_t>(after);
  const bool complete = given == seen || (given > seen && next == seen + 1);
  if (!complete) {
    LOG_WARNING("twins.outbox").field("given", given).field("stored", after);
    TRY(
        database_.run("INSERT INTO sqlite_sequence(name, seq) SELECT 'twin_outbox', 0 WHERE NOT "
                      "EXISTS (SELECT * FROM sqlite_sequence WHERE name = 'twin_outbox')"));
    TRY(database_.run("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'twin_outbox'",
                      seen));
    TRY(database_.run(kAllTwins, std::int64_t{now.time_since_epoch().count()}));
  }
  return transaction.commit();
}

void TwinOutbox::on_grown(std::function<void()> callback) {
  const std::lock_guard lock(callback_mutex_);
  grown_ = std::move(callback);
}

void TwinOutbox::grown() {
  const std::lock_guard lock(callback_mutex_);
  if (grown_) grown_();
}

}  // namespace hub::twins
