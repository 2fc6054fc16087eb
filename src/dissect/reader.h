#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"

namespace dissect {

// Reads a protocol message without ever going past its end, quickly.
//
// A read that does not fit gives zero (or nothing), stays where it is, and makes ok() false for
// good: a parser reads what it wants and asks once, before it believes. Where a count steers a
// loop, the loop also ends when ok() is false. The bytes are borrowed. Threads: pure.
class Reader {
 public:
  Reader() = default;
  explicit Reader(base::ByteView bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  // Makes ok() false: what was read cannot be.
  void fail() { ok_ = false; }

  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return bytes_.size() - offset_; }
  bool done() const { return remaining() == 0; }
  base::ByteView rest() const { return bytes_.subspan(offset_); }

  std::uint8_t u8() { return static_cast<std::uint8_t>(big(1)); }
  std::uint16_t u16be() { return static_cast<std::uint16_t>(big(2)); }
  std::uint32_t u24be() { return static_cast<std::uint32_t>(big(3)); }
  std::uint32_t u32be() { return static_cast<std::uint32_t>(big(4)); }
  std::uint64_t u64be() { return big(8); }
  // `bytes` is 1 to 8.
  std::uint64_t big(std::size_t bytes);

  std::uint16_t u16le() { return static_cast<std::uint16_t>(little(2)); }
  std::uint32_t u24le() { return static_cast<std::uint32_t>(little(3)); }
  std::uint32_t u32le() { return static_cast<std::uint32_t>(little(4)); }
  std::uint64_t u64le() { return little(8); }
  // `bytes` is 1 to 8.
  std::uint64_t little(std::size_t bytes);

  // The byte `ahead` of the position, which stays; 0 and ok() as it was when there is none.
  std::uint8_t peek(std::size_t ahead = 0) const {
    return ahead < remaining() ? bytes_[offset_ + ahead] : 0;
  }

  base::ByteView bytes(std::size_t count) {
    if (count > remaining()) {
      ok_ = false;
      return {};
    }
    const base::ByteView taken = bytes_.subspan(offset_, count);
    offset_ += count;
    return taken;
  }
  std::string_view text(std::size_t count) { return base::as_text(bytes(count)); }
  // Up to a zero byte, which is consumed, too; without one, up to the end and not ok().
  std::string_view text_z();
  // The next `count` bytes as a reader of their own, which cannot see past them.
  Reader sub(std::size_t count);
  void skip(std::size_t count) { bytes(count); }

 private:
  base::ByteView bytes_;
  std::size_t offset_ = 0;
  bool ok_ = true;
};

inline std::uint64_t Reader::big(std::size_t bytes) {
  if (bytes > remaining()) {
    ok_ = false;
    return 0;
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i)
    value = value << 8U | bytes_[offset_ + i];
  offset_ += bytes;
  return value;
}

inline std::uint64_t Reader::little(std::size_t bytes) {
  if (bytes > remaining()) {
    ok_ = false;
    return 0;
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i)
    value |= std::uint64_t{bytes_[offset_ + i]} << (8 * i);
  offset_ += bytes;
  return value;
}

inline std::string_view Reader::text_z() {
  const std::string_view rest = base::as_text(this->rest());
  const std::size_t end = rest.find('\0');
  if (end == std::string_view::npos) {
    ok_ = false;
    offset_ = bytes_.size();
    return rest;
  }
  offset_ += end + 1;
  return rest.substr(0, end);
}

inline Reader Reader::sub(std::size_t count) {
  Reader inner(bytes(count));
  inner.ok_ = ok_;
  return inner;
}

}  // namespace dissect
