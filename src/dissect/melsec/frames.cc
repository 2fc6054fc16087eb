#include "dissect/melsec/frames.h"

#include "dissect/reader.h"

namespace dissect::melsec {

namespace {

constexpr std::size_t kMaxLength = 8192;
constexpr std::size_t kMelsoftHeader = 21;

int digit(std::uint8_t c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// A number of hexadecimal digits; not ok() when there are others.
std::uint32_t number(Reader& reader, std::size_t digits) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const int one = digit(reader.u8());
    if (one < 0) reader.fail();
    value = value << 4U | static_cast<std::uint32_t>(one & 15);
  }
  return value;
}

std::optional<FrameHeader> binary(base::ByteView bytes) {
  FrameHeader header;
  Reader reader(bytes);
  const std::uint8_t first = reader.u8();
  header.answers = (first & 0x80U) != 0;
  header.numbered = (first & 0x7fU) == 0x54;
  if (bytes.size() > 1 && bytes[1] != 0) return std::nullopt;
  reader.skip(1);
  if (header.numbered) {
    header.serial = reader.u16le();
    if (reader.u16le() != 0) return std::nullopt;
  }
  header.network = reader.u8();
  header.station = reader.u8();
  header.module = reader.u16le();
  header.multidrop = reader.u8();
  const std::uint16_t length = reader.u16le();
  if (!reader.ok()) return header;
  header.begin = reader.offset();
  if (length < (header.answers ? 2 : 6) || length > kMaxLength) return std::nullopt;
  header.size = header.begin + length;
  return header;
}

std::optional<FrameHeader> ascii(base::ByteView bytes) {
  FrameHeader header;
  header.format = Format::Ascii;
  Reader reader(bytes);
  header.answers = reader.u8() == 'D';
  header.numbered = reader.u8() == '4';
  if (bytes.size() < 4) return header;
  if (number(reader, 2) != 0) return std::nullopt;
  // As far as bytes are there, they are digits.
  for (std::size_t i = 4; i < bytes.size() && i < 20; ++i) {
    if (digit(bytes[i]) < 0) return std::nullopt;
  }
  if (header.numbered) {
    header.serial = static_cast<std::uint16_t>(number(reader, 4));
    const std::uint32_t zeros = number(reader, 4);
    if (reader.ok() && zeros != 0) return std::nullopt;
  }
  header.network = static_cast<std::uint8_t>(number(reader, 2));
  header.station = static_cast<std::uint8_t>(number(reader, 2));
  header.module = static_cast<std::uint16_t>(number(reader, 4));
  header.multidrop = static_cast<std::uint8_t>(number(reader, 2));
  const std::uint32_t length = number(reader, 4);
  if (!reader.ok()) return header;
  header.begin = reader.offset();
  if (length < (header.answers ? 4U : 12U) || length > kMaxLength) return std::nullopt;
  header.size = header.begin + length;
  return header;
}

std::optional<FrameHeader> melsoft(base::ByteView bytes) {
  FrameHeader header;
  header.format = Format::Melsoft;
  Reader reader(bytes);
  header.answers = reader.u8() == 0xd7;
  if (bytes.size() < kMelsoftHeader) return header;
  if (reader.u8() > 1 || reader.u8() != 0) return std::nullopt;
  // Numbers of networks and stations of both ends; always twelve and more bytes of them.
  reader.skip(kMelsoftHeader - 5);
  const std::uint16_t length = reader.u16le();
  header.begin = kMelsoftHeader;
  if (length < 26 || length > kMaxLength) return std::nullopt;
  header.size = header.begin + length;
  return header;
}

}  // namespace

std::optional<FrameHeader> read_frame_header(base::ByteView bytes) {
  if (bytes.empty()) return FrameHeader{};
  switch (bytes[0]) {
    case 0x50:
    case 0x54:
    case 0xd0:
    case 0xd4:
      return binary(bytes);
    case '5':
    case 'D':
      if (bytes.size() > 1 && bytes[1] != '0' && bytes[1] != '4') return std::nullopt;
      if (bytes.size() < 2) return FrameHeader{};
      return ascii(bytes);
    case 0x57:
    case 0xd7:
      return melsoft(bytes);
    case 0x5a:
    case 0xda: {
      FrameHeader header;
      header.format = Format::Link;
      header.answers = bytes[0] == 0xda;
      header.size = bytes.size() < 4 ? 0 : bytes.size();
      header.begin = 3;
      return header;
    }
    default:
      return std::nullopt;
  }
}

base::ByteVec from_ascii(base::ByteView digits) {
  base::ByteVec bytes;
  bytes.reserve(digits.size() / 2);
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    const int high = digit(digits[i]);
    const int low = digit(digits[i + 1]);
    if (high < 0 || low < 0) break;
    bytes.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return bytes;
}

}  // namespace dissect::melsec
