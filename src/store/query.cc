#include "store/query.h"

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "base/counter.h"
#include "store/catalogue.h"
#include "store/event_store_state.h"

namespace store {
namespace {

using kql::Type;

// Interrupts queries that run longer than they may: a thread of its own, since DuckDB runs a query
// to its end otherwise.
class Watchdog {
 public:
  Watchdog() : thread_([this](const std::stop_token& stop) { watch(stop); }) {}

  std::uint64_t arm(base::MonoTime deadline, duckdb_connection connection) {
    const std::lock_guard lock(mutex_);
    const std::uint64_t id = ++last_id_;
    armed_.emplace(id, Armed{deadline, connection, false});
    changed_.notify_all();
    return id;
  }
  // True when it has interrupted the query. The connection is not touched afterwards.
  bool disarm(std::uint64_t id) {
    const std::lock_guard lock(mutex_);
    const auto found = armed_.find(id);
    const bool fired = found->second.fired;
    armed_.erase(found);
    return fired;
  }

 private:
  struct Armed {
    base::MonoTime deadline;
    duckdb_connection connection;
    bool fired;
  };

  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      const auto now = base::mono_now();
      auto next = base::MonoTime::max();
      for (auto& [id, armed] : armed_) {
        if (armed.deadline <= now) {
          // Again and again until it ends: an interrupt before the query has begun is forgotten.
          duckdb_interrupt(armed.connection);
          armed.fired = true;
          next = std::min(next, now + std::chrono::milliseconds(20));
        } else {
          next = std::min(next, armed.deadline);
        }
      }
      const auto seen = last_id_;
      const auto woken = [&] { return last_id_ != seen; };
      if (next == base::MonoTime::max()) {
        changed_.wait(lock, stop, woken);
      } else {
        changed_.wait_until(lock, stop, next, woken);
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::uint64_t, Armed> armed_;
  std::uint64_t last_id_ = 0;
  std::jthread thread_;
};

Value value_at(const duck::Column& column, idx_t row, Type type) {
  if (column.is_null(row)) return {};
  switch (type) {
    case Type::Bool:
      return column.as<bool>(row);
    case Type::Int:
      return std::int64_t{column.as<std::int32_t>(row)};
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan:
      return column.as<std::int64_t>(row);
    case Type::Real:
      return column.as<double>(row);
    case Type::Decimal:
    case Type::String:
    case Type::Guid:
    case Type::Dynamic:
      return std::string(column.text(row));
  }
  return {};
}

std::size_t text_size(const Value& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr ? text->size() : 0;
}

// The type that a column of the emitted SQL must have, so that its values can be read as such.
bool holds(Type type, duckdb_type found) {
  switch (type) {
    case Type::Bool:
      return found == DUCKDB_TYPE_BOOLEAN;
    case Type::Int:
      return found == DUCKDB_TYPE_INTEGER;
    case Type::Long:
    case Type::DateTime:
    case Type::TimeSpan:
      return found == DUCKDB_TYPE_BIGINT;
    case Type::Real:
      return found == DUCKDB_TYPE_DOUBLE;
    default:
      return found == DUCKDB_TYPE_VARCHAR;
  }
}

// Owns a prepared statement and its pending result.
class Running {
 public:
  ~Running() {
    duckdb_destroy_pending(&pending_);
    duckdb_destroy_prepare(&prepared_);
  }
  base::Result<duck::Rows> run(duck::Connection& connection, const std::string& sql,
                               const std::atomic<bool>* cancelled) {
    if (duckdb_prepare(connection.get(), sql.c_str(), &prepared_) != DuckDBSuccess) {
      return std::unexpected(duck::to_error("event store query", DUCKDB_ERROR_BINDER,
                                            duckdb_prepare_error(prepared_)));
    }
    if (duckdb_pending_prepared_streaming(prepared_, &pending_) != DuckDBSuccess) {
      return std::unexpected(duck::to_error("event store query", DUCKDB_ERROR_INVALID,
                                            duckdb_pending_error(pending_)));
    }
    // From here on an interrupt is not forgotten; one that came earlier may have been.
    if (cancelled != nullptr && cancelled->load()) return base::fail(base::Code::Closed, "query");
    duckdb_result result;
    if (duckdb_execute_pending(pending_, &result) != DuckDBSuccess) {
      auto error = duck::to_error("event store query", duckdb_result_error_type(&result),
                                  duckdb_result_error(&result));
      duckdb_destroy_result(&result);
      return std::unexpected(std::move(error));
    }
    return duck::Rows(result);
  }
  duckdb_type column_type(idx_t column) {
    return duckdb_prepared_statement_column_type(prepared_, column);
  }

