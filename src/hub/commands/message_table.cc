#include "hub/commands/message_table.h"

#include <array>

#include "base/json.h"

namespace hub::commands {

using base::Code;
using base::fail;
using base::Result;
using base::WallTime;
using base::json::Value;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE command (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    input TEXT NOT NULL,
    to_address TEXT NOT NULL,
    message_id TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    content_type TEXT NOT NULL,
    content_encoding TEXT NOT NULL,
    ack INTEGER NOT NULL,
    properties TEXT NOT NULL,
    body BLOB NOT NULL,
    enqueued INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    delivery_count INTEGER NOT NULL,
    protocol INTEGER NOT NULL,
    lock_token TEXT,
    locked_until INTEGER,
    holder INTEGER
  ) STRICT;
  CREATE INDEX command_queue ON command (device_id, module_id, sequence);
  CREATE INDEX command_expiry ON command (expires);
  CREATE INDEX command_lock ON command (locked_until) WHERE lock_token IS NOT NULL;
  CREATE UNIQUE INDEX command_token ON command (lock_token) WHERE lock_token IS NOT NULL;

  CREATE TABLE command_subscription (
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    qos INTEGER NOT NULL,
    PRIMARY KEY (device_id, module_id)
  ) WITHOUT ROWID, STRICT;

  CREATE TABLE command_feedback_batch (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    made INTEGER NOT NULL,
    delivery_count INTEGER NOT NULL,
    lock_token TEXT,
    locked_until INTEGER
  ) STRICT;
  CREATE TABLE command_feedback (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    batch INTEGER REFERENCES command_feedback_batch (sequence),
    original_message_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    fate INTEGER NOT NULL,
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    generation_id TEXT NOT NULL
  ) STRICT;
  CREATE INDEX command_feedback_of_batch ON command_feedback (batch, sequence);
)sql"};

constexpr std::string_view kColumns =
    "SELECT sequence, device_id, module_id, generation_id, input, to_address, message_id, "
    "correlation_id, user_id, content_type, content_encoding, ack, properties, body, enqueued, "
    "expires, delivery_count, protocol, lock_token FROM command ";
constexpr std::int64_t kMostAck = 3;
constexpr std::int64_t kMostProtocol = 5;

std::int64_t to_number(WallTime time) {
  return time.time_since_epoch().count();
}
WallTime to_time(std::int64_t number) {
  return WallTime(std::chrono::nanoseconds(number));
}

std::string write_properties(const std::vector<wire::Property>& properties) {
  std::string out;
  base::json::Writer writer(out);
  writer.begin_array();
  for (const wire::Property& property : properties) {
    writer.value(property.name);
    writer.value(property.value);
  }
  writer.end_array();
  return out;
}

Result<std::vector<wire::Property>> read_properties(std::string_view text) {
  const auto json = base::json::parse(text);
  const auto* items = json ? json->if_array() : nullptr;
  if (items == nullptr || items->size() % 2 != 0) return fail(Code::Corrupt, "message");
  std::vector<wire::Property> properties;
  for (std::size_t i = 0; i < items->size(); i += 2) {
    const std::string* name = (*items)[i].if_string();
    const std::string* value = (*items)[i + 1].if_string();
    if (name == nullptr || value == nullptr) return fail(Code::Corrupt, "message");
    properties.push_back({*name, *value});
  }
  return properties;
}

template <class Enum>
Result<Enum> read_enum(std::int64_t number, std::int64_t most) {
  if (number < 0 || number > most) return fail(Code::Corrupt, "message");
  return static_cast<Enum>(number);
}

Result<Stored> read_row(const store::Statement& row) {
  Stored stored;
  Locked& content = stored.content;
  CloudMessage& message = content.message;
  content.sequence = row.integer(0);
  message.to = {row.string(1), row.string(2)};
  stored.generation_id = row.string(3);
  message.input = row.string(4);
  message.to_address = row.string(5);
  message.message_id = row.string(6);
  message.correlation_id = row.string(7);
  message.user_id = row.string(8);
  message.content_type = row.string(9);
  message.content_encoding = row.string(10);
  message.ack = TRY(read_enum<Ack>(row.integer(11), kMostAck));
  message.properties = TRY(read_properties(row.text(12)));
  message.body = base::as_text(row.blob(13));
  content.enqueued = to_time(row.integer(14));
  content.expires = to_time(row.integer(15));
  message.expiry = content.expires;
  content.delivery_count = static_cast<unsigned>(row.integer(16));
  stored.protocol = TRY(read_enum<operations::Protocol>(row.integer(17), kMostProtocol));
  content.lock_token = row.optional_string(18).value_or(std::string());
  return stored;
}

}  // namespace

