#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/counter.h"
#include "base/result.h"
#include "base/time.h"
#include "store/duck.h"
#include "store/due.h"
#include "store/event_store_state.h"
#include "store/manifest.h"
#include "store/pieces.h"

namespace store {

// The thread that changes pieces: what is asked of it, and between that what is due. All functions
// but the first block are for jobs, which run on that thread.
class Keeper {
 public:
  explicit Keeper(EventStore::State& state) : state_(state) {}
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Threads: any.
  void start();
  using Job = std::function<base::Result<void>()>;
  // Runs it on the keeper's thread and waits for its result. Errors: Closed, and the job's.
  base::Result<void> run(const Job& job);
  // Looks soon whether there is something to do.
  void wake();
  // A query has failed with this. True when a piece may be the cause; they are looked at then.
  bool suspect(const base::Error& error);
  std::uint64_t sealed_rows() const { return sealed_rows_.value(); }
  std::uint64_t merges() const { return merges_.value(); }
  std::uint64_t failures() const { return failures_.value(); }

  // What a change of the list consists of. `also` are further statements of the same transaction,
  // which may change the hot tables of `table`.
  struct ListChange {
    std::vector<PieceRecord> removed;
    std::vector<PieceRecord> added;
    std::string also = {};
    const TableDefinition* table = nullptr;
  };
  // Files of what was added are removed when it fails, unless nobody can know whether it has.
  base::Result<void> commit(duck::Connection& connection, const ListChange& change);
  base::Result<void> commit(const ListChange& change);

  // Whether the hot table that rows are appended to has any.
  base::Result<bool> has_fresh_rows(const TableDefinition& table);
  // Rows are appended to a new hot table from now on; the ones before stay as they are.
  base::Result<void> roll(const TableDefinition& table);
  // Seals all hot tables but the one that rows are appended to. How many rows.
  base::Result<std::uint64_t> seal_frozen(const TableDefinition& table);
  base::Result<void> merge(const Merge& merge);
  // Writes the rows of `piece` for which `keep` is true into another one.
  base::Result<Change> rewrite(const PieceRecord& piece, std::string_view keep);
  base::Result<void> compact(bool force);
  // Writes a long log into the database file. Just after rows have left it, there is little to
  // write.
  base::Result<void> shorten_log();
  // Makes the database file smaller if most of it is free. Whether it has.
  base::Result<bool> shrink();
  base::Result<void> examine(bool thoroughly);

  EventStore::State& state() { return state_; }

  // Lets the end of the keeper interrupt what the connection does.
  class Working {
   public:
    Working(Keeper& keeper, duck::Connection& connection);
    ~Working();
    Working(const Working&) = delete;
    Working& operator=(const Working&) = delete;

   private:
    Keeper& keeper_;
  };

 private:
  struct Waiting {
    const Job* job;
    base::Result<void> result;
    bool done = false;
  };
  // Rows of one table and day that become pieces.
  struct Rows {
    const TableDefinition* table = nullptr;
    std::int64_t day = 0;
    std::string select;  // the stored columns, in their order
    std::uint64_t count = 0;
    bool merged = false;
    std::string replaces = {};  // ids of the pieces that the rows come from, with spaces between
  };

  void work();
  void answer_jobs(std::unique_lock<std::mutex>& lock);
  // Does one thing that is due. Whether there may be more.
  bool background_step();
  base::Result<bool> do_one_thing(kql::Ticks now);
  base::Result<FreshRows> fresh_rows(const TableDefinition& table);
  base::Result<bool> is_due(const TableDefinition& table, kql::Ticks now);
  base::Result<void> seal_generation(duck::Connection& connection, const TableDefinition& table,
                                     std::uint64_t generation, std::uint64_t& sealed);
  base::Result<void> write(duck::Connection& connection, const Rows& rows,
                           std::vector<PieceRecord>& made);
  base::Result<void> write_piece(duck::Connection& connection, const Rows& rows,
                                 const std::string& condition, std::vector<PieceRecord>& made);
  base::Result<std::vector<std::string>> divide(duck::Connection& connection, const Rows& rows);
  base::Result<void> replace(const std::vector<PieceRecord>& old, const std::string& keep,
                             std::vector<PieceRecord>& made);
  void remove_files(const std::vector<PieceRecord>& made);

  EventStore::State& state_;
  std::mutex mutex_;  // guards what follows, up to the thread
  std::condition_variable wake_;
  std::condition_variable done_;
  std::deque<Waiting*> jobs_;
  bool woken_ = false;
  bool stopping_ = false;
  bool ended_ = false;
  duckdb_connection working_ = nullptr;

  // The thread's own.
  base::MonoTime last_thorough_{};
  std::uint64_t left_at_shrink_ = 0;  // rows sealed before the last one
  Quiet quiet_;
  Pace pace_;
  std::uint64_t next_piece_ = 0;

  std::atomic<bool> suspicion_{false};
  base::Counter sealed_rows_;
  base::Counter merges_;
  base::Counter failures_;
  std::thread thread_;
};

}  // namespace store
