// Opening the event store: tables, views, pieces, and what an older program left.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "base/log.h"
#include "kql/duckdb_natives.h"
#include "kql/kql.h"
#include "os/file.h"
#include "store/event_store_state.h"

namespace store {
namespace {

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// The name is the stored table's neighbour, never the table itself: queries see views only.
std::string create_view_sql(const TableDefinition& table, std::string_view tenant,
                            std::string_view resource) {
  std::string sql;
  for (const ViewColumn& column : table.visible) {
    std::string expression(column.expression);
    replace_all(expression, "{tenant}", duck::quote(tenant));
    replace_all(expression, "{resource}", duck::quote(resource));
    sql += fmt::format("{}{} AS \"{}\"", sql.empty() ? "" : ", ", expression, column.name);
  }
  return fmt::format("CREATE OR REPLACE VIEW \"{}\" AS SELECT {} FROM {};\n", table.name, sql,
                     table.view_source());
}

// A process that was killed when it had just made the file leaves it empty, which DuckDB takes for
// a damaged one. What else empties a file costs what was in it either way; the ingest notices.
void drop_empty(const std::string& path) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(path, failed);
  if (failed || size != 0) return;
  LOG_WARNING("store.empty_file").field("path", path);
  if (const auto removed = os::remove_file(path); !removed) {
    LOG_ERROR("store.empty_file").field("error", removed.error().to_string());
  }
}

// Fills the columns that follow from others and that this table does not have yet, once they are
// there.
base::Result<std::string> derive_columns_sql(duck::Connection& connection,
                                             const TableDefinition& table,
                                             const std::string& name) {
  auto rows = TRY(connection.query(fmt::format(
      "SELECT column_name FROM duckdb_columns() WHERE table_name = {}", duck::quote(name))));
  std::set<std::string, std::less<>> there;
  while (TRY(rows.next())) {
    for (idx_t row = 0; row < rows.size(); ++row)
      there.emplace(rows.column(0).text(row));
  }
  std::string sets;
  for (const StoredColumn& column : table.stored) {
    if (column.derived.empty() || there.contains(column.name)) continue;
    sets += fmt::format("{}\"{}\" = {}", sets.empty() ? "" : ", ", column.name, column.derived);
  }
  return sets.empty() ? sets : fmt::format("UPDATE {} SET {};\n", name, sets);
}

}  // namespace

base::Result<void> EventStore::State::open_database() {
  drop_empty(options.path);
  duck::Settings settings{
      options.memory_limit, options.threads, options.path + ".tmp", {pieces_folder}};
  if (!options.export_dir.empty()) settings.folders.push_back(options.export_dir);
  settings.spill_limit = options.spill_limit;
  TRY(os::make_dirs(pieces_folder));
  auto opened = duck::Database::open(options.path, settings);
  if (!opened) {
    base::Error error = std::move(opened).error();
    error.detail = options.path + ": " + error.detail;
    if (error.code == base::Code::Corrupt) {
      error.detail +=
          "; move this file and " + options.path +
          ".wal away to begin with an empty event store (alerts, devices and what the journal "
          "still holds are kept), or put a copy back";
    } else if (error.code == base::Code::Conflict) {
      error.detail += "; another process has the event store open";
    }
    return std::unexpected(std::move(error));
  }
  auto connection = TRY(duck::Connection::open(*opened));
  TRY(prepare_tables(connection));
  TRY(read_position(connection));
  const std::lock_guard lock(mutex);
  database = std::move(*opened);
  writer = std::move(connection);
  broken = false;
  return {};
}

