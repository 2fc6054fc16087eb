#include "store/sqlite.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sqlite3.h>

#include "os/file.h"

namespace store {
namespace {

base::Code code_of(int sqlite_code) {
  switch (sqlite_code & 0xFF) {
    case SQLITE_CONSTRAINT:
      return base::Code::Exists;
    case SQLITE_FULL:
      return base::Code::Full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return base::Code::Corrupt;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return base::Code::Unavailable;
    case SQLITE_TOOBIG:
      return base::Code::TooLarge;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return base::Code::Denied;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return base::Code::Io;
    default:
      return base::Code::Invalid;
  }
}

std::unexpected<base::Error> fail_sqlite(sqlite3* connection, int code, const char* what) {
  const auto kind = code_of(code);
  const int system_error = kind == base::Code::Io ? sqlite3_system_errno(connection) : 0;
  return std::unexpected(
      base::Error{kind, what, system_error != 0 ? system_error : -1, sqlite3_errmsg(connection)});
}

}  // namespace

// Statements that nobody uses, the one used last at the end. To prepare one costs many times what
// it takes to run it.
struct StatementCache {
  ~StatementCache() {
    for (sqlite3_stmt* statement : idle)
      sqlite3_finalize(statement);
  }

  sqlite3_stmt* take(std::string_view sql) {
    const auto found = std::ranges::find_if(idle, [sql](sqlite3_stmt* statement) {
      return std::string_view(sqlite3_sql(statement)) == sql;
    });
    if (found == idle.end()) return nullptr;
    sqlite3_stmt* const statement = *found;
    idle.erase(found);
    return statement;
  }

  void put(sqlite3_stmt* statement) {
    if (idle.size() == Sqlite::kCachedStatements) {
      sqlite3_finalize(idle.front());
      idle.erase(idle.begin());
    }
    idle.push_back(statement);
  }

  std::vector<sqlite3_stmt*> idle;
};

void Statement::give_back() {
  if (statement_ == nullptr) return;
  // Which ends what it was doing, and its hold on the file.
  reset();
  cache_->put(std::exchange(statement_, nullptr));
}

Statement::~Statement() {
  give_back();
}

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)),
      cache_(other.cache_),
      bind_error_(other.bind_error_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  if (this != &other) {
    give_back();
    statement_ = std::exchange(other.statement_, nullptr);
    cache_ = other.cache_;
    bind_error_ = other.bind_error_;
  }
  return *this;
}

