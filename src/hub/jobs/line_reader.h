#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace hub::jobs {

// The lines of a file, one after the other, in bounded memory. Threads: one.
class LineReader {
 public:
  // `file` must stay open. Lines above `longest` bytes are given without what is beyond.
  LineReader(int file, std::size_t longest) : file_(file), longest_(longest) {}

  enum class Next : std::uint8_t { Line, TooLong, End };
  // `line`: without its end, and without a byte order mark. Errors: those of os::read_at.
  base::Result<Next> next(std::string& line);
  // Bytes behind which the next line begins.
  std::uint64_t at() const { return at_; }

 private:
  base::Result<bool> fill();

  int file_;
  std::size_t longest_;
  std::uint64_t at_ = 0;    // in the file, of buffer_[used_]
  std::uint64_t read_ = 0;  // in the file, behind the buffer
  base::ByteVec buffer_;
  std::size_t used_ = 0;
  std::size_t filled_ = 0;
};

}  // namespace hub::jobs