// Tables of a program that knew no pieces: all rows are hot.
base::Result<void> EventStore::State::take_over_tables(duck::Connection& connection) {
  for (const TableDefinition* table : tables_with_pieces()) {
    const std::string relation = duck::quote(table->relation);
    if (TRY(connection.numbers(fmt::format(
            "SELECT count(*) FROM duckdb_tables() WHERE table_name = {}", relation)))[0] != 0) {
      LOG_NOTICE("store.upgrade").field("table", table->relation);
      TRY(connection.execute(
          fmt::format("ALTER TABLE {} RENAME TO {}; INSERT INTO hot_table VALUES ({}, 0);",
                      table->relation, hot_name(*table, 0), relation)));
    }
    if (TRY(read_generations(connection, *table)).empty()) {
      TRY(connection.execute(create_table_sql(*table, hot_name(*table, 1), Lifetime::Fleeting) +
                             fmt::format("INSERT INTO hot_table VALUES ({}, 1);", relation)));
    }
  }
  return {};
}

// What the tables of an older program lack.
base::Result<void> EventStore::State::add_columns(duck::Connection& connection) {
  std::string sql;
  std::string fill;
  const auto add = [&sql](const TableDefinition& table, std::string_view name) {
    for (const StoredColumn& column : table.stored) {
      if (column.absent.empty()) continue;
      sql += fmt::format("ALTER TABLE {} ADD COLUMN IF NOT EXISTS \"{}\" {} DEFAULT {};\n", name,
                         column.name, sql_name(column.storage), column.absent);
    }
  };
  for (const TableDefinition* table : all_tables()) {
    if (!has_pieces(*table)) {
      add(*table, table->relation);
      continue;
    }
    for (const std::uint64_t number : TRY(read_generations(connection, *table))) {
      const std::string name = hot_name(*table, number);
      add(*table, name);
      fill += TRY(derive_columns_sql(connection, *table, name));
    }
  }
  sql += "ALTER TABLE position ADD COLUMN IF NOT EXISTS audit BIGINT DEFAULT 0;\n";
  sql += "ALTER TABLE position ADD COLUMN IF NOT EXISTS twins BIGINT DEFAULT 0;\n";
  sql += "ALTER TABLE position ADD COLUMN IF NOT EXISTS recommendations BIGINT DEFAULT 0;\n";
  return connection.execute(sql + fill);
}

base::Result<void> EventStore::State::prepare_tables(duck::Connection& connection) {
  if (!kql::register_natives(connection.get())) {
    return base::fail(base::Code::Invalid, "event store", -1, "a function was refused");
  }
  TRY(connection.execute(std::string(kql::duckdb_prelude())));
  std::string sql = "BEGIN;\n" + manifest_sql();
  for (const TableDefinition* table : all_tables()) {
    if (!table->stored.empty() && !has_pieces(*table))
      sql += create_table_sql(*table, table->relation, Lifetime::Lasting);
  }
  sql += fmt::format(
      "CREATE TABLE IF NOT EXISTS position(journal_sequence BIGINT NOT NULL, outbox BIGINT NOT "
      "NULL);\n"
      "CREATE TABLE IF NOT EXISTS workspace(tenant VARCHAR NOT NULL);\n"
      "INSERT INTO position(journal_sequence, outbox) SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM "
      "position);\n"
      "INSERT INTO workspace SELECT {} WHERE NOT EXISTS (SELECT * FROM workspace);\n",
      duck::quote(base::Guid::random().to_string()));
  TRY(connection.execute(sql));
  TRY(take_over_tables(connection));
  TRY(connection.execute("COMMIT"));
  TRY(add_columns(connection));
  {
    auto rows = TRY(connection.query("SELECT tenant FROM workspace"));
    if (!TRY(rows.next()))
      return base::fail(base::Code::Corrupt, "event store", -1, "no workspace row");
    tenant = rows.column(0).text(0);
  }
  for (const TableDefinition* table : tables_with_pieces())
    generation[table->relation] = TRY(read_generations(connection, *table)).back();
  TRY(examine_pieces(connection, false));
  return make_views(connection);
}