Statement& Statement::bind(int parameter, std::int64_t value) {
  const int code = sqlite3_bind_int64(statement_, parameter, value);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::bind(int parameter, double value) {
  const int code = sqlite3_bind_double(statement_, parameter, value);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) {
  // An empty view may have no pointer, which SQLite would take for NULL.
  const char* data = text.data() != nullptr ? text.data() : "";
  const int code =
      sqlite3_bind_text64(statement_, parameter, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::bind(int parameter, base::ByteView blob) {
  const void* data = blob.data() != nullptr ? static_cast<const void*>(blob.data()) : "";
  const int code = sqlite3_bind_blob64(statement_, parameter, data, blob.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

Statement& Statement::bind(int parameter, std::nullopt_t) {
  const int code = sqlite3_bind_null(statement_, parameter);
  if (code != SQLITE_OK) bind_error_ = code;
  return *this;
}

base::Result<bool> Statement::step() {
  sqlite3* connection = sqlite3_db_handle(statement_);
  if (bind_error_ != 0) {
    return std::unexpected(
        base::Error{code_of(bind_error_), "sqlite bind", -1, sqlite3_errstr(bind_error_)});
  }
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  auto error = fail_sqlite(connection, code, "sqlite step");
  sqlite3_reset(statement_);
  return error;
}

base::Result<void> Statement::run() {
  auto more = step();
  while (more && *more)
    more = step();
  reset();
  if (!more) return std::unexpected(std::move(more).error());
  return {};
}

void Statement::reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  bind_error_ = 0;
}

int Statement::column_count() const {
  return sqlite3_column_count(statement_);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

double Statement::real(int column) const {
  return sqlite3_column_double(statement_, column);
}

std::string_view Statement::text(int column) const {
  return base::as_text(blob(column));
}

base::ByteView Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr || size <= 0) return {};
  return {static_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size)};
}

std::optional<std::string> Statement::optional_string(int column) const {
  if (is_null(column)) return std::nullopt;
  return string(column);
}

std::optional<std::int64_t> Statement::optional_integer(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

base::Result<Sqlite> Sqlite::open(const std::string& path, SqliteMode mode,
                                  std::chrono::milliseconds busy_timeout) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
  if (mode == SqliteMode::ReadWrite) {
    // Made here so that nobody else can read it, whatever the umask; SQLite gives its WAL the same
    // mode. Never opened here once it exists: closing that descriptor would drop the POSIX locks
    // that this process's other connections hold, and another process could then delete the WAL
    // under them.
    const auto made = os::open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (!made && made.error().at != EEXIST) return std::unexpected(made.error());
    flags |= SQLITE_OPEN_READWRITE;
  } else {
    flags |= SQLITE_OPEN_READONLY;
  }
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Sqlite connection(raw);
  if (code != SQLITE_OK) {
    if (raw == nullptr) return base::fail(base::Code::Unavailable, "sqlite open", -1, path);
    auto error = fail_sqlite(raw, code, "sqlite open");
    error.error().detail += ": " + path;
    return error;
  }
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, static_cast<int>(busy_timeout.count()));
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  std::string pragmas = "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;";
  if (mode == SqliteMode::ReadWrite) pragmas += "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;";
  auto ready = connection.execute(pragmas);
  if (!ready) {
    ready.error().detail += ": " + path;
    return std::unexpected(std::move(ready).error());
  }
  return connection;
}

Sqlite::Sqlite(sqlite3* connection)
    : connection_(connection), cache_(std::make_unique<StatementCache>()) {}

Sqlite::~Sqlite() {
  cache_.reset();
  sqlite3_close_v2(connection_);
}

Sqlite::Sqlite(Sqlite&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), cache_(std::move(other.cache_)) {}

Sqlite& Sqlite::operator=(Sqlite&& other) noexcept {
  if (this != &other) {
    cache_ = std::move(other.cache_);
    sqlite3_close_v2(connection_);
    connection_ = std::exchange(other.connection_, nullptr);
  }
  return *this;
}

base::Result<void> Sqlite::migrate(std::string_view component,
                                   std::span<const std::string_view> steps) {
  TRY(
      execute("CREATE TABLE IF NOT EXISTS schema_version"
              "(component TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID"));
  while (true) {
    // Read inside the transaction: another process may be doing the same.
    auto transaction = TRY(Transaction::begin(*this));
    std::size_t version = 0;
    {
      auto query = TRY(prepare("SELECT version FROM schema_version WHERE component = ?"));
      query.bind_all(component);
      if (TRY(query.step())) version = static_cast<std::size_t>(query.integer(0));
    }
    if (version > steps.size()) {
      return base::fail(base::Code::Unsupported, "sqlite migrate", -1,
                        std::string(component) + " is at version " + std::to_string(version) +
                            ", this program knows up to " + std::to_string(steps.size()));
    }
    if (version == steps.size()) return {};
    TRY(execute(std::string(steps[version])));
    TRY(
        run("INSERT INTO schema_version VALUES(?, ?) "
            "ON CONFLICT(component) DO UPDATE SET version = excluded.version",
            component, static_cast<std::int64_t>(version + 1)));
    TRY(transaction.commit());
  }
}

base::Result<void> Sqlite::execute(const std::string& sql) {
  const int code = sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail_sqlite(connection_, code, "sqlite execute");
  return {};
}

base::Result<Statement> Sqlite::prepare(std::string_view sql) {
  if (sqlite3_stmt* const kept = cache_->take(sql)) return Statement(kept, *cache_);
  sqlite3_stmt* raw = nullptr;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v3(connection_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, &rest);
  if (code != SQLITE_OK) return fail_sqlite(connection_, code, "sqlite prepare");
  ASSERT(raw != nullptr);
  return Statement(raw, *cache_);
}

base::Result<void> Sqlite::begin_reading() {
  TRY(execute("BEGIN"));
  // Which is when the picture is taken.
  auto first = TRY(prepare("SELECT count(*) FROM sqlite_schema"));
  TRY(first.run());
  return {};
}

base::Result<void> Sqlite::end_reading() {
  return execute("COMMIT");
}

base::Result<void> Sqlite::copy_to(const std::string& path) {
  const auto made = os::open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!made && made.error().at == EEXIST)
    return base::fail(base::Code::Exists, "sqlite copy", -1, path);
  if (!made) return std::unexpected(made.error());
  sqlite3* raw = nullptr;
  int code =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  const Sqlite target(raw);
  if (raw == nullptr) return base::fail(base::Code::Unavailable, "sqlite copy", -1, path);
  if (code != SQLITE_OK) return fail_sqlite(raw, code, "sqlite copy");
  sqlite3_backup* copying = sqlite3_backup_init(raw, "main", connection_, "main");
  if (copying == nullptr) return fail_sqlite(raw, sqlite3_errcode(raw), "sqlite copy");
  sqlite3_backup_step(copying, -1);
  code = sqlite3_backup_finish(copying);
  if (code != SQLITE_OK) return fail_sqlite(raw, code, "sqlite copy");
  return {};
}

std::int64_t Sqlite::changes() const {
  return sqlite3_changes64(connection_);
}

std::int64_t Sqlite::last_insert_id() const {
  return sqlite3_last_insert_rowid(connection_);
}

base::Result<Transaction> Transaction::begin(Sqlite& connection) {
  TRY(connection.execute("BEGIN IMMEDIATE"));
  return Transaction(&connection);
}

Transaction::~Transaction() {
  // A failing statement may have rolled back already; then there is nothing to do.
  if (connection_ != nullptr && sqlite3_get_autocommit(connection_->connection_) == 0) {
    [[maybe_unused]] const auto rolled_back = connection_->execute("ROLLBACK");
  }
}

base::Result<void> Transaction::commit() {
  TRY(connection_->execute("COMMIT"));
  connection_ = nullptr;
  return {};
}

}  // namespace store
