#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/counter.h"
#include "store/duck.h"
#include "store/events.h"
#include "store/manifest.h"
#include "store/recent_keys.h"
#include "store/usage.h"

namespace store {

class Keeper;

// The open database, used by one writer and by queries. DuckDB shuts a database down when a commit
// cannot be written (a full disk); then the writer waits for the queries to end and opens it again.
struct EventStore::State {
  explicit State(EventStoreOptions store_options);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // Something that reads pieces. The file of a piece that was taken out of the list stays until all
  // have ended that began before. Threads: any.
  std::uint64_t begin_read();
  void end_read(std::uint64_t number);
  // Files of pieces that are in the list no more.
  void retire(std::vector<std::string> paths);
  std::uint64_t retired_bytes();

  // A connection for a query, registered while it lives so that the writer can ask for it back.
  class Lease {
   public:
    Lease(State& state, duck::Connection connection, std::uint64_t number)
        : state_(&state), connection_(std::move(connection)), number_(number) {}
    Lease(Lease&& other) noexcept
        : state_(std::exchange(other.state_, nullptr)),
          connection_(std::move(other.connection_)),
          number_(other.number_) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    duck::Connection& connection() { return connection_; }

   private:
    State* state_;
    duck::Connection connection_;
    std::uint64_t number_;
  };
  // Errors: Unavailable (the database is being opened again).
  base::Result<Lease> lease();

  base::Result<void> open_database();
  base::Result<void> reopen();
  base::Result<void> prepare_tables(duck::Connection& connection);
  base::Result<void> take_over_tables(duck::Connection& connection);
  base::Result<void> add_columns(duck::Connection& connection);
  base::Result<void> make_views(duck::Connection& connection);
  // Looks for pieces that are damaged, or sound again, and enters that into the list. Whether
  // anything has changed.
  base::Result<bool> examine_pieces(duck::Connection& connection, bool thoroughly);
  // Removes files that a crash left behind. Once, before anything else uses pieces.
  base::Result<void> tidy_pieces(duck::Connection& connection);
  base::Result<void> adopt_pieces(duck::Connection& connection);
  // Counts what is in the list, for stats.
  base::Result<void> count_pieces(duck::Connection& connection);
  // Writes the log into the database file while the writer waits. Errors: Unavailable (something is
  // being written).
  base::Result<void> checkpoint();
  base::Result<void> read_position(duck::Connection& connection);
  base::Result<kql::Ticks> recent_since(duck::Connection& connection, std::uint64_t wanted);
  base::Result<void> load_recent_keys(duck::Connection& connection);
  base::Result<void> find_stored(std::span<const EventKey> keys,
                                 std::span<const std::size_t> unknown,
                                 std::vector<std::uint8_t>& is_new);
  // How far the outboxes are stored.
  struct Positions {
    std::uint64_t outbox = 0;
    std::uint64_t audit = 0;
    std::uint64_t twins = 0;
    std::uint64_t recommendations = 0;
  };
  Positions positions_after(const Batch& batch) const;
  base::Result<void> append_rows(const Batch& batch, std::uint64_t journal_sequence,
                                 const Positions& positions);
  // A step in the making or unmaking of a piece; see SealOptions::on_step.
  void step(std::string_view name) const {
    if (options.seal.on_step) options.seal.on_step(name);
  }

  EventStoreOptions options;
  std::string pieces_folder;
  std::string tenant;

  std::mutex mutex;  // guards database, leased, and who reads pieces
  std::condition_variable returned;
  std::optional<duck::Database> database;
  std::vector<duckdb_connection> leased;
  struct Retired {
    std::string path;
    std::uint64_t last_reader;  // those up to here may need it
  };
  std::vector<Retired> retired;
  std::set<std::uint64_t> readers;
  std::uint64_t last_reader = 0;

  // Where rows are appended: by relation, the generation of hot tables. The writer holds `gate` for
  // as long as it uses one, so that who has set another one and then held `gate` knows that the
  // former gets no more rows. Nothing but that is done under it by others.
  std::mutex gate;
  std::map<std::string_view, std::uint64_t> generation;

  // The writer's own.
  std::optional<duck::Connection> writer;
  RecentKeys recent;
  UsageMeter usage;
  bool broken = false;              // DuckDB shut the database down
  std::uint64_t unlooked_rows = 0;  // appended since the keeper was last asked to look

  std::atomic<std::uint64_t> journal_sequence{0};
  std::atomic<std::uint64_t> outbox{0};
  std::atomic<std::uint64_t> audit{0};
  std::atomic<std::uint64_t> twins{0};
  std::atomic<std::uint64_t> recommendations{0};
  base::Counter rows_appended;
  base::Counter duplicates;
  base::Counter lookups;
  base::Counter batches;
  base::Counter failures;

  std::atomic<std::uint64_t> pieces{0};
  std::atomic<std::uint64_t> damaged_pieces{0};
  std::atomic<std::uint64_t> piece_bytes{0};
  // The last member: it ends before what it works on.
  std::unique_ptr<Keeper> keeper;
};

}  // namespace store
