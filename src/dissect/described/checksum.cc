#include "dissect/described/checksum.h"

#include <array>
#include <utility>

namespace dissect::described {

namespace {

constexpr std::array<std::pair<std::string_view, Checksum>, 10> kNames = {
    {{"sum8", Checksum::Sum8},
     {"xor8", Checksum::Xor8},
     {"sum16", Checksum::Sum16},
     {"crc16-arc", Checksum::Crc16Arc},
     {"crc16-modbus", Checksum::Crc16Modbus},
     {"crc16-xmodem", Checksum::Crc16Xmodem},
     {"crc16-ccitt", Checksum::Crc16Ccitt},
     {"crc16-x25", Checksum::Crc16X25},
     {"crc16-dnp", Checksum::Crc16Dnp},
     {"crc32", Checksum::Crc32}}};

std::uint32_t sum(base::ByteView bytes) {
  std::uint32_t total = 0;
  for (const std::uint8_t byte : bytes)
    total += byte;
  return total;
}

std::uint32_t exclusive_or(base::ByteView bytes) {
  std::uint8_t all = 0;
  for (const std::uint8_t byte : bytes)
    all = static_cast<std::uint8_t>(all ^ byte);
  return all;
}

// Low bit first; `polynomial` is turned round.
std::uint32_t reflected(base::ByteView bytes, std::uint32_t polynomial, std::uint32_t begin) {
  std::uint32_t rest = begin;
  for (const std::uint8_t byte : bytes) {
    rest ^= byte;
    for (int bit = 0; bit < 8; ++bit)
      rest = (rest & 1U) != 0 ? rest >> 1U ^ polynomial : rest >> 1U;
  }
  return rest;
}

// High bit first, 16 bits.
std::uint32_t straight(base::ByteView bytes, std::uint32_t polynomial, std::uint32_t begin) {
  std::uint32_t rest = begin;
  for (const std::uint8_t byte : bytes) {
    rest ^= std::uint32_t{byte} << 8U;
    for (int bit = 0; bit < 8; ++bit)
      rest = (rest & 0x8000U) != 0 ? rest << 1U ^ polynomial : rest << 1U;
    rest &= 0xffffU;
  }
  return rest;
}

}  // namespace

std::optional<Checksum> checksum_named(std::string_view name) {
  for (const auto& [known, kind] : kNames) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

std::string_view checksum_names() {
  return "sum8, xor8, sum16, crc16-arc, crc16-modbus, crc16-xmodem, crc16-ccitt, crc16-x25, "
         "crc16-dnp, crc32";
}

std::size_t checksum_bytes(Checksum kind) {
  switch (kind) {
    case Checksum::Sum8:
    case Checksum::Xor8:
      return 1;
    case Checksum::Crc32:
      return 4;
    default:
      return 2;
  }
}

std::uint32_t checksum(Checksum kind, base::ByteView bytes) {
  switch (kind) {
    case Checksum::Sum8:
      return sum(bytes) & 0xffU;
    case Checksum::Xor8:
      return exclusive_or(bytes);
    case Checksum::Sum16:
      return sum(bytes) & 0xffffU;
    case Checksum::Crc16Arc:
      return reflected(bytes, 0xa001, 0);
    case Checksum::Crc16Modbus:
      return reflected(bytes, 0xa001, 0xffff);
    case Checksum::Crc16Xmodem:
      return straight(bytes, 0x1021, 0);
    case Checksum::Crc16Ccitt:
      return straight(bytes, 0x1021, 0xffff);
    case Checksum::Crc16X25:
      return reflected(bytes, 0x8408, 0xffff) ^ 0xffffU;
    case Checksum::Crc16Dnp:
      return reflected(bytes, 0xa6bc, 0) ^ 0xffffU;
    case Checksum::Crc32:
      return reflected(bytes, 0xedb88320, 0xffffffff) ^ 0xffffffffU;
  }
  std::unreachable();
}

}  // namespace dissect::described
