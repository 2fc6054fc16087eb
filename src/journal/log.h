#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "journal/sync_job.h"

// A crash-safe log of opaque records in segment files: the spool of a device and the hub's ingest
// log. docs/reference/journal-format.md is the grammar of the files.
namespace journal {

struct Table;

struct Options {
  // A segment that has reached this size is closed at the next flush() or commit(); one group of
  // records is never split, so a file may be longer by one group.
  std::size_t segment_bytes = 8U << 20U;
  // append() refuses what would exceed this.
  std::size_t max_bytes = 1U << 30U;
  std::size_t max_record_bytes = 1U << 20U;
  // The log continues at no less than this: for an owner who remembers, elsewhere and durably, a
  // sequence that the folder may have lost. Without it a lost tail would give numbers out twice.
  std::uint64_t min_next_sequence = 1;
};

// A range of sequences, both ends included.
struct Range {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t count() const { return last - first + 1; }
  bool operator==(const Range&) const = default;
};

// What open() found. Damage that stays in the files is reported each time until it is trimmed.
struct Recovery {
  std::uint64_t records = 0;       // intact
  std::uint64_t lost_records = 0;  // sequences that were given out and are not there: all of `lost`
  std::uint64_t damaged_bytes = 0;  // in the middle of the log: skipped, left in place
  std::uint64_t torn_bytes = 0;     // at its end: cut off. A write that was never completed
  std::uint32_t other_files = 0;    // in the folder, and not ours: left alone
  std::vector<Range> lost;          // ascending, disjoint
};

// Appends records and gives each the next sequence, from 1, for the life of the log: restarts do
// not begin anew. Every record carries its length, its sequence and a CRC-32C; open() keeps exactly
// the intact ones, cuts off a torn end and counts what is missing in between.
//
// An error of flush() or commit() means: nothing that was appended since the last one is in the
// log, and its sequences will be given out again (after a crash in that very state it may appear
// nevertheless). The log stays usable; the next group begins in a new file where that is safer.
//
// One process may have the folder open. Threads: one at a time; Readers may live on others.
class Log {
 public:
  // Makes the folder. Errors: Conflict (another process has it), Io, Unsupported (files of a newer
  // version).
  static base::Result<std::unique_ptr<Log>> open(const std::string& folder, Options options);
  ~Log();  // what was appended and not flushed is gone
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Buffers a record and returns its sequence. No I/O.
  // Errors: TooLarge (the record), Full (max_bytes).
  base::Result<std::uint64_t> append(base::ByteView payload);

  // Hands everything appended to the kernel: from here on it survives the death of the process, and
  // readers see it. Errors: Full (disk, quota or file size limit), Io.
  base::Result<void> flush();
  // The same, and on the disk when it returns: from here on it survives a power failure. Many
  // appends, one commit.
  base::Result<void> commit();
  // After flush(), instead of commit(): adds what another thread can make durable, if anything.
  void begin_sync(SyncJob& job);
  bool needs_sync() const;

  // Removes whole files whose records all are at or before `up_to`. Errors: Io.
  base::Result<void> trim(std::uint64_t up_to);
  // The sequences of the oldest file that has any (some of them may be lost). nullopt: there are no
  // records.
  std::optional<Range> oldest() const;
  // Removes that file, the one being written included, to make room.
  // What was appended must have been flushed. Errors: Io, Full (no room for a new file's name).
  base::Result<std::optional<Range>> evict_oldest();

  // The first sequence that may still be there; next_sequence() when there is none.
  std::uint64_t first_sequence() const;
  // What append() will return.
  std::uint64_t next_sequence() const;
  // Below this, sequences are visible to readers.
  std::uint64_t flushed_sequence() const;
  // In the files, and appended but not flushed yet.
  std::size_t size_bytes() const;
  std::size_t buffered_bytes() const;
  const Recovery& recovery() const;
  const Options& options() const;
  // For files from now on.
  void set_segment_bytes(std::size_t bytes);

  // Bytes that a record takes beyond its payload, and the beginning of every file.
  static constexpr std::size_t kRecordOverhead = 16;
  static constexpr std::size_t kFileOverhead = 24;

 private:
  friend class Reader;
  std::shared_ptr<const Table> table() const;
  struct State;
  explicit Log(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace journal
