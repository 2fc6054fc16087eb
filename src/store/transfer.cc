#include "store/transfer.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "os/file.h"
#include "store/event_store_state.h"
#include "store/keeper.h"
#include "store/manifest.h"

namespace store {

using base::Code;
using base::fail;
using base::Result;

namespace {

// What one transaction adds, about: rows of the same time stay together.
constexpr std::uint64_t kStepRows = 50'000;

Result<const TableDefinition*> find_table(std::string_view name) {
  std::vector<std::string_view> names;
  for (const TableDefinition* table : tables_with_pieces()) {
    if (table->name == name) return table;
    names.push_back(table->name);
  }
  std::string detail = "there is no stored table " + std::string(name);
  if (const auto near = base::nearest(name, names))
    detail += "; did you mean " + std::string(*near) + "?";
  return fail(Code::NotFound, "table", -1, std::move(detail));
}

bool has_column(const TableDefinition& table, std::string_view name) {
  return std::ranges::any_of(table.stored,
                             [&](const StoredColumn& column) { return column.name == name; });
}

// By which the rows of a table are put into order: what is the same is the same in it.
std::string_view order_of(const TableDefinition& table) {
  return has_column(table, "TimeStamp") ? "TimeStamp" : "TimeGenerated";
}

bool is_raw(const TableDefinition& table) {
  return &table == &raw_event_table();
}

// The file as a relation with all stored columns, NULL where it has none of that name: columns that
// came after it was written.
std::string reader_sql(const TableDefinition& table, const RowFile& file) {
  const std::string path = duck::quote(literal_path(file.path));
  std::string columns;
  if (file.format == RowFormat::Parquet) {
    for (const StoredColumn& column : table.stored) {
      if (!column.absent.empty())
        columns += fmt::format("{}CAST(NULL AS {}) AS \"{}\"", columns.empty() ? "" : ", ",
                               sql_name(column.storage), column.name);
    }
    if (columns.empty()) return fmt::format("read_parquet({})", path);
    return fmt::format("(SELECT * FROM read_parquet({}) UNION ALL BY NAME SELECT {} WHERE false)",
                       path, columns);
  }
  for (const StoredColumn& column : table.stored)
    columns += fmt::format("{}\"{}\": '{}'", columns.empty() ? "" : ", ", column.name,
                           sql_name(column.storage));
  return fmt::format("read_json({}, format = 'newline_delimited', columns = {{{}}})", path,
                     columns);
}

std::string select_sql(const TableDefinition& table) {
  std::string sql;
  for (const StoredColumn& column : table.stored) {
    sql += sql.empty() ? "" : ", ";
    const std::string cast =
        fmt::format("CAST(\"{}\" AS {})", column.name, sql_name(column.storage));
    sql += column.absent.empty() ? fmt::format("{} AS \"{}\"", cast, column.name)
                                 : fmt::format("coalesce({}, {}) AS \"{}\"", cast,
                                               column.value_before(), column.name);
  }
  return sql;
}

// DuckDB's words about a file that is none of ours.
base::Error not_such(const RowFile& file, base::Error error) {
  if (error.code == Code::Full || error.code == Code::Closed || error.code == Code::Unavailable)
    return error;
  error.code = Code::Invalid;
  error.what = "import";
  std::string detail = std::move(error.detail);
  // The name that it has here says nothing to those who sent it.
  for (auto at = detail.find(file.path); at != std::string::npos; at = detail.find(file.path))
    detail.replace(at, file.path.size(), "the file");
  error.detail = "not rows of " + file.table + " as `vedette store export` writes them: " + detail;
  return error;
}

std::uint64_t size_of(const std::string& path) {
  std::error_code failed;
  const auto size = std::filesystem::file_size(path, failed);
  return failed ? 0 : size;
}

}  // namespace

Result<RowCounts> Export::write(EventStore& events, const RowFile& file, kql::Ticks from,
                                kql::Ticks to) {
  const TableDefinition& table = *TRY(find_table(file.table));
  auto lease = TRY(events.state_->lease());
  const char* format = file.format == RowFormat::Parquet ? "parquet, COMPRESSION zstd" : "json";
  const auto written = TRY(lease.connection().numbers(fmt::format(
      "COPY (SELECT {} FROM {} WHERE TimeGenerated >= {} AND TimeGenerated < {}) TO {} "
      "(FORMAT {}, USE_TMP_FILE false)",
      stored_columns_sql(table), table.relation, from, to, duck::quote(file.path), format)));
  return RowCounts{static_cast<std::uint64_t>(written[0]), size_of(file.path)};
}

struct Import::State {
  State(EventStore& events, const TableDefinition& definition, std::string path)
      : store(*events.state_), table(definition), staged(std::move(path)) {}
  ~State() { (void)os::remove_file(staged); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Result<void> stage(const RowFile& file);
  Result<void> check(duck::Connection& connection, const RowFile& file);
  Result<void> divide(duck::Connection& connection);
  std::string new_rows_sql(std::int64_t begin, std::int64_t end) const;
  Result<std::uint64_t> add_new_rows(std::int64_t begin, std::int64_t end);
  Result<std::uint64_t> insert(std::int64_t begin, std::int64_t end);

  EventStore::State& store;
  const TableDefinition& table;
  const std::string staged;          // the rows in order, Parquet
  std::vector<std::int64_t> bounds;  // where steps begin, and the end
  std::size_t next = 0;
  Counts counts;
};

Result<void> Import::State::stage(const RowFile& file) {
  auto lease = TRY(store.lease());
  duck::Connection& connection = lease.connection();
  auto copied = connection.numbers(fmt::format(
      "COPY (SELECT {} FROM {} ORDER BY {}) TO {} (FORMAT parquet, ROW_GROUP_SIZE 20480, "
      "USE_TMP_FILE false)",
      select_sql(table), reader_sql(table, file), order_of(table), duck::quote(staged)));
  if (!copied) return std::unexpected(not_such(file, std::move(copied.error())));
  counts.read = static_cast<std::uint64_t>((*copied)[0]);
  if (counts.read == 0) return {};
  TRY(check(connection, file));
  return divide(connection);
}

// What every row must have.
Result<void> Import::State::check(duck::Connection& connection, const RowFile& file) {
  std::string missing;
  for (const StoredColumn& column : table.stored) {
    if (!column.absent.empty()) continue;
    missing +=
        fmt::format("{}count(*) FILTER (\"{}\" IS NULL)", missing.empty() ? "" : ", ", column.name);
  }
  const auto counted = TRY(connection.numbers(
      fmt::format("SELECT {} FROM read_parquet({})", missing, duck::quote(literal_path(staged)))));
  std::size_t at = 0;
  for (const StoredColumn& column : table.stored) {
    if (!column.absent.empty()) continue;
    if (counted[at++] == 0) continue;
    return std::unexpected(
        not_such(file, {Code::Invalid, "import", -1,
                        fmt::format("{} rows without {}", counted[at - 1], column.name)}));
  }
  const auto range = TRY(connection.numbers(
      fmt::format("SELECT min(TimeGenerated), max(TimeGenerated) FROM read_parquet({})",
                  duck::quote(literal_path(staged)))));
  if (range[0] < 0 || range[1] > kql::kMaxDateTimeTicks)
    return std::unexpected(
        not_such(file, {Code::Invalid, "import", -1, "a TimeGenerated that is no time"}));
  return {};
}

Result<void> Import::State::divide(duck::Connection& connection) {
  auto rows = TRY(connection.query(fmt::format(
      "SELECT min({0}) AS {0} FROM read_parquet({1}) UNION SELECT {0} FROM read_parquet({1}, "
      "file_row_number = true) WHERE file_row_number % {2} = 0 ORDER BY {0}",
      order_of(table), duck::quote(literal_path(staged)), kStepRows)));
  while (TRY(rows.next())) {
    for (idx_t row = 0; row < rows.size(); ++row)
      bounds.push_back(rows.column(0).as<std::int64_t>(row));
  }
  bounds.push_back(std::numeric_limits<std::int64_t>::max());
  return {};
}

// Those of the file that are not there yet.
std::string Import::State::new_rows_sql(std::int64_t begin, std::int64_t end) const {
  const std::string columns = stored_columns_sql(table);
  const std::string range = fmt::format("{0} >= {1} AND {0} < {2}", order_of(table), begin, end);
  const std::string source = fmt::format("(SELECT {} FROM read_parquet({}) WHERE {})", columns,
                                         duck::quote(literal_path(staged)), range);
  if (!is_raw(table)) {
    return fmt::format("{} EXCEPT ALL SELECT {} FROM {} WHERE {}", source, columns, table.relation,
                       range);
  }
  return fmt::format(
      "SELECT DISTINCT ON (DeviceId, ModuleId, EventId, Item) {0} FROM {1} AS new WHERE NOT EXISTS "
      "(SELECT 1 FROM {2} AS old WHERE {3} AND old.DeviceId = new.DeviceId AND old.ModuleId = "
      "new.ModuleId AND old.EventId = new.EventId AND old.Item = new.Item)",
      columns, source, table.relation,
      fmt::format("old.{0} >= {1} AND old.{0} < {2}", order_of(table), begin, end));
}

// In between they are in a table of their own: what is added is what is counted.
Result<std::uint64_t> Import::State::add_new_rows(std::int64_t begin, std::int64_t end) {
  const std::string columns = stored_columns_sql(table);
  TRY(store.writer->execute("CREATE TEMP TABLE imported AS " + new_rows_sql(begin, end)));
  const auto inserted = TRY(store.writer->numbers(
      fmt::format("INSERT INTO {0}({1}) SELECT {1} FROM imported",
                  hot_name(table, store.generation.at(table.relation)), columns)));
  TRY(store.usage.append(*store.writer, table, "imported"));
  TRY(store.writer->execute("DROP TABLE imported"));
  return static_cast<std::uint64_t>(inserted[0]);
}

Result<std::uint64_t> Import::State::insert(std::int64_t begin, std::int64_t end) {
  const std::lock_guard appending(store.gate);
  if (store.broken || !store.writer) TRY(store.reopen());
  TRY(store.writer->execute("BEGIN"));
  const std::uint64_t reading = store.begin_read();
  auto inserted = add_new_rows(begin, end);
  store.end_read(reading);
  auto committed =
      inserted ? store.writer->execute("COMMIT") : Result<void>(std::unexpected(inserted.error()));
  if (!committed) {
    const bool piece = store.keeper->suspect(committed.error());
    store.broken = store.broken || (!piece && committed.error().code == Code::Corrupt) ||
                   !store.writer->execute("ROLLBACK");
    return std::unexpected(std::move(committed.error()));
  }
  store.usage.settle(*store.writer);
  return *inserted;
}

Import::Import(std::unique_ptr<State> state) : state_(std::move(state)) {}
Import::~Import() = default;

Result<std::unique_ptr<Import>> Import::open(EventStore& events, const RowFile& file) {
  const TableDefinition& table = *TRY(find_table(file.table));
  auto state = std::make_unique<State>(events, table, file.path + ".staged");
  TRY(state->stage(file));
  return std::unique_ptr<Import>(new Import(std::move(state)));
}

Result<bool> Import::step() {
  State& state = *state_;
  if (state.next + 1 >= state.bounds.size()) return false;
  const std::int64_t begin = state.bounds[state.next];
  const std::int64_t end = state.bounds[state.next + 1];
  // Before they are there: from then on who sends one of these again is looked up in the store. Of
  // what is known in memory only those are asked for that are older than its horizon.
  RecentKeys& recent = state.store.recent;
  if (is_raw(state.table) && end != std::numeric_limits<std::int64_t>::max()) {
    recent.set_horizon(std::max(recent.horizon(), end));
  } else if (is_raw(state.table)) {
    auto lease = TRY(state.store.lease());
    const auto last = TRY(lease.connection().numbers(fmt::format(
        "SELECT max(TimeStamp) FROM read_parquet({})", duck::quote(literal_path(state.staged)))));
    recent.set_horizon(std::max(recent.horizon(), last[0] + 1));
  }
  const std::uint64_t added = TRY(state.insert(begin, end));
  state.counts.added += added;
  state.store.rows_appended.add(added);
  state.store.keeper->wake();
  ++state.next;
  return state.next + 1 < state.bounds.size();
}

Import::Counts Import::counts() const {
  return state_->counts;
}

}  // namespace store
