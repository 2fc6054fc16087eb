#include "store/duck.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <thread>

#include "base/text.h"
#include "store/event_functions.h"

namespace store::duck {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

base::Code code_of(duckdb_error_type type, std::string_view message) {
  if (contains(message, "No space left") || contains(message, "File too large") ||
      contains(message, "Disk quota")) {
    return base::Code::Full;
  }
  // Some calls give the message without its type.
  if (message.starts_with("INTERRUPT Error")) return base::Code::Closed;
  if (message.starts_with("Out of Memory Error")) return base::Code::Full;
  if (message.starts_with("FATAL Error") || message.starts_with("INTERNAL Error"))
    return base::Code::Corrupt;
  if (message.starts_with("TransactionContext Error")) return base::Code::Unavailable;
  if (type == DUCKDB_ERROR_INVALID && message.starts_with("IO Error")) type = DUCKDB_ERROR_IO;
  if (contains(message, "Could not set lock") || contains(message, "Conflicting lock")) {
    return base::Code::Conflict;
  }
  if (contains(message, "not a valid DuckDB database") || contains(message, "Corrupt") ||
      contains(message, "corrupt") || contains(message, "checksum") ||
      contains(message, "invalidated") || contains(message, "Failure while replaying WAL")) {
    return base::Code::Corrupt;
  }
  if (contains(message, "newer version of DuckDB") ||
      contains(message, "older version of DuckDB")) {
    return base::Code::Unsupported;
  }
  switch (type) {
    case DUCKDB_ERROR_OUT_OF_MEMORY:
      return base::Code::Full;
    case DUCKDB_ERROR_INTERRUPT:
      return base::Code::Closed;
    case DUCKDB_ERROR_FATAL:
    case DUCKDB_ERROR_INTERNAL:
    case DUCKDB_ERROR_SERIALIZATION:
      return base::Code::Corrupt;
    case DUCKDB_ERROR_IO:
      return base::Code::Io;
    case DUCKDB_ERROR_TRANSACTION:
      return base::Code::Unavailable;
    default:
      return base::Code::Invalid;
  }
}

}  // namespace

base::Error to_error(const char* what, duckdb_error_type type, const char* message) {
  std::string detail = message != nullptr ? message : "no message";
  // The first line says it; the rest repeats the statement.
  const base::Code code = code_of(type, detail);
  if (const auto end = detail.find('\n'); end != std::string::npos) detail.resize(end);
  return {code, what, -1, std::move(detail)};
}

