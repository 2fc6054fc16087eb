#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/time.h"
#include "dissect/protocol.h"

namespace sensor::packet {

// How a captured packet begins. Numbers as in capture files (tcpdump.org, link-layer header types);
// any other number may occur and is unsupported.
enum class LinkType : std::uint16_t {
  Null = 0,
  Ethernet = 1,
  Ppp = 9,
  RawBsd = 12,
  RawOpenBsd = 14,
  PppHdlc = 50,
  Pppoe = 51,
  Raw = 101,
  CiscoHdlc = 104,
  Wireless = 105,
  Loop = 108,
  Cooked = 113,
  WirelessPrism = 119,
  WirelessRadiotap = 127,
  Ieee802154 = 195,  // with FCS
  Ipv4 = 228,
  Ipv6 = 229,
  Ieee802154NoFcs = 230,
  Cooked2 = 276,
  Ieee802154Tap = 283,
};

// A packet as it was captured. Bytes are borrowed.
struct RawPacket {
  base::WallTime time;
  std::uint64_t number = 0;  // in the capture, from 1; 0: live
  LinkType link = LinkType::Ethernet;
  base::ByteView bytes;
  std::size_t size = 0;    // on the wire: `bytes` may be less
  std::uint16_t vlan = 0;  // that the network card took off; 0: none
};

// Bits of a TCP header (RFC 9293).
enum TcpFlag : std::uint8_t { kFin = 1, kSyn = 2, kRst = 4, kAck = 16 };

// A packet whose headers were read: the innermost one, when others carried it.
struct Packet {
  base::WallTime time;
  std::uint64_t number = 0;
  dissect::End from;
  dissect::End to;
  std::uint16_t vlan = 0;  // the innermost; 0: none
  dissect::Transport transport = dissect::Transport::Link;
  std::uint16_t selector = 0;  // FlowInfo::selector
  std::uint8_t tcp_flags = 0;
  std::uint8_t hops = 0;  // that it may still go: TTL
  std::uint32_t sequence = 0;
  std::uint32_t acknowledged = 0;
  base::ByteView payload;        // good until the decoder's next packet
  std::size_t payload_size = 0;  // on the wire: `payload` may be less
  std::size_t size = 0;          // of all of the captured packet, on the wire
};

}  // namespace sensor::packet
