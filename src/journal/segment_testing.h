#pragma once

#include <algorithm>

#include "journal/segment.h"

namespace journal {

// A segment in memory, for tests and the fuzzer.
struct MemorySource : Source {
  base::ByteVec bytes;
  std::uint64_t bytes_read = 0;

  base::Result<std::size_t> read_at(std::span<std::uint8_t> out, std::uint64_t offset) override {
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t count = std::min(out.size(), bytes.size() - static_cast<std::size_t>(offset));
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
    bytes_read += count;
    return count;
  }
};

}  // namespace journal
