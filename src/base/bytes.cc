#include "base/bytes.h"

namespace base {

template <class T, bool kBigEndian>
Result<T> Cursor::integer() {
  if (remaining() < sizeof(T)) {
    return fail(Code::Truncated, "read integer", static_cast<std::int64_t>(offset_));
  }
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t shift = 8 * (kBigEndian ? sizeof(T) - 1 - i : i);
    value = static_cast<T>(value | static_cast<T>(static_cast<T>(bytes_[offset_ + i]) << shift));
  }
  offset_ += sizeof(T);
  return value;
}

Result<std::uint8_t> Cursor::u8() {
  return integer<std::uint8_t, true>();
}
Result<std::uint16_t> Cursor::u16be() {
  return integer<std::uint16_t, true>();
}
Result<std::uint32_t> Cursor::u32be() {
  return integer<std::uint32_t, true>();
}
Result<std::uint64_t> Cursor::u64be() {
  return integer<std::uint64_t, true>();
}
Result<std::uint16_t> Cursor::u16le() {
  return integer<std::uint16_t, false>();
}
Result<std::uint32_t> Cursor::u32le() {
  return integer<std::uint32_t, false>();
}
Result<std::uint64_t> Cursor::u64le() {
  return integer<std::uint64_t, false>();
}

Result<std::uint8_t> Cursor::peek() const {
  if (done()) return fail(Code::Truncated, "peek", static_cast<std::int64_t>(offset_));
  return bytes_[offset_];
}

Result<ByteView> Cursor::bytes(std::size_t count) {
  if (count > remaining()) {
    return fail(Code::Truncated, "read bytes", static_cast<std::int64_t>(offset_));
  }
  const ByteView view = bytes_.subspan(offset_, count);
  offset_ += count;
  return view;
}

Result<Cursor> Cursor::sub(std::size_t count) {
  return Cursor(TRY(bytes(count)));
}

Result<void> Cursor::skip(std::size_t count) {
  TRY(bytes(count));
  return {};
}

namespace {

template <class T, bool kBigEndian>
void append_integer(ByteVec& bytes, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    const std::size_t shift = 8 * (kBigEndian ? sizeof(T) - 1 - i : i);
    bytes.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

}  // namespace

void ByteWriter::u16be(std::uint16_t value) {
  append_integer<std::uint16_t, true>(bytes_, value);
}
void ByteWriter::u32be(std::uint32_t value) {
  append_integer<std::uint32_t, true>(bytes_, value);
}
void ByteWriter::u64be(std::uint64_t value) {
  append_integer<std::uint64_t, true>(bytes_, value);
}
void ByteWriter::u16le(std::uint16_t value) {
  append_integer<std::uint16_t, false>(bytes_, value);
}
void ByteWriter::u32le(std::uint32_t value) {
  append_integer<std::uint32_t, false>(bytes_, value);
}
void ByteWriter::u64le(std::uint64_t value) {
  append_integer<std::uint64_t, false>(bytes_, value);
}

void ByteWriter::patch_u32le(std::size_t offset, std::uint32_t value) {
  ASSERT(offset + 4 <= bytes_.size());
  for (std::size_t i = 0; i < 4; ++i)
    bytes_[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

}  // namespace base
