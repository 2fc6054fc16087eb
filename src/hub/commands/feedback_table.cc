// The feedback among the rows of MessageTable.
#include "hub/commands/message_table.h"

namespace hub::commands {

using base::Code;
using base::fail;
using base::Result;
using base::WallTime;

namespace {

constexpr std::int64_t kMostFate = 4;

std::int64_t to_number(WallTime time) {
  return time.time_since_epoch().count();
}
WallTime to_time(std::int64_t number) {
  return WallTime(std::chrono::nanoseconds(number));
}

Result<std::size_t> count_of(store::Sqlite& database, std::string_view sql) {
  auto row = TRY(database.prepare(sql));
  TRY(row.step());
  return static_cast<std::size_t>(row.integer(0));
}

}  // namespace

Result<void> MessageTable::add_feedback(const Feedback& feedback) {
  return database_.run(
      "INSERT INTO command_feedback (original_message_id, at, fate, device_id, module_id, "
      "generation_id) VALUES (?, ?, ?, ?, ?, ?)",
      feedback.original_message_id, to_number(feedback.at), static_cast<int>(feedback.fate),
      feedback.device_id, feedback.module_id, feedback.generation_id);
}

Result<std::size_t> MessageTable::count_feedback() {
  return count_of(database_, "SELECT COUNT(*) FROM command_feedback");
}

Result<std::size_t> MessageTable::count_unbatched() {
  return count_of(database_, "SELECT COUNT(*) FROM command_feedback WHERE batch IS NULL");
}

Result<std::optional<WallTime>> MessageTable::oldest_feedback() {
  auto row = TRY(database_.prepare(
      "SELECT at FROM command_feedback WHERE batch IS NULL ORDER BY sequence LIMIT 1"));
  if (!TRY(row.step())) return std::nullopt;
  return to_time(row.integer(0));
}

Result<void> MessageTable::make_batch(WallTime now, std::size_t most) {
  TRY(database_.run("INSERT INTO command_feedback_batch (made, delivery_count) VALUES (?, 0)",
                    to_number(now)));
  return database_.run(
      "UPDATE command_feedback SET batch = ? WHERE sequence IN (SELECT sequence FROM "
      "command_feedback WHERE batch IS NULL ORDER BY sequence LIMIT ?)",
      database_.last_insert_id(), static_cast<std::int64_t>(most));
}

Result<std::optional<FeedbackBatch>> MessageTable::batch(WallTime now) {
  auto row = TRY(
      database_.prepare("SELECT sequence, made, delivery_count FROM command_feedback_batch "
                        "WHERE lock_token IS NULL OR locked_until <= ? ORDER BY sequence LIMIT 1"));
  row.bind_all(to_number(now));
  if (!TRY(row.step())) return std::nullopt;
  FeedbackBatch batch;
  batch.sequence = row.integer(0);
  batch.enqueued = to_time(row.integer(1));
  batch.delivery_count = static_cast<unsigned>(row.integer(2));
  auto rows = TRY(database_.prepare(
      "SELECT original_message_id, at, fate, device_id, module_id, generation_id FROM "
      "command_feedback WHERE batch = ? ORDER BY sequence"));
  rows.bind_all(batch.sequence);
  while (TRY(rows.step())) {
    const std::int64_t fate = rows.integer(2);
    if (fate < 0 || fate > kMostFate) return fail(Code::Corrupt, "feedback");
    batch.records.push_back({rows.string(0), to_time(rows.integer(1)), static_cast<Fate>(fate),
                             rows.string(3), rows.string(4), rows.string(5)});
  }
  return batch;
}

Result<void> MessageTable::lock_batch(std::int64_t sequence, std::string_view token,
                                      WallTime until) {
  return database_.run(
      "UPDATE command_feedback_batch SET lock_token = ?, locked_until = ?, delivery_count = "
      "delivery_count + 1 WHERE sequence = ?",
      token, to_number(until), sequence);
}

Result<std::optional<std::pair<std::int64_t, unsigned>>> MessageTable::find_batch(
    std::string_view token, WallTime now) {
  auto row =
      TRY(database_.prepare("SELECT sequence, delivery_count FROM command_feedback_batch "
                            "WHERE lock_token = ? AND locked_until > ?"));
  row.bind_all(token, to_number(now));
  if (!TRY(row.step())) return std::nullopt;
  return std::pair(row.integer(0), static_cast<unsigned>(row.integer(1)));
}

Result<void> MessageTable::unlock_batch(std::int64_t sequence) {
  return database_.run(
      "UPDATE command_feedback_batch SET lock_token = NULL, locked_until = NULL WHERE sequence = ?",
      sequence);
}

Result<std::uint64_t> MessageTable::erase_batch(std::int64_t sequence) {
  TRY(database_.run("DELETE FROM command_feedback WHERE batch = ?", sequence));
  const auto records = static_cast<std::uint64_t>(database_.changes());
  TRY(database_.run("DELETE FROM command_feedback_batch WHERE sequence = ?", sequence));
  return records;
}

Result<std::uint64_t> MessageTable::trim_feedback(WallTime before, std::size_t most) {
  TRY(database_.run("DELETE FROM command_feedback WHERE at < ?", to_number(before)));
  auto gone = static_cast<std::uint64_t>(database_.changes());
  const std::size_t count = TRY(count_feedback());
  if (count > most) {
    TRY(database_.run(
        "DELETE FROM command_feedback WHERE sequence IN (SELECT sequence FROM command_feedback "
        "ORDER BY sequence LIMIT ?)",
        static_cast<std::int64_t>(count - most)));
    gone += static_cast<std::uint64_t>(database_.changes());
  }
  if (gone > 0) {
    TRY(
        database_.run("DELETE FROM command_feedback_batch WHERE sequence NOT IN (SELECT batch FROM "
                      "command_feedback WHERE batch IS NOT NULL)"));
  }
  return gone;
}

}  // namespace hub::commands
