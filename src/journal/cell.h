#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/fd.h"

namespace journal {

// A small value on disk that is replaced in one step: after a crash at any moment it is an old
// value or the new one, never a mixture. Its two slots exist from the beginning, so that replacing
// it works on a full disk. Threads: one at a time.
class Cell {
 public:
  static constexpr std::size_t kMaxValueBytes = 4072;

  // Makes the file, with an empty value. A file of which no slot is intact has an empty value too,
  // and was_damaged(). Errors: Io.
  static base::Result<Cell> open(const std::string& path);

  const std::string& value() const { return value_; }
  bool was_damaged() const { return damaged_; }

  // Replaces the value. At once it survives the death of the process; after sync() a power failure.
  // Errors: TooLarge, Io (the old value is kept).
  base::Result<void> write(std::string_view value);
  base::Result<void> sync();
  bool synced() const { return synced_; }

 private:
  os::Fd file_;
  std::string value_;
  std::uint64_t generation_ = 0;
  std::size_t slot_ = 0;  // holds value_
  bool synced_ = true;
  bool damaged_ = false;
};

}  // namespace journal
