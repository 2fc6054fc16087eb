#include "hub/jobs/transfer_table.h"

#include <array>

namespace hub::jobs {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE transfer (
    id TEXT PRIMARY KEY,
    kind INTEGER NOT NULL,
    input_container TEXT NOT NULL,
    input_blob TEXT NOT NULL,
    output_container TEXT NOT NULL,
    output_blob TEXT NOT NULL,
    exclude_keys INTEGER NOT NULL,
    actor TEXT NOT NULL,
    status INTEGER NOT NULL,
    progress INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    created INTEGER NOT NULL,
    started INTEGER,
    ended INTEGER,
    failure TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX transfer_status ON transfer (status, created);
  CREATE INDEX transfer_created ON transfer (created);
)sql"};

std::int64_t ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}
std::optional<std::int64_t> ticks(const std::optional<base::WallTime>& time) {
  if (!time) return std::nullopt;
  return ticks(*time);
}
base::WallTime time_at(std::int64_t count) {
  return base::WallTime(std::chrono::nanoseconds(count));
}
std::optional<base::WallTime> time_at(const std::optional<std::int64_t>& count) {
  if (!count) return std::nullopt;
  return time_at(*count);
}

Transfer read(const store::Statement& row) {
  Transfer transfer;
  transfer.id = row.string(0);
  transfer.kind = static_cast<TransferKind>(row.integer(1));
  transfer.input = {row.string(2), row.string(3)};
  transfer.output = {row.string(4), row.string(5)};
  transfer.exclude_keys = row.integer(6) != 0;
  transfer.actor = row.string(7);
  transfer.status = static_cast<Status>(row.integer(8));
  transfer.progress = static_cast<unsigned>(row.integer(9));
  transfer.lines = static_cast<std::uint64_t>(row.integer(10));
  transfer.refused = static_cast<std::uint64_t>(row.integer(11));
  transfer.created = time_at(row.integer(12));
  transfer.started = time_at(row.optional_integer(13));
  transfer.ended = time_at(row.optional_integer(14));
  transfer.failure = row.string(15);
  return transfer;
}

}  // namespace

Result<void> TransferTable::migrate(store::Sqlite& database) {
  return database.migrate("transfers", kSteps);
}

Result<void> TransferTable::insert(const Transfer& transfer) {
  return database_.run(
      "INSERT INTO transfer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, NULL, NULL, '')",
      transfer.id, static_cast<int>(transfer.kind), transfer.input.container, transfer.input.blob,
      transfer.output.container, transfer.output.blob, transfer.exclude_keys, transfer.actor,
      static_cast<int>(transfer.status), ticks(transfer.created));
}

Result<Transfer> TransferTable::find(std::string_view id) {
  auto row = TRY(database_.prepare("SELECT * FROM transfer WHERE id = ?"));
  row.bind_all(id);
  if (!TRY(row.step())) return fail(Code::NotFound, "job", -1, std::string(id));
  return read(row);
}

Result<std::vector<Transfer>> TransferTable::list(std::size_t limit) {
  auto rows = TRY(database_.prepare("SELECT * FROM transfer ORDER BY created DESC, id LIMIT ?"));
  rows.bind_all(static_cast<std::int64_t>(limit));
  std::vector<Transfer> transfers;
  while (TRY(rows.step()))
    transfers.push_back(read(rows));
  return transfers;
}

Result<std::optional<Transfer>> TransferTable::next() {
  auto row = TRY(database_.prepare(
      "SELECT * FROM transfer WHERE status IN (0, 1) ORDER BY status DESC, created, id LIMIT 1"));
  if (!TRY(row.step())) return std::nullopt;
  return read(row);
}

Result<std::uint64_t> TransferTable::count_unfinished() {
  auto row = TRY(database_.prepare("SELECT count(*) FROM transfer WHERE status IN (0, 1)"));
  if (!TRY(row.step())) return fail(Code::Corrupt, "transfers");
  return static_cast<std::uint64_t>(row.integer(0));
}

Result<bool> TransferTable::set(const Transfer& transfer) {
  TRY(database_.run(
      "UPDATE transfer SET status = ?, progress = ?, lines = ?, refused = ?, "
      "started = ?, ended = ?, failure = ? WHERE id = ? AND status IN (0, 1)",
      static_cast<int>(transfer.status), std::int64_t{transfer.progress},
      static_cast<std::int64_t>(transfer.lines), static_cast<std::int64_t>(transfer.refused),
      ticks(transfer.started), ticks(transfer.ended), transfer.failure, transfer.id));
  return database_.changes() > 0;
}

Result<void> TransferTable::forget(base::WallTime before) {
  return database_.run("DELETE FROM transfer WHERE ended < ?", ticks(before));
}

}  // namespace hub::jobs
