#include <array>

#include "base/hash.h"
#include "base/id.h"
#include "base/text.h"
#include "hub/uploads/uploads_state.h"

namespace hub::uploads {

using base::Code;
using base::fail;
using base::Result;
using base::WallTime;

namespace {

constexpr std::size_t kSecretBytes = 32;

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE upload (
    id TEXT PRIMARY KEY,
    device_id TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    name TEXT NOT NULL,
    stage INTEGER NOT NULL,
    begun INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    finished INTEGER,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    content_type TEXT NOT NULL,
    status_code INTEGER NOT NULL,
    description TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX upload_by_device ON upload (device_id, begun);
  CREATE INDEX upload_by_stage ON upload (stage, expires);
  CREATE TABLE upload_secret (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    secret BLOB NOT NULL
  ) STRICT;
  CREATE TABLE upload_notification (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    upload_id TEXT NOT NULL,
    enqueued INTEGER NOT NULL,
    delivery_count INTEGER NOT NULL,
    lock_token TEXT NOT NULL,
    locked_until INTEGER NOT NULL
  ) STRICT;
)sql"};

constexpr std::string_view kColumns =
    "id, device_id, generation_id, name, stage, begun, expires, finished, bytes, sha256, "
    "content_type, status_code, description";

std::int64_t ticks(WallTime time) {
  return time.time_since_epoch().count();
}

WallTime time_at(std::int64_t count) {
  return WallTime(std::chrono::nanoseconds(count));
}

Upload read(const store::Statement& row) {
  Upload upload;
  upload.id = row.string(0);
  upload.device_id = row.string(1);
  upload.generation_id = row.string(2);
  upload.name = row.string(3);
  upload.stage = static_cast<Stage>(row.integer(4));
  upload.begun = time_at(row.integer(5));
  upload.expires = time_at(row.integer(6));
  if (const auto finished = row.optional_integer(7)) upload.finished = time_at(*finished);
  upload.bytes = static_cast<std::uint64_t>(row.integer(8));
  upload.sha256 = row.string(9);
  upload.content_type = row.string(10);
  upload.status_code = static_cast<int>(row.integer(11));
  upload.description = row.string(12);
  return upload;
}

Result<std::vector<Upload>> read_all(store::Statement rows) {
  std::vector<Upload> uploads;
  while (TRY(rows.step()))
    uploads.push_back(read(rows));
  return uploads;
}

std::string select(std::string_view condition) {
  return "SELECT " + std::string(kColumns) + " FROM upload " + std::string(condition);
}

}  // namespace

Result<void> Uploads::State::open_tables() {
  TRY(database.migrate("upload", kSteps));
  base::ByteVec fresh(kSecretBytes);
  base::random_bytes(fresh);
  TRY(database.run("INSERT OR IGNORE INTO upload_secret VALUES (1, ?)", base::ByteView(fresh)));
  auto row = TRY(database.prepare("SELECT secret FROM upload_secret"));
  if (!TRY(row.step())) return fail(Code::Corrupt, "upload secret");
  const base::ByteView kept = row.blob(0);
  secret.assign(kept.begin(), kept.end());
  return {};
}

Result<void> Uploads::State::insert(const Upload& upload) {
  return database.run("INSERT INTO upload VALUES (?, ?, ?, ?, ?, ?, ?, NULL, 0, '', '', 0, '')",
                      upload.id, upload.device_id, upload.generation_id, upload.name,
                      static_cast<int>(upload.stage), ticks(upload.begun), ticks(upload.expires));
}

Result<Upload> Uploads::State::find(std::string_view id) const {
  auto row = TRY(database.prepare(select("WHERE id = ?")));
  row.bind_all(id);
  if (!TRY(row.step())) return fail(Code::NotFound, "upload");
  return read(row);
}

Result<std::vector<Upload>> Uploads::State::of_device(std::string_view device_id,
                                                      std::size_t limit) const {
  auto rows = TRY(database.prepare(select("WHERE device_id = ? ORDER BY begun DESC, id LIMIT ?")));
  rows.bind_all(device_id, static_cast<std::int64_t>(limit));
  return read_all(std::move(rows));
}

Result<std::vector<Upload>> Uploads::State::overdue(WallTime now) const {
  auto rows = TRY(database.prepare(select("WHERE stage = 0 AND expires <= ? LIMIT 100")));
  rows.bind_all(ticks(now));
  return read_all(std::move(rows));
}

Result<std::uint64_t> Uploads::State::count_open(std::string_view device_id) const {
  auto row = TRY(database.prepare(
      "SELECT count(*) FROM upload WHERE device_id = ? AND stage = 0 AND expires > ?"));
  row.bind_all(device_id, ticks(options.now()));
  if (!TRY(row.step())) return fail(Code::Corrupt, "upload count");
  return static_cast<std::uint64_t>(row.integer(0));
}

Result<void> Uploads::State::set_content(const Upload& upload) {
  return database.run("UPDATE upload SET bytes = ?, sha256 = ?, content_type = ? WHERE id = ?",
                      static_cast<std::int64_t>(upload.bytes), upload.sha256, upload.content_type,
                      upload.id);
}

// With the notification, where there is one to give.
Result<void> Uploads::State::close(const Upload& upload) {
  auto transaction = TRY(store::Transaction::begin(database));
  const std::int64_t now = ticks(upload.finished.value_or(options.now()));
  TRY(database.run(
      "UPDATE upload SET stage = ?, finished = ?, status_code = ?, description = ? WHERE id = ?",
      static_cast<int>(upload.stage), now, upload.status_code, upload.description, upload.id));
  if (upload.stage == Stage::Completed) {
    TRY(database.run("INSERT INTO upload_notification VALUES (NULL, ?, ?, 0, '', 0)", upload.id,
                     now));
  }
  return transaction.commit();
}

Result<void> Uploads::State::erase(std::string_view id) {
  auto transaction = TRY(store::Transaction::begin(database));
  TRY(database.run("DELETE FROM upload_notification WHERE upload_id = ?", id));
  TRY(database.run("DELETE FROM upload WHERE id = ?", id));
  return transaction.commit();
}

Result<std::optional<Notification>> Uploads::State::lock_notification() {
  const WallTime now = options.now();
  auto row = TRY(database.prepare(
      "SELECT sequence, upload_id, enqueued, delivery_count FROM upload_notification "
      "WHERE locked_until <= ? ORDER BY sequence LIMIT 1"));
  row.bind_all(ticks(now));
  if (!TRY(row.step())) return std::optional<Notification>();
  Notification notification;
  notification.sequence = row.integer(0);
  notification.upload = TRY(find(row.text(1)));
  notification.enqueued = time_at(row.integer(2));
  notification.delivery_count = static_cast<unsigned>(row.integer(3)) + 1;
  notification.lock_token = base::Guid::random().to_string();
  row.reset();
  TRY(database.run(
      "UPDATE upload_notification SET lock_token = ?, locked_until = ?, "
      "delivery_count = delivery_count + 1 WHERE sequence = ?",
      notification.lock_token, ticks(now + options.notification_lock), notification.sequence));
  return std::optional(std::move(notification));
}

Result<void> Uploads::State::unlock_notification(std::string_view token, bool done) {
  const std::int64_t now = ticks(options.now());
  if (done) {
    TRY(database.run("DELETE FROM upload_notification WHERE lock_token = ? AND locked_until > ?",
                     token, now));
  } else {
    TRY(
        database.run("UPDATE upload_notification SET lock_token = '', locked_until = 0 "
                     "WHERE lock_token = ? AND locked_until > ?",
                     token, now));
  }
  if (token.empty() || database.changes() == 0) return fail(Code::Conflict, "notification lock");
  return {};
}

Result<std::uint64_t> Uploads::State::drop_notifications(WallTime before) {
  TRY(database.run("DELETE FROM upload_notification WHERE enqueued <= ?", ticks(before)));
  return static_cast<std::uint64_t>(database.changes());
}

}  // namespace hub::uploads
