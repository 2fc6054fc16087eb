#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "base/counter.h"
#include "store/duck.h"
#include "store/events.h"
#include "store/recent_keys.h"

namespace store {

// The open database, used by one writer and by queries. DuckDB shuts a database down when a commit
// cannot be written (a full disk); then the writer waits for the queries to end and opens it again.
struct EventStore::State {
  explicit State(EventStoreOptions store_options) : options(std::move(store_options)) {}

  // A connection for a query, registered while it lives so that the writer can ask for it back.
  class Lease {
   public:
    Lease(State& state, duck::Connection connection)
        : state_(&state), connection_(std::move(connection)) {}
    Lease(Lease&& other) noexcept
        : state_(std::exchange(other.state_, nullptr)), connection_(std::move(other.connection_)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    duck::Connection& connection() { return connection_; }

   private:
    State* state_;
    duck::Connection connection_;
  };
  // Errors: Unavailable (the database is being opened again).
  base::Result<Lease> lease();

  base::Result<void> open_database();
  base::Result<void> reopen();
  base::Result<void> prepare_tables(duck::Connection& connection);
  base::Result<void> read_position(duck::Connection& connection);
  base::Result<void> load_recent_keys(duck::Connection& connection);
  base::Result<void> find_stored(std::span<const EventKey> keys,
                                 std::span<const std::size_t> unknown,
                                 std::vector<std::uint8_t>& is_new);
  base::Result<void> append_rows(const Batch& batch, std::uint64_t journal_sequence,
                                 std::uint64_t outbox);

  EventStoreOptions options;
  std::string tenant;

  std::mutex mutex;  // guards database and leased
  std::condition_variable returned;
  std::optional<duck::Database> database;
  std::vector<duckdb_connection> leased;

  // The writer's own.
  std::optional<duck::Connection> writer;
  RecentKeys recent;
  bool broken = false;  // DuckDB shut the database down

  std::atomic<std::uint64_t> journal_sequence{0};
  std::atomic<std::uint64_t> outbox{0};
  base::Counter rows_appended;
  base::Counter duplicates;
  base::Counter lookups;
  base::Counter batches;
  base::Counter failures;
};

}  // namespace store