std::string quote(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

std::size_t longest_log(std::size_t memory_limit) {
  return std::clamp(memory_limit / 4, std::size_t{16} << 20U, std::size_t{1} << 30U);
}

base::Result<Database> Database::open(const std::string& path, const Settings& settings) {
  duckdb_config config = nullptr;
  ASSERT(duckdb_create_config(&config) == DuckDBSuccess);
  const unsigned threads =
      settings.threads != 0 ? settings.threads : std::max(1U, std::thread::hardware_concurrency());
  const std::string memory = std::to_string(settings.memory_limit >> 10U) + "KiB";
  const std::string thread_count = std::to_string(threads);
  const std::string spill = std::to_string(settings.spill_limit >> 10U) + "KiB";
  const std::string log = std::to_string(longest_log(settings.memory_limit) >> 10U) + "KiB";
  const std::array<std::pair<const char*, const char*>, 10> options = {{
      {"checkpoint_threshold", log.c_str()},
      {"memory_limit", memory.c_str()},
      {"threads", thread_count.c_str()},
      {"temp_directory", settings.temp_dir.c_str()},
      {"max_temp_directory_size", spill.c_str()},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
      {"allow_community_extensions", "false"},
      {"allow_unsigned_extensions", "false"},
      {"preserve_insertion_order", "false"},
  }};
  for (const auto& [name, value] : options) {
    if (duckdb_set_config(config, name, value) != DuckDBSuccess) {
      duckdb_destroy_config(&config);
      return base::fail(base::Code::Unsupported, "duckdb option", -1, name);
    }
  }
  duckdb_database handle = nullptr;
  char* message = nullptr;
  const auto state = duckdb_open_ext(path.c_str(), &handle, config, &message);
  duckdb_destroy_config(&config);
  if (state != DuckDBSuccess) {
    auto error = to_error("open the event store", DUCKDB_ERROR_INVALID, message);
    duckdb_free(message);
    if (error.code == base::Code::Invalid) error.code = base::Code::Io;
    return std::unexpected(std::move(error));
  }
  Database database(handle);
  auto connection = TRY(Connection::open(database));
  TRY(register_event_functions(connection.get()));
  // From here on no query, however made, can loosen the settings above.
  std::string rules;
  for (const std::string& folder : settings.folders)
    rules += (rules.empty() ? "SET allowed_directories = [" : ", ") + quote(folder);
  if (!rules.empty()) rules += "];";
  // Pieces never change: what their row groups hold is read once, not for every question.
  rules += "SET parquet_metadata_cache = true;";
  TRY(connection.execute(rules +
                         "SET enable_external_access = false; SET lock_configuration = true"));
  return database;
}

base::Result<Connection> Connection::open(const Database& database) {
  duckdb_connection handle = nullptr;
  if (duckdb_connect(database.get(), &handle) != DuckDBSuccess) {
    return base::fail(base::Code::Unavailable, "connect to the event store");
  }
  return Connection(handle);
}

base::Result<void> Connection::execute(const std::string& sql) {
  duckdb_result result;
  const auto state = duckdb_query(handle_, sql.c_str(), &result);
  if (state == DuckDBSuccess) {
    duckdb_destroy_result(&result);
    return {};
  }
  auto error =
      to_error("event store", duckdb_result_error_type(&result), duckdb_result_error(&result));
  duckdb_destroy_result(&result);
  return std::unexpected(std::move(error));
}

base::Result<void> Connection::execute_patiently(const std::string& sql) {
  constexpr timespec kBetween{0, 100'000};  // 0.1 ms
  duckdb_prepared_statement statement = nullptr;
  duckdb_pending_result pending = nullptr;
  duckdb_result result{};
  const auto failure = [](const char* message) {
    return std::unexpected(to_error("event store", DUCKDB_ERROR_INVALID, message));
  };
  base::Result<void> done;
  if (duckdb_prepare(handle_, sql.c_str(), &statement) != DuckDBSuccess) {
    done = failure(duckdb_prepare_error(statement));
  } else if (duckdb_pending_prepared(statement, &pending) != DuckDBSuccess) {
    done = failure(duckdb_pending_error(pending));
  } else {
    auto state = duckdb_pending_execute_task(pending);
    while (!duckdb_pending_execution_is_finished(state)) {
      if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE) ::nanosleep(&kBetween, nullptr);
      state = duckdb_pending_execute_task(pending);
    }
    if (state == DUCKDB_PENDING_ERROR) {
      done = failure(duckdb_pending_error(pending));
    } else if (duckdb_execute_pending(pending, &result) != DuckDBSuccess) {
      done = std::unexpected(
          to_error("event store", duckdb_result_error_type(&result), duckdb_result_error(&result)));
    }
  }
  duckdb_destroy_result(&result);
  duckdb_destroy_pending(&pending);
  duckdb_destroy_prepare(&statement);
  return done;
}

base::Result<Rows> Connection::query(const std::string& sql) {
  duckdb_result result;
  if (duckdb_query(handle_, sql.c_str(), &result) == DuckDBSuccess) return Rows(result);
  auto error = to_error("event store query", duckdb_result_error_type(&result),
                        duckdb_result_error(&result));
  duckdb_destroy_result(&result);
  return std::unexpected(std::move(error));
}

base::Result<std::vector<std::int64_t>> Connection::numbers(const std::string& sql) {
  auto rows = TRY(query(sql));
  std::vector<std::int64_t> out(rows.column_count(), 0);
  if (!TRY(rows.next())) return out;
  for (idx_t index = 0; index < out.size(); ++index) {
    const Column column = rows.column(index);
    if (!column.is_null(0)) out[index] = column.as<std::int64_t>(0);
  }
  return out;
}

base::Result<Reading> Reading::begin(Connection& connection) {
  TRY(connection.execute("BEGIN TRANSACTION READ ONLY"));
  return Reading(connection);
}

Reading::~Reading() {
  if (connection_ == nullptr) return;
  // Should it fail, the connection is of no more use, and closing it ends the transaction.
  (void)connection_->execute("ROLLBACK");
}

Column::Column(duckdb_data_chunk chunk, idx_t column) {
  duckdb_vector vector = duckdb_data_chunk_get_vector(chunk, column);
  data_ = duckdb_vector_get_data(vector);
  validity_ = duckdb_vector_get_validity(vector);
}

std::string_view Column::text(idx_t row) const {
  auto* value = static_cast<duckdb_string_t*>(data_) + row;
  return {duckdb_string_t_data(value), duckdb_string_t_length(*value)};
}

Rows::~Rows() {
  duckdb_destroy_data_chunk(&chunk_);
  duckdb_destroy_result(&result_);
}

base::Result<bool> Rows::next() {
  duckdb_destroy_data_chunk(&chunk_);
  chunk_ = duckdb_fetch_chunk(result_);
  if (chunk_ != nullptr) return true;
  const char* message = duckdb_result_error(&result_);
  if (message == nullptr || *message == '\0') return false;
  return std::unexpected(
      to_error("event store query", duckdb_result_error_type(&result_), message));
}

base::Result<Appender> Appender::open(Connection& connection, const std::string& name,
                                      const TableDefinition& table) {
  duckdb_appender appender = nullptr;
  if (duckdb_appender_create(connection.get(), nullptr, name.c_str(), &appender) != DuckDBSuccess) {
    auto error = to_error("append to the event store", DUCKDB_ERROR_INVALID,
                          duckdb_appender_error(appender));
    duckdb_appender_destroy(&appender);
    return std::unexpected(std::move(error));
  }
  const idx_t columns = duckdb_appender_column_count(appender);
  ASSERT(columns == table.stored.size());
  std::vector<duckdb_logical_type> types;
  for (idx_t column = 0; column < columns; ++column) {
    types.push_back(duckdb_appender_column_type(appender, column));
  }
  duckdb_data_chunk chunk = duckdb_create_data_chunk(types.data(), columns);
  for (duckdb_logical_type& type : types)
    duckdb_destroy_logical_type(&type);
  ASSERT(chunk != nullptr);
  return Appender(appender, chunk, table);
}

Appender::Appender(duckdb_appender appender, duckdb_data_chunk chunk, const TableDefinition& table)
    : appender_(appender), chunk_(chunk), table_(&table) {
  load_columns();
}

Appender::Appender(Appender&& other) noexcept
    : appender_(std::exchange(other.appender_, nullptr)),
      chunk_(std::exchange(other.chunk_, nullptr)),
      table_(other.table_),
      vectors_(std::move(other.vectors_)),
      data_(std::move(other.data_)),
      validity_(std::move(other.validity_)),
      row_(other.row_),
      column_(other.column_) {}

Appender::~Appender() {
  duckdb_destroy_data_chunk(&chunk_);
  duckdb_appender_destroy(&appender_);
}

void Appender::load_columns() {
  vectors_.clear();
  data_.clear();
  for (idx_t column = 0; column < table_->stored.size(); ++column) {
    vectors_.push_back(duckdb_data_chunk_get_vector(chunk_, column));
    data_.push_back(duckdb_vector_get_data(vectors_.back()));
  }
  validity_.assign(data_.size(), nullptr);
}

void* Appender::next() {
  ASSERT(column_ < data_.size());
  return data_[column_++];
}

void Appender::text(std::string_view value) {
  const std::size_t column = column_;
  next();
  if (base::is_utf8(value)) {
    duckdb_vector_assign_string_element_len(
        vectors_[column], row_, value.data() != nullptr ? value.data() : "", value.size());
  } else {
    const std::string mended = base::to_utf8(value);
    duckdb_vector_assign_string_element_len(vectors_[column], row_, mended.data(), mended.size());
  }
}

void Appender::guid(std::span<const std::uint8_t, 16> bytes) {
  static_cast<duckdb_hugeint*>(next())[row_] = uuid_value(bytes);
}

void Appender::null() {
  std::uint64_t*& validity = validity_[column_];
  if (validity == nullptr) {
    duckdb_vector_ensure_validity_writable(vectors_[column_]);
    validity = duckdb_vector_get_validity(vectors_[column_]);
  }
  next();
  validity[row_ / 64] &= ~(std::uint64_t{1} << (row_ % 64));
}

base::Result<void> Appender::end_row() {
  ASSERT(column_ == data_.size());
  column_ = 0;
  if (++row_ == duckdb_vector_size()) return flush_chunk();
  return {};
}

base::Result<void> Appender::flush_chunk() {
  duckdb_data_chunk_set_size(chunk_, row_);
  if (duckdb_append_data_chunk(appender_, chunk_) != DuckDBSuccess) {
    return std::unexpected(to_error("append to the event store", DUCKDB_ERROR_INVALID,
                                    duckdb_appender_error(appender_)));
  }
  duckdb_data_chunk_reset(chunk_);
  row_ = 0;
  load_columns();
  return {};
}

base::Result<void> Appender::close() {
  if (row_ > 0) TRY(flush_chunk());
  if (duckdb_appender_close(appender_) != DuckDBSuccess) {
    return std::unexpected(to_error("append to the event store", DUCKDB_ERROR_INVALID,
                                    duckdb_appender_error(appender_)));
  }
  return {};
}

duckdb_hugeint uuid_value(std::span<const std::uint8_t, 16> bytes) {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    high = (high << 8U) | bytes[i];
    low = (low << 8U) | bytes[i + 8];
  }
  return {.lower = low, .upper = static_cast<std::int64_t>(high ^ (std::uint64_t{1} << 63U))};
}

void uuid_bytes(duckdb_hugeint value, std::span<std::uint8_t, 16> bytes) {
  std::uint64_t high = static_cast<std::uint64_t>(value.upper) ^ (std::uint64_t{1} << 63U);
  std::uint64_t low = value.lower;
  for (std::size_t i = 8; i-- > 0;) {
    bytes[i] = static_cast<std::uint8_t>(high);
    bytes[i + 8] = static_cast<std::uint8_t>(low);
    high >>= 8U;
    low >>= 8U;
  }
}

}  // namespace store::duck
