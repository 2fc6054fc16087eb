#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kql/ticks.h"
#include "store/events.h"

// Where the workspace's rows lie. New ones are in the database file: they are hot. Once there are
// enough of them, or their day is over, they are sealed: written, sorted and compressed, into
// pieces. A piece is a Parquet file that never changes, with rows of one table that the hub
// received on one UTC day. The list of pieces is in the database and changes in the transaction in
// which the hot rows leave it, so that every row is in one place at any moment, also after a crash.
// Pieces of one day are merged when it is over. docs/decisions/0010-pieces.md says why so.
namespace store {

struct Piece {
  std::uint64_t id = 0;         // never given to another
  std::string_view table;       // as queries name it: SecurityIoTRawEvent; valid for ever
  std::chrono::sys_days day{};  // of TimeGenerated
  kql::Ticks first_generated = 0;
  kql::Ticks last_generated = 0;
  // TimeStamp; TimeGenerated where the table has none.
  kql::Ticks first_stamp = 0;
  kql::Ticks last_stamp = 0;
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  bool held = false;  // see hold()
  bool merged = false;
  std::string damage;  // what is wrong with it, whose rows no query sees then; empty: nothing
  std::string path;
};

// The rows of a table that are in the database file: those that are in no piece yet, and Usage's,
// which never are. Times are those by which the age of a row counts: of Usage the end of its day.
struct HotRows {
  std::string_view table;
  std::uint64_t rows = 0;
  kql::Ticks first_generated = 0;  // both 0 when there are none
  kql::Ticks last_generated = 0;
};

// What the store takes, in bytes, by what the file system says now.
struct DiskUse {
  std::uint64_t database = 0;   // the file with hot rows and the list
  std::uint64_t log = 0;        // changes that are not in that file yet
  std::uint64_t temporary = 0;  // queries that do not fit in memory, pieces in the making
  std::uint64_t pieces = 0;     // all files in their folder, those of `dropped` too
  std::uint64_t dropped = 0;    // of these, the files that only wait for running queries to end
  std::uint64_t total() const { return database + log + temporary + pieces; }
};

struct Change {
  std::uint64_t pieces = 0;  // gone
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
};

struct Verification {
  struct Damage {
    std::uint64_t piece = 0;
    std::string path;
    std::string what;
  };
  std::uint64_t pieces = 0;
  std::uint64_t bytes = 0;
  std::uint64_t hot_rows = 0;
  std::vector<Damage> damaged;  // those found before and not mended included
  std::string database;         // what is wrong with the database file; empty: nothing
};

// What is done to the pieces of a store. Whatever changes them is done by the store's own thread,
// one after another, while rows are appended and queries run; the call waits for it.
// Errors of all: Unavailable (the database is being opened again, or changes meanwhile: once more),
// Closed (the store is being closed), Full, Io, Corrupt. Threads: any. The store must outlive it.
class Pieces {
 public:
  explicit Pieces(EventStore& store);

  // By table, day and id.
  base::Result<std::vector<Piece>> list() const;
  base::Result<std::vector<HotRows>> hot() const;
  base::Result<DiskUse> disk_use() const;

  // Removes them, all or none. Conflict: one is not there any more (the list has changed: look at
  // it again), Denied: one is held. Their files go as soon as no query can need them.
  base::Result<Change> drop(std::span<const std::uint64_t> ids);
  // Removes the rows for which `keep`, an SQL condition over the table's stored columns
  // (catalogue.h), is not true; the piece gets a new id, or is dropped when nothing is left. Says
  // what went. Errors as drop().
  base::Result<Change> rewrite(std::uint64_t id, std::string_view keep);
  // How many rows of a piece, or hot rows of a table, `condition` is true for. Conflict: the piece
  // is not there any more, NotFound: no such table.
  base::Result<std::uint64_t> count(std::uint64_t id, std::string_view condition) const;
  base::Result<std::uint64_t> count_hot(std::string_view table, std::string_view condition) const;
  // Removes hot rows for which `condition` is true. NotFound: no such table.
  base::Result<Change> erase_hot(std::string_view table, std::string_view condition);
  // Rows of DeviceTwins received from `first` to `last` that must not go while others stay: the
  // last one of each twin that exists, and that a twin was deleted where older rows of its device
  // stay, for which `staying`, an SQL condition over the stored columns, is true. By ChangeId.
  base::Result<std::vector<std::int64_t>> current_twins(kql::Ticks first, kql::Ticks last,
                                                        std::string_view staying) const;
  // The same of SecurityRecommendation, as an SQL condition for count(), rewrite() and the others:
  // true of the last row of each recommendation that is not resolved, and of that it was resolved
  // where older rows of it stay.
  static std::string current_recommendations(kql::Ticks first, kql::Ticks last,
                                             std::string_view staying);
  // A piece that is held is not dropped or rewritten. Conflict as in drop().
  base::Result<void> hold(std::span<const std::uint64_t> ids, bool held);

  // Seals all hot rows, however few and recent. How many.
  base::Result<std::uint64_t> seal_now();
  // Writes the log into the database file and gives back what that does not need any more. Rows
  // wait meanwhile. Errors beyond the others: Unavailable (something is being written).
  base::Result<void> checkpoint();
  // Merges the pieces of each day, today's too, and gives free space of the database file back.
  base::Result<void> compact_now();
  // Looks at every byte: pieces against the checksums that were taken when they were made, hot rows
  // by reading them. What is damaged is left out of queries, what is sound again comes back.
  base::Result<Verification> verify();

  // While it lives no file of a piece is removed: for those who copy them.
  class Pin {
   public:
    Pin(Pin&& other) noexcept;
    Pin& operator=(Pin&&) = delete;
    ~Pin();

   private:
    friend class Pieces;
    Pin(EventStore::State& state, std::uint64_t number) : state_(&state), number_(number) {}
    EventStore::State* state_;
    std::uint64_t number_;
  };
  Pin pin() const;

  struct Stats {
    std::uint64_t pieces = 0;   // now
    std::uint64_t damaged = 0;  // of these
    std::uint64_t bytes = 0;    // now
    std::uint64_t sealed_rows = 0;
    std::uint64_t merges = 0;
    std::uint64_t failures = 0;  // of the work in the background; it is tried again
  };
  Stats stats() const;

 private:
  EventStore::State* state_;
};

}  // namespace store
