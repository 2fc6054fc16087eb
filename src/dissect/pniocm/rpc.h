#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "dissect/reader.h"

namespace dissect::pniocm {

enum PacketType : std::uint8_t {
  kRequest = 0,
  kPing = 1,
  kResponse = 2,
  kFault = 3,
  kReject = 6,
};

// The header of a connectionless DCE/RPC packet, version 4. Source: C706, 12.5.2.
struct RpcHeader {
  static constexpr std::size_t kSize = 80;

  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  bool little = false;  // the order of numbers
  base::ByteView object;
  base::ByteView interface;
  base::ByteView activity;
  std::uint32_t sequence = 0;
  std::uint16_t operation = 0;
  std::uint16_t length = 0;
  std::uint16_t fragment = 0;

  // More fragments than this one.
  bool fragmented() const { return (flags & 0x04U) != 0; }
  bool profinet() const;
  std::uint32_t u32(Reader& reader) const { return little ? reader.u32le() : reader.u32be(); }
  std::uint16_t u16(Reader& reader) const { return little ? reader.u16le() : reader.u16be(); }
  // Of the device that serves: written at the end of the object's identifier.
  std::uint16_t device_id() const { return Reader(object.subspan(12)).u16be(); }
  std::uint16_t vendor_id() const { return Reader(object.subspan(14)).u16be(); }

  static std::optional<RpcHeader> read(base::ByteView bytes);
};

}  // namespace dissect::pniocm
