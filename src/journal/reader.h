#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "journal/log.h"

namespace journal {

struct Record {
  std::uint64_t sequence = 0;
  base::ByteView payload;  // holds until the reader's next call
};

// Reads a log's flushed records in order and follows its writer.
//
// Checks every record again. What is damaged, trimmed or evicted is passed over; a jump in the
// sequences tells. May outlive the log, and then ends where the log ended.
// Threads: one at a time, and not necessarily the log's.
class Reader {
 public:
  // Begins with the first record at or after `from`.
  Reader(const Log& log, std::uint64_t from);
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  // The next record; nullopt: nothing more has been flushed yet. Errors: Io; may be tried again.
  base::Result<std::optional<Record>> next();
  // Continues with the first record at or after `from`, in either direction.
  void seek(std::uint64_t from);
  // Lets go of the file it reads, which may be removed and keeps its place on the disk while it is
  // open. Changes nothing else.
  void release();
  // next() will return this sequence or a later one.
  std::uint64_t position() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace journal