 private:
  duckdb_prepared_statement prepared_ = nullptr;
  duckdb_pending_result pending_ = nullptr;
};

base::Result<void> read_rows(duck::Rows& rows, const QueryOptions& options, QueryResult& result) {
  std::size_t bytes = 0;
  while (TRY(rows.next())) {
    std::vector<duck::Column> columns;
    for (idx_t index = 0; index < result.columns.size(); ++index)
      columns.push_back(rows.column(index));
    for (idx_t row = 0; row < rows.size(); ++row) {
      if (result.rows.size() >= options.row_limit || bytes > options.byte_limit) {
        result.stats.truncated = true;
        return {};
      }
      std::vector<Value> values;
      values.reserve(columns.size());
      for (std::size_t index = 0; index < columns.size(); ++index) {
        values.push_back(value_at(columns[index], row, result.columns[index].type));
        bytes += text_size(values.back());
      }
      result.rows.push_back(std::move(values));
    }
  }
  return {};
}

}  // namespace

void write_value(base::json::Writer& writer, kql::Type type, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return writer.null();
  switch (type) {
    case Type::Bool:
      return writer.value(std::get<bool>(value));
    case Type::Int:
    case Type::Long:
      return writer.value(std::get<std::int64_t>(value));
    case Type::Real:
      return writer.value(std::get<double>(value));
    case Type::DateTime:
      return writer.value(kql::format_datetime(std::get<std::int64_t>(value)));
    case Type::TimeSpan:
      return writer.value(kql::format_timespan(std::get<std::int64_t>(value)));
    case Type::Dynamic:
      return writer.raw(std::get<std::string>(value));
    case Type::Decimal:
    case Type::String:
    case Type::Guid:
      return writer.value(std::get<std::string>(value));
  }
}

std::string value_text(kql::Type type, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return {};
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (type == Type::DateTime) return kql::format_datetime(std::get<std::int64_t>(value));
  if (type == Type::TimeSpan) return kql::format_timespan(std::get<std::int64_t>(value));
  std::string text;
  base::json::Writer writer(text);
  write_value(writer, type, value);
  return text;
}

struct Cancel::State {
  std::mutex mutex;  // guards connection
  duckdb_connection connection = nullptr;
  std::atomic<bool> cancelled{false};
};

Cancel::Cancel() : state_(std::make_unique<State>()) {}
Cancel::~Cancel() = default;

void Cancel::cancel() {
  state_->cancelled = true;
  const std::lock_guard lock(state_->mutex);
  if (state_->connection != nullptr) duckdb_interrupt(state_->connection);
}

struct Queries::State {
  State(EventStore::State& event_store, std::size_t limit)
      : store(event_store), concurrent(limit) {}

  EventStore::State& store;
  std::size_t concurrent;
  std::atomic<std::size_t> running{0};
  Watchdog watchdog;
  base::Counter queries;
  base::Counter failed;
  base::Counter timed_out;
  base::Counter refused;

