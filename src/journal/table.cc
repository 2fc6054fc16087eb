#include "journal/table.h"

#include <algorithm>
#include <cerrno>

namespace journal {

base::Result<std::size_t> FileSource::read_at(std::span<std::uint8_t> bytes, std::uint64_t offset) {
  constexpr std::size_t kBlockBytes = 4096;
  auto whole = os::read_at(file_, bytes, offset);
  if (whole || whole.error().at != EIO) return whole;
  std::size_t done = 0;
  while (done < bytes.size()) {
    const std::size_t to_block_end = kBlockBytes - (offset + done) % kBlockBytes;
    const auto block = bytes.subspan(done, std::min(to_block_end, bytes.size() - done));
    auto read = os::read_at(file_, block, offset + done);
    if (!read && read.error().at != EIO) return read;
    if (!read) std::fill(block.begin(), block.end(), std::uint8_t{0});
    done += read ? *read : block.size();
    if (read && *read < block.size()) break;
  }
  return done;
}

}  // namespace journal
