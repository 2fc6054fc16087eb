// How hot rows become pieces, and pieces become others.
#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/log.h"
#include "os/file.h"
#include "store/keeper.h"
#include "store/piece_file.h"

namespace store {
namespace {

// Rows are pruned by row groups, and a device's rows of one type and day are in one or two. In
// larger ones more of other devices is read with them, of smaller ones the list is longer, which
// questions about everything pay for: both matter by a fifth around this size.
constexpr int kRowGroup = 12'288;
// Sealing keeps up with devices (level 3 takes a tenth longer for the same size); merging has time
// to compress well, which makes files a tenth smaller.
constexpr int kSealLevel = 1;
constexpr int kMergeLevel = 11;

std::uint64_t rows_of(const std::vector<PieceRecord>& pieces) {
  std::uint64_t rows = 0;
  for (const PieceRecord& piece : pieces)
    rows += piece.rows;
  return rows;
}

std::uint64_t bytes_of(const std::vector<PieceRecord>& pieces) {
  std::uint64_t bytes = 0;
  for (const PieceRecord& piece : pieces)
    bytes += piece.bytes;
  return bytes;
}

}  // namespace

void Keeper::remove_files(const std::vector<PieceRecord>& made) {
  for (const PieceRecord& piece : made) {
    const std::string path = piece_path(state_.pieces_folder, piece);
    if (const auto done = os::remove_file(path);
        !done && done.error().code != base::Code::NotFound) {
      LOG_WARNING("store.remove").field("path", path).field("error", done.error().to_string());
    }
  }
}

base::Result<void> Keeper::commit(duck::Connection& connection, const ListChange& change) {
  std::vector<std::uint64_t> gone;
  for (const PieceRecord& piece : change.removed)
    gone.push_back(piece.id);
  std::string sql = "BEGIN;\n" + delete_pieces_sql(gone);
  for (const PieceRecord& piece : change.added)
    sql += insert_piece_sql(piece);
  if (!change.added.empty())
    sql += fmt::format("UPDATE next_piece SET id = {};\n", change.added.back().id + 1);
  state_.step("written");
  auto done = connection.execute(sql + change.also);
  std::set<const TableDefinition*> tables;
  if (change.table != nullptr) tables.insert(change.table);
  for (const auto* pieces : {&change.removed, &change.added}) {
    for (const PieceRecord& piece : *pieces)
      tables.insert(piece.table);
  }
  for (const TableDefinition* table : tables) {
    if (done) done = make_relation(connection, *table, state_.pieces_folder);
  }
  if (!done) {
    (void)connection.execute("ROLLBACK");
    remove_files(change.added);
    return done;
  }
  state_.step("before commit");
  if (auto committed = connection.execute("COMMIT"); !committed) {
    (void)connection.execute("ROLLBACK");
    return committed;
  }
  state_.step("committed");
  if (!change.added.empty()) {
    const auto noted = write_owner(state_.pieces_folder, {state_.tenant, change.added.back().id});
    if (!noted) {
      LOG_WARNING("store.owner").field("error", noted.error().to_string());
    }
  }
  std::vector<std::string> paths;
  for (const PieceRecord& piece : change.removed)
    paths.push_back(piece_path(state_.pieces_folder, piece));
  state_.retire(std::move(paths));
  return state_.count_pieces(connection);
}

base::Result<void> Keeper::commit(const ListChange& change) {
  auto lease = state_.lease();
  if (lease) return commit(lease->connection(), change);
  remove_files(change.added);
  return std::unexpected(std::move(lease.error()));
}

base::Result<void> Keeper::roll(const TableDefinition& table) {
  std::uint64_t next = 0;
  {
    auto lease = TRY(state_.lease());
    duck::Connection& connection = lease.connection();
    next = TRY(read_generations(connection, table)).back() + 1;
    TRY(connection.execute("BEGIN"));
    auto done = connection.execute(
        create_table_sql(table, hot_name(table, next), Lifetime::Fleeting) +
        fmt::format("INSERT INTO hot_table VALUES ({}, {})", duck::quote(table.relation), next));
    if (done) done = make_relation(connection, table, state_.pieces_folder);
    if (done) done = connection.execute("COMMIT");
    if (!done) {
      (void)connection.execute("ROLLBACK");
      return done;
    }
  }
  // The lease is over: the writer may want it back while it holds the gate.
  const std::lock_guard lock(state_.gate);
  state_.generation[table.relation] = next;
  return {};
}

base::Result<std::uint64_t> Keeper::seal_frozen(const TableDefinition& table) {
  std::uint64_t current = 0;
  {
    const std::lock_guard lock(state_.gate);
    current = state_.generation.at(table.relation);
  }
  auto lease = TRY(state_.lease());
  const Working working(*this, lease.connection());
  std::uint64_t sealed = 0;
  for (const std::uint64_t generation : TRY(read_generations(lease.connection(), table))) {
    if (generation < current) TRY(seal_generation(lease.connection(), table, generation, sealed));
  }
  return sealed;
}

base::Result<void> Keeper::seal_generation(duck::Connection& connection,
                                           const TableDefinition& table, std::uint64_t generation,
                                           std::uint64_t& sealed) {
  const std::string hot = hot_name(table, generation);
  next_piece_ = std::max(next_piece_, TRY(read_next_piece(connection)));
  std::vector<Rows> days;
  {
    auto found = TRY(connection.query(fmt::format(
        "SELECT TimeGenerated // {} - {} AS day, count(*) FROM {} GROUP BY ALL ORDER BY ALL",
        kql::kTicksPerDay, kql::kUnixEpochTicks / kql::kTicksPerDay, hot)));
    while (TRY(found.next())) {
      for (idx_t row = 0; row < found.size(); ++row) {
        const auto day = found.column(0).as<std::int64_t>(row);
        days.push_back(
            {&table, day,
             fmt::format("SELECT {} FROM {} WHERE TimeGenerated >= {} AND "
                         "TimeGenerated < {}",
                         stored_columns_sql(table), hot, day_begin(day), day_begin(day + 1)),
             static_cast<std::uint64_t>(found.column(1).as<std::int64_t>(row))});
      }
    }
  }
  ListChange change{{}, {}, {}, &table};
  for (const Rows& day : days) {
    if (auto done = write(connection, day, change.added); !done) {
      remove_files(change.added);
      return done;
    }
  }
  change.also = fmt::format(
      "DROP TABLE {};\nDELETE FROM hot_table WHERE relation = {} AND "
      "generation = {};\n",
      hot, duck::quote(table.relation), generation);
  const std::uint64_t rows = rows_of(change.added);
  TRY(commit(connection, change));
  sealed += rows;
  sealed_rows_.add(rows);
  LOG_INFO("store.sealed")
      .field("table", table.relation)
      .field("rows", rows)
      .field("pieces", std::uint64_t{change.added.size()})
      .field("bytes", bytes_of(change.added));
  return {};
}

base::Result<std::vector<std::string>> Keeper::divide(duck::Connection& connection,
                                                      const Rows& rows) {
  const std::uint64_t parts =
      (rows.count + state_.options.seal.piece_rows - 1) / state_.options.seal.piece_rows;
  if (parts <= 1) return std::vector<std::string>{"true"};
  // What is asked for together stays together.
  const std::string_view order = rows.table->piece_order;
  const std::string_view by = rows.table->divided_by;
  const std::string column =
      fmt::format("\"{}\"", by.empty() ? order.substr(0, order.find(',')) : by);
  std::vector<std::string> shares;
  for (std::uint64_t part = 1; part < parts; ++part)
    shares.push_back(fmt::format("{}", static_cast<double>(part) / static_cast<double>(parts)));
  auto found = TRY(connection.query(fmt::format(
      "SELECT DISTINCT CAST(unnest(quantile_disc({}, [{}])) AS VARCHAR) AS border FROM ({}) "
      "ORDER BY border",
      column, fmt::join(shares, ", "), rows.select)));
  std::vector<std::string> conditions;
  std::string above;
  const std::string text = fmt::format("CAST({} AS VARCHAR)", column);
  while (TRY(found.next())) {
    for (idx_t row = 0; row < found.size(); ++row) {
      const std::string border = duck::quote(found.column(0).text(row));
      conditions.push_back(fmt::format("{}{} <= {}", above, text, border));
      above = fmt::format("{} > {} AND ", text, border);
    }
  }
  conditions.push_back(above + "true");
  return conditions;
}

base::Result<void> Keeper::write(duck::Connection& connection, const Rows& rows,
                                 std::vector<PieceRecord>& made) {
  const std::uint64_t before = rows_of(made);
  for (const std::string& condition : TRY(divide(connection, rows)))
    TRY(write_piece(connection, rows, condition, made));
  const std::uint64_t written = rows_of(made) - before;
  if (written == rows.count) return {};
  return base::fail(base::Code::Corrupt, "seal", -1,
                    fmt::format("{} rows were written of {}", written, rows.count));
}

base::Result<void> Keeper::write_piece(duck::Connection& connection, const Rows& rows,
                                       const std::string& condition,
                                       std::vector<PieceRecord>& made) {
  PieceRecord piece;
  piece.id = next_piece_++;
  piece.table = rows.table;
  piece.day = rows.day;
  piece.columns = rows.table->stored.size();
  piece.merged = rows.merged;
  const std::string path = piece_path(state_.pieces_folder, piece);
  TRY(os::make_dirs(piece_folder(state_.pieces_folder, *rows.table, rows.day)));
  // From here on the file is removed with what else was made, whatever happens.
  made.push_back(piece);
  PieceRecord& entry = made.back();
  state_.step("begin");
  TRY(connection.execute_patiently(fmt::format(
      "COPY (SELECT * FROM ({}) WHERE {} ORDER BY {}) TO {} (FORMAT parquet, PARQUET_VERSION v2, "
      "COMPRESSION zstd, COMPRESSION_LEVEL {}, ROW_GROUP_SIZE {}, WRITE_BLOOM_FILTER false, "
      "USE_TMP_FILE false{})",
      rows.select, condition, rows.table->piece_order, duck::quote(path),
      rows.merged ? kMergeLevel : kSealLevel, kRowGroup,
      rows.replaces.empty()
          ? ""
          : fmt::format(", KV_METADATA {{replaces: {}}}", duck::quote(rows.replaces)))));
  // What was written is read again: what cannot be read must not replace what can.
  PieceFile file{path, entry};
  TRY(make_durable(path));
  TRY(read_piece(connection, file));
  entry = std::move(file.piece);
  if (entry.rows == 0) {
    made.pop_back();
    return os::remove_file(path);
  }
  return {};
}

// Reads `old` and writes pieces of the same table and day, with a database of its own: one thread,
// this one with its low priority, and memory that queries do not share.
base::Result<void> Keeper::replace(const std::vector<PieceRecord>& old, const std::string& keep,
                                   std::vector<PieceRecord>& made) {
  const TableDefinition& table = *old.front().table;
  std::vector<const PieceRecord*> sources;
  for (const PieceRecord& piece : old)
    sources.push_back(&piece);
  const std::string scratch = state_.options.path + ".tmp/merge";
  TRY(os::make_dirs(scratch));
  auto database = TRY(duck::Database::open(
      ":memory:", {state_.options.seal.merge_memory, 1, scratch, {state_.pieces_folder}}));
  auto connection = TRY(duck::Connection::open(database));
  const Working working(*this, connection);
  Rows rows{&table, old.front().day, select_pieces_sql(sources, state_.pieces_folder), rows_of(old),
            true};
  for (const PieceRecord& piece : old)
    rows.replaces += fmt::format("{}{}", rows.replaces.empty() ? "" : " ", piece.id);
  if (!keep.empty()) {
    rows.select = fmt::format("SELECT * FROM ({}) WHERE {}", rows.select, keep);
    rows.count = static_cast<std::uint64_t>(
        TRY(connection.numbers(fmt::format("SELECT count(*) FROM ({})", rows.select)))[0]);
    if (rows.count == 0 || rows.count == rows_of(old)) return {};
  }
  return write(connection, rows, made);
}

base::Result<void> Keeper::merge(const Merge& merge) {
  ListChange change{merge.pieces, {}};
  {
    auto lease = TRY(state_.lease());
    next_piece_ = std::max(next_piece_, TRY(read_next_piece(lease.connection())));
  }
  if (auto done = replace(merge.pieces, {}, change.added); !done) {
    remove_files(change.added);
    // One that cannot be read any more must not be tried for ever.
    suspect(done.error());
    return done;
  }
  const bool held =
      std::ranges::any_of(merge.pieces, [](const PieceRecord& piece) { return piece.held; });
  for (PieceRecord& piece : change.added)
    piece.held = held;
  TRY(commit(change));
  merges_.add();
  LOG_INFO("store.merged")
      .field("table", merge.table->relation)
      .field("pieces", std::uint64_t{merge.pieces.size()})
      .field("into", std::uint64_t{change.added.size()})
      .field("rows", rows_of(change.added))
      .field("bytes_before", bytes_of(merge.pieces))
      .field("bytes", bytes_of(change.added));
  return {};
}

base::Result<Change> Keeper::rewrite(const PieceRecord& piece, std::string_view keep) {
  ListChange change{{piece}, {}};
  {
    auto lease = TRY(state_.lease());
    next_piece_ = std::max(next_piece_, TRY(read_next_piece(lease.connection())));
    const auto left = TRY(lease.connection().numbers(
        fmt::format("SELECT count(*) FROM ({}) WHERE {}",
                    select_pieces_sql({&piece}, state_.pieces_folder), keep)));
    if (static_cast<std::uint64_t>(left[0]) == piece.rows) return Change{};
  }
  if (auto done = replace({piece}, std::string(keep), change.added); !done) {
    remove_files(change.added);
    return std::unexpected(std::move(done.error()));
  }
  const std::uint64_t rows = piece.rows - rows_of(change.added);
  const std::uint64_t bytes = piece.bytes - std::min(piece.bytes, bytes_of(change.added));
  TRY(commit(change));
  return Change{1, rows, bytes};
}

}  // namespace store