Result<void> MessageTable::migrate(store::Sqlite& database) {
  return database.migrate("command", kSteps);
}

Result<std::int64_t> MessageTable::insert(const Stored& stored) {
  const CloudMessage& message = stored.content.message;
  TRY(database_.run(
      "INSERT INTO command (device_id, module_id, generation_id, input, to_address, message_id, "
      "correlation_id, user_id, content_type, content_encoding, ack, properties, body, enqueued, "
      "expires, delivery_count, protocol) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, "
      "0)",
      message.to.device_id, message.to.module_id, stored.generation_id, message.input,
      message.to_address, message.message_id, message.correlation_id, message.user_id,
      message.content_type, message.content_encoding, static_cast<int>(message.ack),
      write_properties(message.properties), base::as_bytes(message.body),
      to_number(stored.content.enqueued), to_number(stored.content.expires)));
  return database_.last_insert_id();
}

Result<void> MessageTable::erase(std::int64_t sequence) {
  return database_.run("DELETE FROM command WHERE sequence = ?", sequence);
}

Result<std::vector<Stored>> MessageTable::read_all(store::Statement rows) {
  std::vector<Stored> found;
  while (TRY(rows.step()))
    found.push_back(TRY(read_row(rows)));
  return found;
}

Result<std::vector<Stored>> MessageTable::waiting(const identity::Name& name,
                                                  std::string_view generation_id, WallTime now,
                                                  std::size_t most) {
  auto rows = TRY(database_.prepare(
      std::string(kColumns) +
      "WHERE device_id = ? AND module_id = ? AND generation_id = ? AND lock_token IS NULL AND "
      "expires > ? ORDER BY sequence LIMIT ?"));
  rows.bind_all(name.device_id, name.module_id, generation_id, to_number(now),
                static_cast<std::int64_t>(most));
  return read_all(std::move(rows));
}

Result<std::optional<Stored>> MessageTable::locked(const identity::Name& name,
                                                   std::string_view token) {
  auto row = TRY(database_.prepare(std::string(kColumns) +
                                   "WHERE lock_token = ? AND device_id = ? AND module_id = ?"));
  row.bind_all(token, name.device_id, name.module_id);
  if (!TRY(row.step())) return std::nullopt;
  return TRY(read_row(row));
}

Result<void> MessageTable::lock(std::int64_t sequence, std::string_view token, WallTime until,
                                Holder holder, operations::Protocol protocol) {
  return database_.run(
      "UPDATE command SET lock_token = ?, locked_until = ?, holder = ?, protocol = ?, "
      "delivery_count = delivery_count + 1 WHERE sequence = ?",
      token, to_number(until), static_cast<int>(holder), static_cast<int>(protocol), sequence);
}

Result<void> MessageTable::unlock(std::int64_t sequence) {
  return database_.run(
      "UPDATE command SET lock_token = NULL, locked_until = NULL, holder = NULL "
      "WHERE sequence = ?",
      sequence);
}

Result<std::vector<Stored>> MessageTable::all(const identity::Name& name) {
  auto rows = TRY(database_.prepare(std::string(kColumns) +
                                    "WHERE device_id = ? AND module_id = ? ORDER BY sequence"));
  rows.bind_all(name.device_id, name.module_id);
  return read_all(std::move(rows));
}

Result<std::vector<Waiting>> MessageTable::list(const identity::Name& name,
                                                std::string_view generation_id) {
  std::vector<Waiting> found;
  for (const Stored& stored : TRY(all(name))) {
    if (stored.generation_id != generation_id) continue;
    const Locked& content = stored.content;
    found.push_back({content.sequence, content.message.message_id, content.message.input,
                     content.enqueued, content.expires, content.message.ack,
                     size_of(content.message), content.delivery_count,
                     !content.lock_token.empty()});
  }
  return found;
}

