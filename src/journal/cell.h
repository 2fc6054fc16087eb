#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "journal/sync_job.h"
#include "os/fd.h"

namespace journal {

// A small value on disk that is replaced in one step: after a crash at any moment it is an old
// value or the new one, never a mixture. Its slots exist from the beginning, so that replacing the
// value works on a full disk. docs/reference/journal-format.md is the grammar of the file. Threads:
// one at a time.
class Cell {
 public:
  static constexpr std::size_t kMaxValueBytes = 4080;

  // Makes the file, with an empty value. A file of which no slot is intact has an empty value too,
  // and was_damaged(). Errors: Io.
  static base::Result<Cell> open(const std::string& path);

  const std::string& value() const { return value_; }
  bool was_damaged() const { return damaged_; }

  // Replaces the value. At once it survives the death of the process; a power failure after the
  // next sync. Errors: TooLarge, Io (value() is the old one).
  base::Result<void> write(std::string_view value);
  base::Result<void> sync();
  bool synced() const { return latest_ == durable_; }

  // sync() in two halves, with the job's run() in between, on any thread; write() and sync() are
  // allowed meanwhile. One at a time.
  void begin_sync(SyncJob& job);
  void end_sync(bool succeeded);

 private:
  std::shared_ptr<os::Fd> file_;
  std::string value_;
  std::uint64_t generation_ = 0;
  bool damaged_ = false;
  // Slots. Of three, one can be written while another is on its way and the third is on the disk.
  std::size_t latest_ = 0;  // holds value_
  std::size_t durable_ = 0;
  std::optional<std::size_t> syncing_;
};

}  // namespace journal
