#include "store/manifest.h"

#include <algorithm>
#include <chrono>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace store {
namespace {

constexpr std::string_view kColumns =
    "id, relation, day, columns, merged, row_count, bytes, first_generated, last_generated, "
    "first_stamp, last_stamp, held, sha256, damage";

const TableDefinition* table_of(std::string_view relation) {
  for (const TableDefinition* table : tables_with_pieces()) {
    if (table->relation == relation) return table;
  }
  return nullptr;
}

std::uint64_t count_at(const duck::Column& column, idx_t row) {
  return static_cast<std::uint64_t>(column.as<std::int64_t>(row));
}

PieceRecord record_at(const duck::Rows& rows, idx_t row) {
  PieceRecord record;
  record.id = count_at(rows.column(0), row);
  record.table = table_of(rows.column(1).text(row));
  record.day = rows.column(2).as<std::int64_t>(row);
  record.columns = count_at(rows.column(3), row);
  record.merged = rows.column(4).as<bool>(row);
  record.rows = count_at(rows.column(5), row);
  record.bytes = count_at(rows.column(6), row);
  record.first_generated = rows.column(7).as<std::int64_t>(row);
  record.last_generated = rows.column(8).as<std::int64_t>(row);
  record.first_stamp = rows.column(9).as<std::int64_t>(row);
  record.last_stamp = rows.column(10).as<std::int64_t>(row);
  record.held = rows.column(11).as<bool>(row);
  record.sha256 = rows.column(12).text(row);
  record.damage = rows.column(13).text(row);
  return record;
}

// What all these pieces have, read as it is, and what came later.
std::string select_alike_sql(const TableDefinition& table, std::size_t columns,
                             const std::vector<const PieceRecord*>& pieces,
                             const std::string& folder) {
  std::string names;
  std::string first;  // what others are derived from
  bool derives = false;
  for (std::size_t i = 0; i < table.stored.size(); ++i) {
    const StoredColumn& column = table.stored[i];
    const bool later = i >= columns;
    const bool derived = later && !column.derived.empty();
    derives |= derived;
    const auto add = [&](std::string& list, bool made, std::string_view value) {
      if (!list.empty()) list += ", ";
      list += made ? fmt::format("CAST({} AS {}) AS \"{}\"", value, sql_name(column.storage),
                                 column.name)
                   : fmt::format("\"{}\"", column.name);
    };
    add(names, derived, column.derived);
    if (!derived) add(first, later, column.absent);
  }
  std::string paths;
  for (const PieceRecord* piece : pieces) {
    paths += fmt::format("{}{}", paths.empty() ? "" : ", ",
                         duck::quote(literal_path(piece_path(folder, *piece))));
  }
  const std::string rows =
      fmt::format("SELECT {} FROM read_parquet([{}], hive_partitioning = false)", first, paths);
  return derives ? fmt::format("SELECT {} FROM ({})", names, rows) : rows;
}

}  // namespace

std::string literal_path(const std::string& path) {
  std::string out;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[') {
      out += fmt::format("[{}]", c);
    } else {
      out += c;
    }
  }
  return out;
}

bool has_pieces(const TableDefinition& table) {
  return !table.stored.empty() && !table.piece_order.empty();
}

std::vector<const TableDefinition*> tables_with_pieces() {
  std::vector<const TableDefinition*> tables;
  for (const TableDefinition* table : all_tables()) {
    if (has_pieces(*table)) tables.push_back(table);
  }
  return tables;
}

