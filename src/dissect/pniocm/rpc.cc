#include "dissect/pniocm/rpc.h"

#include <algorithm>
#include <array>

namespace dissect::pniocm {

std::optional<RpcHeader> RpcHeader::read(base::ByteView bytes) {
  Reader reader(bytes);
  if (reader.u8() != 4) return std::nullopt;
  RpcHeader header;
  header.type = reader.u8();
  header.flags = reader.u8();
  reader.skip(1);
  header.little = (reader.u8() & 0x10U) != 0;
  reader.skip(3);
  header.object = reader.bytes(16);
  header.interface = reader.bytes(16);
  header.activity = reader.bytes(16);
  reader.skip(8);
  header.sequence = header.u32(reader);
  header.operation = header.u16(reader);
  reader.skip(4);
  header.length = header.u16(reader);
  header.fragment = header.u16(reader);
  reader.skip(2);
  if (!reader) return std::nullopt;
  return header;
}

// dea0000N-6c97-11d1-8271-00a02442df7d, N from 1 to 4: device, controller, supervisor, parameter
// server.
bool RpcHeader::profinet() const {
  static constexpr std::array<std::uint8_t, 12> kTail = {0x97, 0x6c, 0xd1, 0x11, 0x82, 0x71,
                                                         0x00, 0xa0, 0x24, 0x42, 0xdf, 0x7d};
  if (interface.size() != 16) return false;
  Reader reader(interface);
  const std::uint32_t first = u32(reader);
  const std::uint16_t second = u16(reader);
  const std::uint16_t third = u16(reader);
  return first >= 0xdea00001U && first <= 0xdea00004U && second == 0x6c97 && third == 0x11d1 &&
         std::ranges::equal(interface.subspan(8), base::ByteView(kTail).subspan(4));
}

}  // namespace dissect::pniocm
