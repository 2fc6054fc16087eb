#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kql/ticks.h"
#include "store/catalogue.h"
#include "store/duck.h"

// The list of pieces and of hot tables, in the database itself; for the sources of this folder.
namespace store {

// A row of the table `piece`.
struct PieceRecord {
  std::uint64_t id = 0;
  const TableDefinition* table = nullptr;
  std::int64_t day = 0;     // since 1970, UTC, of TimeGenerated
  std::size_t columns = 0;  // stored columns of its time; what came later is not in the file
  bool merged = false;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  kql::Ticks first_generated = 0;
  kql::Ticks last_generated = 0;
  kql::Ticks first_stamp = 0;
  kql::Ticks last_stamp = 0;
  bool held = false;
  std::string sha256;  // hexadecimal
  std::string damage;  // empty: none is known
};

// The day of a time.
constexpr std::int64_t day_of(kql::Ticks ticks) {
  return ticks / kql::kTicksPerDay - kql::kUnixEpochTicks / kql::kTicksPerDay;
}
constexpr kql::Ticks day_begin(std::int64_t day) {
  return kql::kUnixEpochTicks + day * kql::kTicksPerDay;
}

// Tables whose rows move into pieces.
bool has_pieces(const TableDefinition& table);
std::vector<const TableDefinition*> tables_with_pieces();

// <folder>/raw_event/2027-01-15/17.parquet, and its folder.
std::string piece_folder(const std::string& folder, const TableDefinition& table, std::int64_t day);
std::string piece_path(const std::string& folder, const PieceRecord& piece);

// The path as a pattern of DuckDB's that means just this file.
std::string literal_path(const std::string& path);

// Of hot rows: raw_event_hot3. Rows are appended to the table of the highest generation; the others
// wait for being sealed.
std::string hot_name(const TableDefinition& table, std::uint64_t generation);
bool is_hot_name(std::string_view name);

// Makes the table as it is stored, under that name, if it is not there. Fleeting: its rows soon
// leave it, so that compressing them would be wasted.
enum class Lifetime : std::uint8_t { Lasting, Fleeting };
std::string create_table_sql(const TableDefinition& table, std::string_view name, Lifetime rows);
// Statements that make the lists, if there are none.
std::string manifest_sql();
// Within the connection's transaction. By relation, day and id; pieces of tables that this program
// does not know are left out.
base::Result<std::vector<PieceRecord>> read_pieces(duck::Connection& connection);
// Rising; none for a table that has never been set up.
base::Result<std::vector<std::uint64_t>> read_generations(duck::Connection& connection,
                                                          const TableDefinition& table);
base::Result<std::uint64_t> read_next_piece(duck::Connection& connection);

std::string insert_piece_sql(const PieceRecord& piece);
std::string delete_pieces_sql(const std::vector<std::uint64_t>& ids);

// The stored columns of the table, in their order, from these of its pieces. At least one.
std::string select_pieces_sql(const std::vector<const PieceRecord*>& pieces,
                              const std::string& folder);
// All stored columns by name, with a comma between.
std::string stored_columns_sql(const TableDefinition& table);
// Makes the view of all rows of the table anew, within the connection's transaction.
base::Result<void> make_relation(duck::Connection& connection, const TableDefinition& table,
                                 const std::string& folder);

}  // namespace store
