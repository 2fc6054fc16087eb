#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace base {

using ByteView = std::span<const std::uint8_t>;
using ByteVec = std::vector<std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  // The one place where characters become bytes; both are byte-sized and may alias.
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads foreign bytes without ever going past their end.
//
// Every read either succeeds and advances, or fails with Truncated and leaves the position as it
// was. A declared length becomes a sub-cursor, so that an inner parser cannot see past it. The
// bytes are borrowed and must outlive the cursor. Threads: pure.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : bytes_(bytes) {}

  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return bytes_.size() - offset_; }
  bool done() const { return remaining() == 0; }
  ByteView rest() const { return bytes_.subspan(offset_); }

  Result<std::uint8_t> u8();
  Result<std::uint16_t> u16be();
  Result<std::uint32_t> u32be();
  Result<std::uint64_t> u64be();
  Result<std::uint16_t> u16le();
  Result<std::uint32_t> u32le();
  Result<std::uint64_t> u64le();
  Result<std::uint8_t> peek() const;

  // The next `count` bytes, as a view into the input.
  Result<ByteView> bytes(std::size_t count);
  // The next `count` bytes, as a cursor of their own.
  Result<Cursor> sub(std::size_t count);
  Result<void> skip(std::size_t count);

 private:
  template <class T, bool kBigEndian>
  Result<T> integer();

  ByteView bytes_;
  std::size_t offset_ = 0;
};

// Appends to a buffer that it owns. Threads: pure.
class ByteWriter {
 public:
  void u8(std::uint8_t value) { bytes_.push_back(value); }
  void u16be(std::uint16_t value);
  void u32be(std::uint32_t value);
  void u64be(std::uint64_t value);
  void u16le(std::uint16_t value);
  void u32le(std::uint32_t value);
  void u64le(std::uint64_t value);
  void bytes(ByteView value) { bytes_.insert(bytes_.end(), value.begin(), value.end()); }
  void text(std::string_view value) { bytes(as_bytes(value)); }
  // Overwrites earlier bytes; `offset + 4` must not exceed size().
  void patch_u32le(std::size_t offset, std::uint32_t value);

  std::size_t size() const { return bytes_.size(); }
  void clear() { bytes_.clear(); }
  void reserve(std::size_t size) { bytes_.reserve(size); }
  ByteView view() const { return bytes_; }
  ByteVec take() && { return std::move(bytes_); }

 private:
  ByteVec bytes_;
};

}  // namespace base
