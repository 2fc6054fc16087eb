#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <duckdb.h>

#include "base/result.h"
#include "store/catalogue.h"

// DuckDB's C API with owners and our errors; for the sources of this folder.
namespace store::duck {

// A message of DuckDB's as an error: Full (disk, memory), Conflict (locked by another process),
// Corrupt (damaged, or shut down by DuckDB after a failed write), Closed (interrupted), Io,
// Invalid.
base::Error to_error(const char* what, duckdb_error_type type, const char* message);

// A text as a literal of SQL's.
std::string quote(std::string_view text);

struct Settings {
  std::size_t memory_limit = 0;
  unsigned threads = 0;
  std::string temp_dir;
  std::vector<std::string> folders = {};  // those with files that statements may read and write
  std::size_t spill_limit = std::size_t{4} << 30U;  // of temp_dir
};
// So long may the log of changes get before they are written into the database file. Rows that have
// left the database by then are never written there; but until then they cannot leave memory
// either, where they take nearly twice as much as in the log.
std::size_t longest_log(std::size_t memory_limit);

class Database {
 public:
  static base::Result<Database> open(const std::string& path, const Settings& settings);
  ~Database() { duckdb_close(&handle_); }
  Database(Database&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Database& operator=(Database&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  duckdb_database get() const { return handle_; }

 private:
  explicit Database(duckdb_database handle) : handle_(handle) {}
  duckdb_database handle_ = nullptr;
};

class Rows;

class Connection {
 public:
  static base::Result<Connection> open(const Database& database);
  ~Connection() { duckdb_disconnect(&handle_); }
  Connection(Connection&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Connection& operator=(Connection&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  duckdb_connection get() const { return handle_; }
  // One or more statements whose rows are not wanted.
  base::Result<void> execute(const std::string& sql);
  // One statement that takes long, or waits for the disk. The caller sleeps while threads of the
  // database work on it; execute() would take a processor for waiting.
  base::Result<void> execute_patiently(const std::string& sql);
  // One statement; its rows, all in memory.
  base::Result<Rows> query(const std::string& sql);
  // One statement whose answer is one row of whole numbers; null is 0.
  base::Result<std::vector<std::int64_t>> numbers(const std::string& sql);

 private:
  explicit Connection(duckdb_connection handle) : handle_(handle) {}
  duckdb_connection handle_ = nullptr;
};

// A transaction that only reads. DuckDB plans with what it knows of a table's values at that time
// (the largest number, the longest text) and leaves out what cannot be needed then: a statement
// that is prepared, and run after rows with other values were committed, reads those rows wrong.
// Within one transaction it sees the rows that it was planned for. The connection must outlive it,
// and nobody may interrupt the connection while it begins or ends.
class Reading {
 public:
  static base::Result<Reading> begin(Connection& connection);
  ~Reading();
  Reading(Reading&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
  Reading& operator=(Reading&&) = delete;

 private:
  explicit Reading(Connection& connection) : connection_(&connection) {}
  Connection* connection_;
};

// One column of one chunk. Views live as long as the chunk.
class Column {
 public:
  Column(duckdb_data_chunk chunk, idx_t column);

  bool is_null(idx_t row) const {
    return validity_ != nullptr && !duckdb_validity_row_is_valid(validity_, row);
  }
  template <class T>
  T as(idx_t row) const {
    return static_cast<const T*>(data_)[row];
  }
  std::string_view text(idx_t row) const;

 private:
  void* data_;
  std::uint64_t* validity_;
};

// The chunks of a result, one after another.
class Rows {
 public:
  explicit Rows(duckdb_result result) : result_(result) {}
  ~Rows();
  Rows(Rows&& other) noexcept
      : result_(std::exchange(other.result_, {})), chunk_(std::exchange(other.chunk_, nullptr)) {}
  Rows& operator=(Rows&&) = delete;

  // Moves to the next chunk; false at the end. Errors happen only while a streamed result runs.
  base::Result<bool> next();
  idx_t size() const { return duckdb_data_chunk_get_size(chunk_); }
  idx_t column_count() { return duckdb_column_count(&result_); }
  Column column(idx_t index) const { return {chunk_, index}; }

 private:
  duckdb_result result_;
  duckdb_data_chunk chunk_ = nullptr;
};

// Appends rows to one table, a chunk at a time. Set every column of a row in the table's order,
// then end the row. Text that is not UTF-8 is mended.
class Appender {
 public:
  // To the table of that name, which has the columns that `table` stores.
  static base::Result<Appender> open(Connection& connection, const std::string& name,
                                     const TableDefinition& table);
  ~Appender();
  Appender(Appender&& other) noexcept;
  Appender& operator=(Appender&&) = delete;

  void boolean(bool value) { static_cast<bool*>(next())[row_] = value; }
  void integer(std::int32_t value) { static_cast<std::int32_t*>(next())[row_] = value; }
  void big(std::int64_t value) { static_cast<std::int64_t*>(next())[row_] = value; }
  void text(std::string_view value);
  void guid(std::span<const std::uint8_t, 16> bytes);
  void null();
  base::Result<void> end_row();
  // Hands the rest over; without it rows are dropped.
  base::Result<void> close();

 private:
  Appender(duckdb_appender appender, duckdb_data_chunk chunk, const TableDefinition& table);
  void* next();
  base::Result<void> flush_chunk();
  void load_columns();

  duckdb_appender appender_;
  duckdb_data_chunk chunk_;
  const TableDefinition* table_;
  std::vector<duckdb_vector> vectors_;
  std::vector<void*> data_;
  std::vector<std::uint64_t*> validity_;  // nullptr: no NULL in the chunk's column so far
  idx_t row_ = 0;
  std::size_t column_ = 0;
};

// The value that DuckDB holds for a UUID, and back: signed, with the top bit flipped so that it
// sorts as text does.
duckdb_hugeint uuid_value(std::span<const std::uint8_t, 16> bytes);
void uuid_bytes(duckdb_hugeint value, std::span<std::uint8_t, 16> bytes);

}  // namespace store::duck