  base::Result<void> execute(const std::string& sql, const QueryOptions& options,
                             QueryResult& result);
  base::Result<void> execute_on(duck::Connection& connection, const std::string& sql,
                                const QueryOptions& options, QueryResult& result) const;
};

base::Result<void> Queries::State::execute_on(duck::Connection& connection, const std::string& sql,
                                              const QueryOptions& options,
                                              QueryResult& result) const {
  Running statement;
  const auto* cancelled = options.cancel != nullptr ? &options.cancel->state_->cancelled : nullptr;
  auto rows = TRY(statement.run(connection, sql, cancelled));
  ASSERT(rows.column_count() == result.columns.size());
  for (idx_t column = 0; column < result.columns.size(); ++column) {
    if (!holds(result.columns[column].type, statement.column_type(column))) {
      return base::fail(
          base::Code::Unsupported, "query result", -1,
          fmt::format("column '{}' should be {} but DuckDB gives its type {}",
                      result.columns[column].name, kql::type_name(result.columns[column].type),
                      static_cast<int>(statement.column_type(column))));
    }
  }
  return read_rows(rows, options, result);
}

base::Result<void> Queries::State::execute(const std::string& sql, const QueryOptions& options,
                                           QueryResult& result) {
  auto lease = TRY(store.lease());
  duck::Connection& connection = lease.connection();
  const auto set_cancel = [&](duckdb_connection target) {
    if (options.cancel == nullptr) return false;
    const std::lock_guard lock(options.cancel->state_->mutex);
    options.cancel->state_->connection = target;
    return options.cancel->state_->cancelled.load();
  };
  if (set_cancel(connection.get())) {
    set_cancel(nullptr);
    return base::fail(base::Code::Closed, "query", -1, "cancelled");
  }
  const auto alarm = watchdog.arm(base::mono_now() + options.timeout, connection.get());
  auto outcome = execute_on(connection, sql, options, result);
  const bool cancelled = set_cancel(nullptr);
  const bool expired = watchdog.disarm(alarm);
  if (outcome || outcome.error().code != base::Code::Closed) return outcome;
  if (cancelled) return base::fail(base::Code::Closed, "query", -1, "cancelled");
  if (expired) {
    timed_out.add();
    return base::fail(base::Code::Expired, "query", -1,
                      fmt::format("it ran for more than {} ms", options.timeout.count()));
  }
  return base::fail(base::Code::Unavailable, "query", -1,
                    "the event store was opened again; ask once more");
}

base::Result<std::unique_ptr<Queries>> Queries::open(EventStore& store, std::size_t concurrent) {
  return std::unique_ptr<Queries>(new Queries(std::make_unique<State>(*store.state_, concurrent)));
}

Queries::Queries(std::unique_ptr<State> state) : state_(std::move(state)) {}
Queries::~Queries() = default;

std::expected<QueryResult, QueryFailure> Queries::run_kql(std::string_view text,
                                                          const QueryOptions& options) {
  const auto begin = base::mono_now();
  state_->queries.add();
  const auto fail = [&](QueryFailure failure) {
    state_->failed.add();
    return std::unexpected(std::move(failure));
  };
  // One more than is shown tells whether there are more.
  auto compiled =
      kql::compile(text, catalogue(), {.now = options.now, .row_limit = options.row_limit + 1});
  if (!compiled) {
    return fail({std::move(compiled).error(), {base::Code::Invalid, "query", -1, "it has errors"}});
  }
  QueryResult result;
  result.columns = std::move(compiled->columns);
  result.render = std::move(compiled->render);
  result.warnings = std::move(compiled->warnings);
  if (state_->running.fetch_add(1) >= state_->concurrent) {
    state_->running.fetch_sub(1);
    state_->refused.add();
    return fail({{},
                 {base::Code::Unavailable, "query", -1,
                  fmt::format("{} queries are running already; try again", state_->concurrent)}});
  }
  auto outcome = state_->execute(compiled->sql, options, result);
  state_->running.fetch_sub(1);
  if (!outcome) return fail({{}, std::move(outcome).error()});
  result.stats.rows = result.rows.size();
  result.stats.elapsed = base::mono_now() - begin;
  return result;
}

Queries::Stats Queries::stats() const {
  return {state_->queries.value(), state_->failed.value(), state_->timed_out.value(),
          state_->refused.value()};
}

}  // namespace store
