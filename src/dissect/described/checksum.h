#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace dissect::described {

// Checksums of short messages, bit by bit where there is a polynomial: rare and small enough.
enum class Checksum : std::uint8_t {
  Sum8,         // of all bytes, modulo 256
  Xor8,         // of all bytes
  Sum16,        // of all bytes, modulo 65536
  Crc16Arc,     // 0x8005 reflected, begins with 0
  Crc16Modbus,  // 0x8005 reflected, begins with 0xffff
  Crc16Xmodem,  // 0x1021, begins with 0
  Crc16Ccitt,   // 0x1021, begins with 0xffff
  Crc16X25,     // 0x1021 reflected, begins with 0xffff, inverted
  Crc16Dnp,     // 0x3d65 reflected, begins with 0, inverted
  Crc32,        // IEEE 802.3
};

// "crc16-arc" ...
std::optional<Checksum> checksum_named(std::string_view name);
// All names, for messages to people.
std::string_view checksum_names();
// 1, 2 or 4.
std::size_t checksum_bytes(Checksum kind);
std::uint32_t checksum(Checksum kind, base::ByteView bytes);

}  // namespace dissect::described