base::Result<void> EventStore::State::make_views(duck::Connection& connection) {
  TRY(connection.execute("BEGIN"));
  for (const TableDefinition* table : tables_with_pieces())
    TRY(make_relation(connection, *table, pieces_folder));
  std::string views;
  for (const TableDefinition* table : all_tables())
    views += create_view_sql(*table, tenant, options.resource_id);
  return connection.execute(views + "COMMIT;");
}

base::Result<void> EventStore::State::read_position(duck::Connection& connection) {
  auto rows = TRY(connection.query(
      "SELECT journal_sequence, outbox, audit, twins, recommendations FROM position"));
  if (!TRY(rows.next()))
    return base::fail(base::Code::Corrupt, "event store", -1, "no position row");
  journal_sequence = static_cast<std::uint64_t>(rows.column(0).as<std::int64_t>(0));
  outbox = static_cast<std::uint64_t>(rows.column(1).as<std::int64_t>(0));
  audit = static_cast<std::uint64_t>(rows.column(2).as<std::int64_t>(0));
  twins = static_cast<std::uint64_t>(rows.column(3).as<std::int64_t>(0));
  recommendations = static_cast<std::uint64_t>(rows.column(4).as<std::int64_t>(0));
  return {};
}

// A time at or after which there are about `wanted` rows, or more: what is received late is rare.
// It only has to be quick; that it may be wrong is thought of by its caller.
base::Result<kql::Ticks> EventStore::State::recent_since(duck::Connection& connection,
                                                         std::uint64_t wanted) {
  std::uint64_t rows = 0;
  for (const std::uint64_t number : TRY(read_generations(connection, raw_event_table()))) {
    rows += static_cast<std::uint64_t>(TRY(connection.numbers(
        fmt::format("SELECT count(*) FROM {}", hot_name(raw_event_table(), number))))[0]);
  }
  auto records = TRY(read_pieces(connection));
  std::erase_if(records, [](const PieceRecord& piece) {
    return piece.table != &raw_event_table() || !piece.damage.empty();
  });
  std::ranges::sort(records, std::greater(), &PieceRecord::last_generated);
  kql::Ticks since = std::numeric_limits<kql::Ticks>::max();
  for (const PieceRecord& piece : records) {
    if (rows >= wanted) {
      // Received before what was counted, and happened before that.
      return std::min(since, piece.last_generated + 1);
    }
    rows += piece.rows;
    since = std::min(since, piece.first_generated);
  }
  return std::numeric_limits<kql::Ticks>::min();
}

base::Result<void> EventStore::State::load_recent_keys(duck::Connection& connection) {
  const std::size_t wanted = std::max<std::size_t>(options.recent_keys / 2, 1);
  const kql::Ticks since = TRY(recent_since(connection, wanted));
  auto rows = TRY(connection.query(
      fmt::format("SELECT DeviceId, ModuleId, EventId, Item, TimeStamp FROM raw_event "
                  "WHERE TimeStamp >= {} ORDER BY TimeStamp DESC LIMIT {}",
                  since, wanted)));
  std::size_t count = 0;
  kql::Ticks oldest = std::numeric_limits<kql::Ticks>::max();
  while (TRY(rows.next())) {
    const auto device = rows.column(0);
    const auto module = rows.column(1);
    const auto id = rows.column(2);
    const auto item = rows.column(3);
    const auto time = rows.column(4);
    for (idx_t row = 0; row < rows.size(); ++row) {
      base::Guid guid;
      duck::uuid_bytes(id.as<duckdb_hugeint>(row), guid.bytes);
      const auto digest = event_digest(device.text(row), module.text(row), guid);
      const auto when = time.as<std::int64_t>(row);
      recent.insert(item_digest(digest, static_cast<std::uint32_t>(item.as<std::int32_t>(row))),
                    when);
      oldest = std::min(oldest, when);
      ++count;
    }
  }
  // Rows of the oldest time stamp may have been cut off by the limit.
  recent.set_horizon(count == wanted ? oldest + 1 : since);
  return {};
}

}  // namespace store