Result<std::vector<Stored>> MessageTable::expired(WallTime now, std::size_t most) {
  auto rows = TRY(database_.prepare(std::string(kColumns) +
                                    "WHERE expires <= ? AND lock_token IS NULL ORDER BY expires "
                                    "LIMIT ?"));
  rows.bind_all(to_number(now), static_cast<std::int64_t>(most));
  return read_all(std::move(rows));
}

Result<std::vector<Stored>> MessageTable::lock_ended(WallTime now, std::size_t most) {
  auto rows = TRY(database_.prepare(std::string(kColumns) +
                                    "WHERE lock_token IS NOT NULL AND locked_until <= ? "
                                    "ORDER BY locked_until LIMIT ?"));
  rows.bind_all(to_number(now), static_cast<std::int64_t>(most));
  return read_all(std::move(rows));
}

Result<void> MessageTable::unlock_connections() {
  return database_.run(
      "UPDATE command SET lock_token = NULL, locked_until = NULL, holder = NULL "
      "WHERE holder = ?",
      static_cast<int>(Holder::Connection));
}

Result<bool> MessageTable::empty() {
  auto row = TRY(database_.prepare("SELECT 1 FROM command LIMIT 1"));
  return !TRY(row.step());
}

Result<std::vector<identity::Name>> MessageTable::names(const identity::Name& name) {
  auto rows = TRY(database_.prepare(
      "SELECT module_id FROM command WHERE device_id = ?1 AND (?2 = '' OR module_id = ?2) UNION "
      "SELECT module_id FROM command_subscription WHERE device_id = ?1 AND (?2 = '' OR module_id = "
      "?2)"));
  rows.bind_all(name.device_id, name.module_id);
  std::vector<identity::Name> found;
  while (TRY(rows.step()))
    found.push_back({name.device_id, rows.string(0)});
  return found;
}

Result<void> MessageTable::forget(const identity::Name& name, std::string_view but_generation) {
  TRY(database_.run(
      "DELETE FROM command WHERE device_id = ? AND module_id = ? AND generation_id <> ?",
      name.device_id, name.module_id, but_generation));
  return database_.run(
      "DELETE FROM command_subscription WHERE device_id = ? AND module_id = ? AND generation_id <> "
      "?",
      name.device_id, name.module_id, but_generation);
}

Result<std::size_t> MessageTable::count(const identity::Name& name, WallTime now) {
  auto row = TRY(database_.prepare(
      "SELECT COUNT(*) FROM command WHERE device_id = ? AND module_id = ? AND expires > ?"));
  row.bind_all(name.device_id, name.module_id, to_number(now));
  TRY(row.step());
  return static_cast<std::size_t>(row.integer(0));
}

Result<std::size_t> MessageTable::count(const identity::Name& name) {
  return count(name, WallTime::min());
}

Result<std::vector<std::pair<identity::Name, std::size_t>>> MessageTable::counts() {
  auto rows = TRY(database_.prepare(
      "SELECT device_id, module_id, COUNT(*) FROM command GROUP BY device_id, module_id"));
  std::vector<std::pair<identity::Name, std::size_t>> found;
  while (TRY(rows.step())) {
    found.emplace_back(identity::Name{rows.string(0), rows.string(1)},
                       static_cast<std::size_t>(rows.integer(2)));
  }
  return found;
}

Result<std::vector<MessageTable::Subscription>> MessageTable::subscriptions() {
  auto rows = TRY(database_.prepare(
      "SELECT device_id, module_id, generation_id, qos FROM command_subscription"));
  std::vector<Subscription> found;
  while (TRY(rows.step())) {
    found.push_back({{rows.string(0), rows.string(1)},
                     rows.string(2),
                     static_cast<std::uint8_t>(rows.integer(3))});
  }
  return found;
}

Result<void> MessageTable::keep(const Subscription& subscription) {
  return database_.run("INSERT OR REPLACE INTO command_subscription VALUES (?, ?, ?, ?)",
                       subscription.name.device_id, subscription.name.module_id,
                       subscription.generation_id, int{subscription.qos});
}

Result<void> MessageTable::drop(const identity::Name& name) {
  return database_.run("DELETE FROM command_subscription WHERE device_id = ? AND module_id = ?",
                       name.device_id, name.module_id);
}

}  // namespace hub::commands