std::string piece_folder(const std::string& folder, const TableDefinition& table,
                         std::int64_t day) {
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  return fmt::format("{}/{}/{:04}-{:02}-{:02}", folder, table.relation,
                     static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string piece_path(const std::string& folder, const PieceRecord& piece) {
  return fmt::format("{}/{}.parquet", piece_folder(folder, *piece.table, piece.day), piece.id);
}

std::string hot_name(const TableDefinition& table, std::uint64_t generation) {
  return fmt::format("{}_hot{}", table.relation, generation);
}

bool is_hot_name(std::string_view name) {
  const auto digits = name.find_last_not_of("0123456789") + 1;
  return digits != name.size() && name.substr(0, digits).ends_with("_hot");
}

std::string create_table_sql(const TableDefinition& table, std::string_view name, Lifetime rows) {
  std::string sql = fmt::format("CREATE TABLE IF NOT EXISTS {}(", name);
  for (const StoredColumn& column : table.stored) {
    sql += fmt::format(
        "{}\"{}\" {} {}{}", sql.ends_with('(') ? "" : ", ", column.name, sql_name(column.storage),
        column.absent.empty() ? "NOT NULL" : fmt::format("DEFAULT {}", column.absent),
        rows == Lifetime::Fleeting ? " USING COMPRESSION uncompressed" : "");
  }
  return sql + ");\n";
}

std::string manifest_sql() {
  return "CREATE TABLE IF NOT EXISTS hot_table(relation VARCHAR NOT NULL, generation BIGINT NOT "
         "NULL);\n"
         "CREATE TABLE IF NOT EXISTS piece(id BIGINT NOT NULL, relation VARCHAR NOT NULL, day "
         "BIGINT NOT NULL, columns BIGINT NOT NULL, merged BOOLEAN NOT NULL, row_count BIGINT NOT "
         "NULL, bytes BIGINT NOT NULL, first_generated BIGINT NOT NULL, last_generated BIGINT NOT "
         "NULL, first_stamp BIGINT NOT NULL, last_stamp BIGINT NOT NULL, held BOOLEAN NOT NULL, "
         "sha256 VARCHAR NOT NULL, damage VARCHAR NOT NULL);\n"
         "CREATE TABLE IF NOT EXISTS next_piece(id BIGINT NOT NULL);\n"
         "INSERT INTO next_piece SELECT 1 WHERE NOT EXISTS (SELECT * FROM next_piece);\n";
}

base::Result<std::vector<PieceRecord>> read_pieces(duck::Connection& connection) {
  auto rows = TRY(
      connection.query(fmt::format("SELECT {} FROM piece ORDER BY relation, day, id", kColumns)));
  std::vector<PieceRecord> pieces;
  while (TRY(rows.next())) {
    for (idx_t row = 0; row < rows.size(); ++row) {
      PieceRecord record = record_at(rows, row);
      if (record.table != nullptr) pieces.push_back(std::move(record));
    }
  }
  return pieces;
}

base::Result<std::vector<std::uint64_t>> read_generations(duck::Connection& connection,
                                                          const TableDefinition& table) {
  auto rows = TRY(connection.query(
      fmt::format("SELECT generation FROM hot_table WHERE relation = {} ORDER BY generation",
                  duck::quote(table.relation))));
  std::vector<std::uint64_t> generations;
  while (TRY(rows.next())) {
    for (idx_t row = 0; row < rows.size(); ++row)
      generations.push_back(count_at(rows.column(0), row));
  }
  return generations;
}

base::Result<std::uint64_t> read_next_piece(duck::Connection& connection) {
  auto rows = TRY(connection.query("SELECT id FROM next_piece"));
  if (!TRY(rows.next())) return base::fail(base::Code::Corrupt, "event store", -1, "no next piece");
  return count_at(rows.column(0), 0);
}

std::string insert_piece_sql(const PieceRecord& piece) {
  return fmt::format(
      "INSERT INTO piece({}) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {});\n",
      kColumns, piece.id, duck::quote(piece.table->relation), piece.day, piece.columns,
      piece.merged, piece.rows, piece.bytes, piece.first_generated, piece.last_generated,
      piece.first_stamp, piece.last_stamp, piece.held, duck::quote(piece.sha256),
      duck::quote(piece.damage));
}

std::string delete_pieces_sql(const std::vector<std::uint64_t>& ids) {
  if (ids.empty()) return {};
  return fmt::format("DELETE FROM piece WHERE id IN ({});\n", fmt::join(ids, ", "));
}

std::string stored_columns_sql(const TableDefinition& table) {
  std::string names;
  for (const StoredColumn& column : table.stored)
    names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", column.name);
  return names;
}

std::string select_pieces_sql(const std::vector<const PieceRecord*>& pieces,
                              const std::string& folder) {
  std::map<std::size_t, std::vector<const PieceRecord*>> alike;
  for (const PieceRecord* piece : pieces)
    alike[piece->columns].push_back(piece);
  std::string sql;
  for (const auto& [columns, group] : alike) {
    if (!sql.empty()) sql += " UNION ALL ";
    sql += select_alike_sql(*group.front()->table, columns, group, folder);
  }
  return sql;
}

base::Result<void> make_relation(duck::Connection& connection, const TableDefinition& table,
                                 const std::string& folder) {
  const std::string columns = stored_columns_sql(table);
  std::string sql;
  for (const std::uint64_t generation : TRY(read_generations(connection, table))) {
    sql += fmt::format("{}SELECT {} FROM {}", sql.empty() ? "" : " UNION ALL ", columns,
                       hot_name(table, generation));
  }
  const auto all = TRY(read_pieces(connection));
  std::vector<const PieceRecord*> pieces;
  for (const PieceRecord& piece : all) {
    if (piece.table == &table && piece.damage.empty()) pieces.push_back(&piece);
  }
  if (!pieces.empty()) sql += " UNION ALL " + select_pieces_sql(pieces, folder);
  return connection.execute(fmt::format("CREATE OR REPLACE VIEW {} AS {};\n", table.relation, sql));
}

}  // namespace store
