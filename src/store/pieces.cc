#include "store/pieces.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "os/file.h"
#include "store/event_store_state.h"
#include "store/keeper.h"
#include "store/piece_file.h"

namespace store {
namespace {

Piece piece_of(const PieceRecord& record, const std::string& folder) {
  Piece piece;
  piece.id = record.id;
  piece.table = record.table->name;
  piece.day = std::chrono::sys_days(std::chrono::days(record.day));
  piece.first_generated = record.first_generated;
  piece.last_generated = record.last_generated;
  piece.first_stamp = record.first_stamp;
  piece.last_stamp = record.last_stamp;
  piece.rows = record.rows;
  piece.bytes = record.bytes;
  piece.held = record.held;
  piece.merged = record.merged;
  piece.damage = record.damage;
  piece.path = piece_path(folder, record);
  return piece;
}

// The records of these ids. Errors: Conflict when one is not there, Denied when one is held and
// must not be.
base::Result<std::vector<PieceRecord>> find(duck::Connection& connection,
                                            std::span<const std::uint64_t> ids, bool held_too) {
  std::vector<PieceRecord> found;
  for (PieceRecord& piece : TRY(read_pieces(connection))) {
    if (std::ranges::find(ids, piece.id) == ids.end()) continue;
    if (piece.held && !held_too) {
      return base::fail(base::Code::Denied, "piece", static_cast<std::int64_t>(piece.id),
                        "it is held");
    }
    found.push_back(std::move(piece));
  }
  if (found.size() != ids.size())
    return base::fail(base::Code::Conflict, "piece", -1, "the list of pieces has changed");
  return found;
}

std::uint64_t size_of(const std::string& path) {
  std::error_code none;
  const auto size = std::filesystem::file_size(path, none);
  return none ? 0 : size;
}

std::uint64_t size_of_all(const std::string& folder) {
  std::uint64_t bytes = 0;
  std::error_code failed;
  for (auto at = std::filesystem::recursive_directory_iterator(folder, failed);
       !failed && at != std::filesystem::recursive_directory_iterator(); at.increment(failed)) {
    std::error_code gone;
    if (at->is_regular_file(gone)) bytes += size_of(at->path().string());
  }
  return bytes;
}

std::vector<const TableDefinition*> stored_tables() {
  std::vector<const TableDefinition*> tables = tables_with_pieces();
  tables.push_back(&usage_table());
  tables.push_back(&recommendation_table());
  return tables;
}

const TableDefinition* table_named(std::string_view name) {
  for (const TableDefinition* table : stored_tables()) {
    if (table->name == name) return table;
  }
  return nullptr;
}

// What the table's rows in the database file are in.
base::Result<std::vector<std::string>> relations_of(duck::Connection& connection,
                                                    const TableDefinition& table) {
  if (!has_pieces(table)) return std::vector<std::string>{std::string(table.relation)};
  std::vector<std::string> names;
  for (const std::uint64_t number : TRY(read_generations(connection, table)))
    names.push_back(hot_name(table, number));
  return names;
}

}  // namespace

Pieces::Pieces(EventStore& store) : state_(store.state_.get()) {}

base::Result<std::vector<Piece>> Pieces::list() const {
  auto lease = TRY(state_->lease());
  std::vector<Piece> pieces;
  for (const PieceRecord& record : TRY(read_pieces(lease.connection())))
    pieces.push_back(piece_of(record, state_->pieces_folder));
  return pieces;
}

base::Result<std::vector<HotRows>> Pieces::hot() const {
  auto lease = TRY(state_->lease());
  std::vector<HotRows> out;
  for (const TableDefinition* table : stored_tables()) {
    HotRows hot{table->name, 0, 0, 0};
    for (const std::string& relation : TRY(relations_of(lease.connection(), *table))) {
      const auto facts = TRY(lease.connection().numbers(
          fmt::format("SELECT count(*), min({0}), max({0}) FROM {1}", table->age_by, relation)));
      if (facts[0] == 0) continue;
      hot.first_generated = hot.rows == 0 ? facts[1] : std::min(hot.first_generated, facts[1]);
      hot.last_generated = std::max(hot.last_generated, facts[2]);
      hot.rows += static_cast<std::uint64_t>(facts[0]);
    }
    out.push_back(hot);
  }
  return out;
}

base::Result<DiskUse> Pieces::disk_use() const {
  DiskUse use;
  use.database = size_of(state_->options.path);
  use.log = size_of(state_->options.path + ".wal");
  use.temporary = size_of_all(state_->options.path + ".tmp");
  use.pieces = size_of_all(state_->pieces_folder);
  use.dropped = state_->retired_bytes();
  return use;
}

base::Result<Change> Pieces::drop(std::span<const std::uint64_t> ids) {
  Change change;
  if (ids.empty()) return change;
  TRY(state_->keeper->run([&]() -> base::Result<void> {
    auto lease = TRY(state_->lease());
    const Keeper::ListChange dropped{TRY(find(lease.connection(), ids, false)), {}};
    TRY(state_->keeper->commit(lease.connection(), dropped));
    for (const PieceRecord& piece : dropped.removed) {
      ++change.pieces;
      change.rows += piece.rows;
      change.bytes += piece.bytes;
    }
    return {};
  }));
  return change;
}

base::Result<Change> Pieces::rewrite(std::uint64_t id, std::string_view keep) {
  Change change;
  TRY(state_->keeper->run([&]() -> base::Result<void> {
    std::vector<PieceRecord> records;
    {
      auto lease = TRY(state_->lease());
      records = TRY(find(lease.connection(), std::span(&id, 1), false));
    }
    change = TRY(state_->keeper->rewrite(records.front(), keep));
    return {};
  }));
  return change;
}

base::Result<std::uint64_t> Pieces::count(std::uint64_t id, std::string_view condition) const {
  auto lease = TRY(state_->lease());
  const auto records = TRY(find(lease.connection(), std::span(&id, 1), true));
  const auto rows = TRY(lease.connection().numbers(
      fmt::format("SELECT count(*) FROM ({}) WHERE {}",
                  select_pieces_sql({&records.front()}, state_->pieces_folder), condition)));
  return static_cast<std::uint64_t>(rows[0]);
}

base::Result<std::uint64_t> Pieces::count_hot(std::string_view name,
                                              std::string_view condition) const {
  const TableDefinition* table = table_named(name);
  if (table == nullptr) return base::fail(base::Code::NotFound, "table", -1, std::string(name));
  auto lease = TRY(state_->lease());
  std::uint64_t count = 0;
  for (const std::string& relation : TRY(relations_of(lease.connection(), *table))) {
    const auto rows = TRY(lease.connection().numbers(
        fmt::format("SELECT count(*) FROM {} WHERE {}", relation, condition)));
    count += static_cast<std::uint64_t>(rows[0]);
  }
  return count;
}

base::Result<Change> Pieces::erase_hot(std::string_view name, std::string_view condition) {
  const TableDefinition* table = table_named(name);
  if (table == nullptr) return base::fail(base::Code::NotFound, "table", -1, std::string(name));
  Change change;
  TRY(state_->keeper->run([&]() -> base::Result<void> {
    auto lease = TRY(state_->lease());
    duck::Connection& connection = lease.connection();
    const Keeper::Working working(*state_->keeper, connection);
    for (const std::string& relation : TRY(relations_of(connection, *table))) {
      const auto rows =
          TRY(connection.numbers(fmt::format("DELETE FROM {} WHERE {}", relation, condition)));
      change.rows += static_cast<std::uint64_t>(rows[0]);
    }
    return {};
  }));
  return change;
}

base::Result<std::vector<std::int64_t>> Pieces::current_twins(kql::Ticks first, kql::Ticks last,
                                                              std::string_view staying) const {
  auto lease = TRY(state_->lease());
  auto rows = TRY(lease.connection().query(fmt::format(
      "SELECT ChangeId FROM (SELECT ChangeId, TimeGenerated FROM {0}) AS latest WHERE "
      "TimeGenerated BETWEEN {1} AND {2} UNION "
      "SELECT ChangeId FROM {3} AS gone WHERE Operation = 'deleted' AND TimeGenerated BETWEEN {1} "
      "AND {2} AND EXISTS (SELECT 1 FROM (SELECT DeviceId, ChangeId FROM {3} WHERE {4}) AS old "
      "WHERE old.DeviceId = gone.DeviceId AND old.ChangeId < gone.ChangeId) ORDER BY ChangeId",
      current_twin_table().view_source(), first, last, twin_table().relation, staying)));
  std::vector<std::int64_t> ids;
  while (TRY(rows.next())) {
    for (idx_t row = 0; row < rows.size(); ++row)
      ids.push_back(rows.column(0).as<std::int64_t>(row));
  }
  return ids;
}

// Of two states of the same moment the one that stands counts: nobody knows which came last.
std::string Pieces::current_recommendations(kql::Ticks first, kql::Ticks last,
                                            std::string_view staying) {
  return fmt::format(
      "row(RecommendationId, DeviceId, TimeGenerated) IN (SELECT row(RecommendationId, DeviceId, "
      "LastTime) FROM (SELECT RecommendationId, DeviceId, max(TimeGenerated) AS LastTime, "
      "arg_max(RecommendationState <> 'Resolved', row(TimeGenerated, RecommendationState <> "
      "'Resolved')) AS Stands, min(TimeGenerated) FILTER (WHERE {2}) AS Oldest FROM {3} GROUP BY "
      "RecommendationId, DeviceId) WHERE LastTime BETWEEN {0} AND {1} AND (Stands OR "
      "coalesce(Oldest < LastTime, false)))",
      first, last, staying, recommendation_table().relation);
}

base::Result<void> Pieces::hold(std::span<const std::uint64_t> ids, bool held) {
  if (ids.empty()) return {};
  return state_->keeper->run([&]() -> base::Result<void> {
    auto lease = TRY(state_->lease());
    TRY(find(lease.connection(), ids, true));
    return lease.connection().execute(
        fmt::format("UPDATE piece SET held = {} WHERE id IN ({})", held, fmt::join(ids, ", ")));
  });
}

base::Result<std::uint64_t> Pieces::seal_now() {
  std::uint64_t sealed = 0;
  TRY(state_->keeper->run([&]() -> base::Result<void> {
    for (const TableDefinition* table : tables_with_pieces()) {
      if (TRY(state_->keeper->has_fresh_rows(*table))) TRY(state_->keeper->roll(*table));
      sealed += TRY(state_->keeper->seal_frozen(*table));
    }
    return {};
  }));
  return sealed;
}

base::Result<void> Pieces::checkpoint() {
  return state_->checkpoint();
}

base::Result<void> Pieces::compact_now() {
  return state_->keeper->run([&] { return state_->keeper->compact(true); });
}

base::Result<Verification> Pieces::verify() {
  Verification verification;
  // Entered first, and what is damaged left out of the relations that are read below.
  TRY(state_->keeper->run([&] { return state_->keeper->examine(true); }));
  for (const Piece& piece : TRY(list())) {
    ++verification.pieces;
    verification.bytes += piece.bytes;
    if (!piece.damage.empty()) verification.damaged.push_back({piece.id, piece.path, piece.damage});
  }
  auto lease = TRY(state_->lease());
  for (const TableDefinition* table : tables_with_pieces()) {
    for (const std::uint64_t number : TRY(read_generations(lease.connection(), *table))) {
      // Every block is read, and its checksum with it.
      const auto facts = lease.connection().numbers(
          fmt::format("SELECT count(*), CAST(bit_xor(hash(r)) % 2 AS BIGINT) FROM {} AS r",
                      hot_name(*table, number)));
      if (!facts) {
        verification.database = facts.error().to_string();
        return verification;
      }
      verification.hot_rows += static_cast<std::uint64_t>(facts->front());
    }
  }
  return verification;
}

Pieces::Pin Pieces::pin() const {
  return {*state_, state_->begin_read()};
}

Pieces::Pin::Pin(Pin&& other) noexcept
    : state_(std::exchange(other.state_, nullptr)), number_(other.number_) {}

Pieces::Pin::~Pin() {
  if (state_ != nullptr) state_->end_read(number_);
}

Pieces::Stats Pieces::stats() const {
  return {state_->pieces.load(),         state_->damaged_pieces.load(), state_->piece_bytes.load(),
          state_->keeper->sealed_rows(), state_->keeper->merges(),      state_->keeper->failures()};
}

}  // namespace store
