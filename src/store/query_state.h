#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/counter.h"
#include "store/duck.h"
#include "store/event_store_state.h"
#include "store/query.h"

// How queries run; for query.cc and export.cc.
namespace store {

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

// Owns a prepared statement and its pending result. Rows of it must go first. It is for within one
// duck::Reading: what was planned is run on the rows that it was planned for.
class Running {
 public:
  ~Running() {
    duckdb_destroy_pending(&pending_);
    duckdb_destroy_prepare(&prepared_);
  }
  base::Result<void> prepare(duck::Connection& connection, const std::string& sql) {
    if (duckdb_prepare(connection.get(), sql.c_str(), &prepared_) != DuckDBSuccess) {
      return std::unexpected(duck::to_error("event store query", DUCKDB_ERROR_BINDER,
                                            duckdb_prepare_error(prepared_)));
    }
    return {};
  }
  // What was prepared.
  base::Result<duck::Rows> run(const std::atomic<bool>* cancelled) {
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
  duckdb_type column_type(idx_t column) const {
    return duckdb_prepared_statement_column_type(prepared_, column);
  }

 private:
  duckdb_prepared_statement prepared_ = nullptr;
  duckdb_pending_result pending_ = nullptr;
};

// The value of a column of that KQL type.
Value value_at(const duck::Column& column, idx_t row, kql::Type type);
// Whether the statement gives what the columns say. Errors: Unsupported.
base::Result<void> check_columns(const Running& statement, const std::vector<kql::Column>& columns);

struct Cancel::State {
  std::mutex mutex;  // guards connection
  duckdb_connection connection = nullptr;
  std::atomic<bool> cancelled{false};
};

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
  base::Counter cancellations;
  base::Counter refused;

  std::unexpected<QueryFailure> fail(QueryFailure failure);
  std::unexpected<QueryFailure> refuse();

  // Runs `work` within one reading transaction, on a connection that the watchdog and `cancel` may
  // interrupt while it runs: never while the transaction begins or ends.
  using Work = std::function<base::Result<void>(duck::Connection&)>;
  base::Result<void> guarded(std::chrono::milliseconds timeout, Cancel* cancel, const Work& work);
  base::Result<void> execute(const std::string& sql, const QueryOptions& options,
                             QueryResult& result);
  base::Result<void> write_file(const kql::Compiled& query, ExportFormat format,
                                const ExportOptions& options, const std::string& path);
  // What a query's columns depend on, as texts, within the query's own limits.
  std::optional<std::vector<std::vector<std::string>>> probe(const std::string& sql,
                                                             const QueryOptions& options,
                                                             std::optional<base::Error>& error);
};

// One of the queries that may run at once.
class Queries::Slot {
 public:
  explicit Slot(State& state)
      : state_(state), taken_(state.running.fetch_add(1) < state.concurrent) {}
  ~Slot() { state_.running.fetch_sub(1); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  bool taken() const { return taken_; }

 private:
  State& state_;
  bool taken_;
};

}  // namespace store
