// Gives space of the database file back. DuckDB cuts free blocks off its end only: a few rows that
// lie there keep all that was free before them.
#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "base/log.h"
#include "store/keeper.h"

namespace store {
namespace {

constexpr std::int64_t kMostColumns = 1000;

base::Result<std::vector<StoredTable>> tables_of(duck::Connection& connection) {
  auto rows = TRY(connection.query("SELECT table_name, sql, estimated_size FROM duckdb_tables()"));
  std::vector<StoredTable> tables;
  while (TRY(rows.next())) {
    for (idx_t row = 0; row < rows.size(); ++row) {
      tables.push_back({std::string(rows.column(0).text(row)),
                        std::string(rows.column(1).text(row)),
                        rows.column(2).as<std::int64_t>(row)});
    }
  }
  return tables;
}

// Everything is written once more, into the first free blocks. DuckDB's own lists would go into
// what is free in the blocks of the old ones, at the end; so that is filled before, for a moment,
// with the list of a table of many columns.
base::Result<void> move_to_front(duck::Connection& connection,
                                 const std::vector<StoredTable>& tables) {
  const auto room = TRY(
      connection.numbers("SELECT CAST(sum(free_blocks) AS BIGINT) FROM pragma_metadata_info()"));
  std::string columns;
  for (std::int64_t i = 0; i < std::min(room[0], kMostColumns); ++i)
    columns += fmt::format("{}c{} BOOLEAN", columns.empty() ? "" : ", ", i);
  TRY(connection.execute(fmt::format(
      "CREATE TABLE padding(c BOOLEAN, {}); INSERT INTO padding(c) VALUES (true); CHECKPOINT",
      columns)));
  std::string sql = "BEGIN;\n";
  for (const StoredTable& table : tables) {
    sql += fmt::format(
        "ALTER TABLE {0} RENAME TO moving_{0};\n{1}\nINSERT INTO {0} SELECT * FROM moving_{0};\n"
        "DROP TABLE moving_{0};\n",
        table.name, table.sql);
  }
  TRY(connection.execute(sql + "COMMIT"));
  TRY(connection.execute("CHECKPOINT; DROP TABLE padding; CHECKPOINT"));
  // What one checkpoint frees the next one cuts off; it needs a change to write.
  return connection.execute(
      "UPDATE next_piece SET id = id; CHECKPOINT; UPDATE next_piece SET id = id; CHECKPOINT");
}

}  // namespace

base::Result<void> Keeper::shorten_log() {
  std::error_code none;
  const auto bytes = std::filesystem::file_size(state_.options.path + ".wal", none);
  if (none || bytes < duck::longest_log(state_.options.memory_limit) / 2) return {};
  // Something that writes just now will not do so for long.
  if (auto done = state_.checkpoint(); !done && done.error().code != base::Code::Unavailable)
    return done;
  return {};
}

base::Result<bool> Keeper::shrink() {
  // Rows that were dropped are free after a checkpoint. While a query still reads them there is
  // none, and another time will do.
  if (!state_.checkpoint()) return false;
  // The writer must not add rows meanwhile; there are few.
  const std::lock_guard lock(state_.gate);
  auto lease = TRY(state_.lease());
  duck::Connection& connection = lease.connection();
  const auto size = [&connection] {
    return connection.numbers(
        "SELECT CAST(free_blocks * block_size AS BIGINT), CAST(used_blocks * block_size AS BIGINT) "
        "FROM pragma_database_size()");
  };
  const auto before = TRY(size());
  const auto tables = TRY(tables_of(connection));
  if (!shrinking_pays(before[0], before[1], tables)) return false;
  auto moved = move_to_front(connection, tables);
  if (!moved) {
    (void)connection.execute("ROLLBACK");
    (void)connection.execute("DROP TABLE IF EXISTS padding");
    if (moved.error().code == base::Code::Unavailable) return false;
    return std::unexpected(std::move(moved.error()));
  }
  const auto after = TRY(size());
  LOG_INFO("store.shrunk")
      .field("free_before", before[0])
      .field("free", after[0])
      .field("used", after[1]);
  return after[0] < before[0];
}

}  // namespace store
