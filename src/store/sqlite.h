#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>

#include "base/bytes.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace store {

class Sqlite;
struct StatementCache;

// One prepared statement. Bind, step through its rows, reset, use it again.
//
// Parameters count from 1, columns from 0, as in SQLite. Bound text and blobs are copied.
// A binding that fails is reported by the next step(). Views into columns live until the next
// step(), reset() or the end of the statement. The connection must outlive it. Threads: those of
// its connection.
class Statement {
 public:
  ~Statement();
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(int parameter, std::int64_t value);
  Statement& bind(int parameter, int value) {
    return bind(parameter, static_cast<std::int64_t>(value));
  }
  Statement& bind(int parameter, bool value) { return bind(parameter, std::int64_t{value}); }
  Statement& bind(int parameter, double value);
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, const char* text) {
    return bind(parameter, std::string_view(text));
  }
  Statement& bind(int parameter, const std::string& text) {
    return bind(parameter, std::string_view(text));
  }
  Statement& bind(int parameter, base::ByteView blob);
  Statement& bind(int parameter, std::nullopt_t);
  template <class T>
  Statement& bind(int parameter, const std::optional<T>& value) {
    return value ? bind(parameter, *value) : bind(parameter, std::nullopt);
  }
  // All parameters in order, from the first.
  template <class... Values>
  Statement& bind_all(const Values&... values) {
    int parameter = 0;
    (bind(++parameter, values), ...);
    return *this;
  }

  // Moves to the next row: true when there is one, false at the end.
  // Errors: Exists (a constraint), Full (disk), Corrupt, Unavailable (locked for too long), Io,
  // Invalid.
  base::Result<bool> step();
  // Runs a statement of which no rows are wanted, and makes it ready for the next use.
  base::Result<void> run();
  // Back to before the first row, parameters cleared.
  void reset();

  int column_count() const;
  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string_view text(int column) const;
  base::ByteView blob(int column) const;
  std::string string(int column) const { return std::string(text(column)); }
  std::optional<std::string> optional_string(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;

 private:
  friend class Sqlite;
  Statement(sqlite3_stmt* statement, StatementCache& cache)
      : statement_(statement), cache_(&cache) {}
  void give_back();

  sqlite3_stmt* statement_ = nullptr;
  StatementCache* cache_;  // the connection's
  int bind_error_ = 0;
};

enum class SqliteMode : std::uint8_t { ReadWrite, ReadOnly };

// A connection to one SQLite file in WAL mode, synchronous=FULL: what was committed survives power
// loss.
//
// Several connections (of several components) may share a file; writers wait for each other up to
// the busy timeout. Threads: one at a time; the owner serialises.
class Sqlite {
 public:
  // Opens the file, makes it (mode 0600) where there is none. Its folder must exist.
  // Errors: Corrupt (not a SQLite database), Io, Full, Unavailable.
  static base::Result<Sqlite> open(
      const std::string& path, SqliteMode mode = SqliteMode::ReadWrite,
      std::chrono::milliseconds busy_timeout = std::chrono::seconds(10));
  ~Sqlite();
  Sqlite(Sqlite&& other) noexcept;
  Sqlite& operator=(Sqlite&& other) noexcept;
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  // Brings the component's tables to the newest version: `steps[n]` is the SQL that leads from
  // version n to n+1. Each step runs in a transaction of its own, with the version it leads to.
  // Components share a file without knowing of each other. Steps, once released, never change.
  // Errors: Unsupported (the file is from a newer program), Invalid (a step's SQL), as
  // Statement::step.
  base::Result<void> migrate(std::string_view component, std::span<const std::string_view> steps);

  // Runs one or more statements that give no rows.
  base::Result<void> execute(const std::string& sql);
  // What was prepared before is kept for the next time, up to kCachedStatements of the last used.
  // Errors: Invalid (the detail has SQLite's message).
  static constexpr std::size_t kCachedStatements = 32;
  base::Result<Statement> prepare(std::string_view sql);
  // Prepares, binds in order and runs.
  template <class... Values>
  base::Result<void> run(std::string_view sql, const Values&... values) {
    auto statement = TRY(prepare(sql));
    return statement.bind_all(values...).run();
  }

  // Starts a transaction that only reads: what this connection sees stays as it is from the return
  // on, until end_reading(). Writers are not held up.
  base::Result<void> begin_reading();
  base::Result<void> end_reading();
  // Writes all that this connection sees into a new file (mode 0600) that needs no other beside it.
  // Errors: Exists (the file), Full, Io, Corrupt. The copy is of no use then.
  base::Result<void> copy_to(const std::string& path);

  // Rows that the last INSERT, UPDATE or DELETE touched.
  std::int64_t changes() const;
  std::int64_t last_insert_id() const;

 private:
  friend class Transaction;
  explicit Sqlite(sqlite3* connection);

  sqlite3* connection_ = nullptr;
  std::unique_ptr<StatementCache> cache_;  // stays where it is when this is moved
};

// A write transaction (BEGIN IMMEDIATE); rolled back at its end unless committed. Not nestable.
// The connection must outlive it and not be moved meanwhile.
class Transaction {
 public:
  static base::Result<Transaction> begin(Sqlite& connection);
  ~Transaction();
  Transaction(Transaction&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  base::Result<void> commit();

 private:
  explicit Transaction(Sqlite* connection) : connection_(connection) {}

  Sqlite* connection_;
};

}  // namespace store
