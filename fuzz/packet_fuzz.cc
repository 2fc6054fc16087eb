// Packets of any link type, several after each other: the first two bytes of each piece are its
// length, the next its link type.
#include <algorithm>
#include <array>

#include "dissect/reader.h"
#include "sensor/packet/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sensor::packet::LinkType;
  static constexpr std::array kLinks = {
      LinkType::Ethernet, LinkType::Null,         LinkType::Ppp,
      LinkType::Pppoe,    LinkType::Raw,          LinkType::CiscoHdlc,
      LinkType::Wireless, LinkType::Loop,         LinkType::Cooked,
      LinkType::Cooked2,  LinkType::Ieee802154,   LinkType::WirelessPrism,
      LinkType::Ipv6,     LinkType::PppHdlc,      LinkType::WirelessRadiotap,
      LinkType::Ipv4,     LinkType::Ieee802154Tap};
  sensor::packet::Decoder decoder;
  sensor::packet::Packet packet;
  dissect::Reader in(base::ByteView(data, size));
  std::uint64_t number = 0;
  while (in.remaining() > 3) {
    const std::size_t length = in.u16be() % 2048;
    sensor::packet::RawPacket raw;
    raw.link = kLinks[in.u8() % kLinks.size()];
    raw.bytes = in.bytes(std::min(length, in.remaining()));
    raw.size = length;
    raw.number = ++number;
    raw.time = base::WallTime(std::chrono::milliseconds(number));
    if (!decoder.decode(raw, packet)) continue;
    ASSERT(packet.payload.size() <= packet.payload_size);
    // All of it must be there to be read.
    std::uint8_t sum = 0;
    for (const std::uint8_t byte : packet.payload)
      sum ^= byte;
    [[maybe_unused]] static volatile std::uint8_t read;
    read = sum;
  }
  return 0;
}
