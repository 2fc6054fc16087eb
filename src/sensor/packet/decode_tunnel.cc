// Headers around other packets.
#include "sensor/packet/decode.h"

namespace sensor::packet {

namespace {

constexpr std::uint16_t kVxlan = 4789;
constexpr std::uint16_t kVxlanOfLinux = 8472;  // before IANA gave it a port
constexpr std::uint16_t kGeneve = 6081;
constexpr std::uint16_t kGtpUser = 2152;
constexpr std::uint16_t kBridged = 0x6558;  // Ethernet in GRE and Geneve

}  // namespace

bool Decoder::mpls(Reader in) {
  for (bool bottom = false; !bottom;) {
    if (!deeper()) return false;
    bottom = (in.u32be() & 0x100U) != 0;
    if (!in) return malformed();
  }
  counts_.add(DecodeCount::Tunnelled);
  // Nothing says what follows; what does begins with 4 or 6 when it is IP, with a control word's 0
  // when it is Ethernet with one (RFC 4928, RFC 4448).
  switch (in.peek() >> 4U) {
    case 4:
      return ipv4(in);
    case 6:
      return ipv6(in);
    case 0:
      in.skip(4);
      return ethernet(in);
    default:
      return ethernet(in);
  }
}

bool Decoder::pppoe(Reader in) {
  if (!deeper()) return false;
  const std::uint8_t version = in.u8();
  const std::uint8_t code = in.u8();
  in.skip(2);
  const std::uint16_t length = in.u16be();
  if (!in || version != 0x11 || code != 0) return malformed();
  if (length < in.remaining()) in = in.sub(length);
  counts_.add(DecodeCount::Tunnelled);
  return ppp(in);
}

bool Decoder::ppp(Reader in) {
  if (in.peek() == 0xFF && in.peek(1) == 0x03) in.skip(2);
  // An odd first byte is all of a compressed protocol field (RFC 1661 section 6.5).
  const std::uint16_t protocol = (in.peek() & 1U) != 0 ? in.u8() : in.u16be();
  if (!in) return malformed();
  return ppp_protocol(protocol, in);
}

bool Decoder::ppp_protocol(std::uint16_t protocol, Reader in) {
  switch (protocol) {
    case 0x0021:
      return ipv4(in);
    case 0x0057:
      return ipv6(in);
    case 0x0281:
    case 0x0283:
      return mpls(in);
    default:
      counts_.add(DecodeCount::UnknownLink);
      return false;
  }
}

bool Decoder::gre(Reader in) {
  if (!deeper()) return false;
  const std::uint16_t flags = in.u16be();
  const std::uint16_t protocol = in.u16be();
  const std::uint16_t version = flags & 7U;
  const bool sequenced = (flags & 0x1000U) != 0;
  // Source routes were given up with RFC 2784.
  if (!in || version > 1 || (flags & 0x4000U) != 0) return malformed();
  if ((flags & 0x8000U) != 0) in.skip(4);
  if ((flags & 0x2000U) != 0) in.skip(4);
  if (sequenced) in.skip(4);
  if (version == 1 && (flags & 0x80U) != 0) in.skip(4);
  if (!in) return malformed();
  // PPTP acknowledges without a payload.
  if (version == 1 && !sequenced) return false;
  counts_.add(DecodeCount::Tunnelled);
  return gre_payload(protocol, sequenced, in);
}

bool Decoder::gre_payload(std::uint16_t protocol, bool sequenced, Reader in) {
  switch (protocol) {
    case 0x880B:
      return ppp(in);
    case kBridged:
      return ethernet(in);
    case 0x88BE:
      return sequenced ? erspan2(in) : ethernet(in);
    case 0x22EB:
      return erspan3(in);
    default:
      return length_or_type(protocol, in);
  }
}

bool Decoder::erspan2(Reader in) {
  const std::uint16_t first = in.u16be();
  in.skip(6);
  if (!in || first >> 12U != 1) return malformed();
  if (const auto vlan = static_cast<std::uint16_t>(first & 0xFFFU); vlan != 0) packet_->vlan = vlan;
  return ethernet(in);
}

bool Decoder::erspan3(Reader in) {
  const std::uint16_t first = in.u16be();
  in.skip(8);
  const std::uint16_t last = in.u16be();
  if (!in || first >> 12U != 2) return malformed();
  if ((last & 1U) != 0) in.skip(8);  // platform-specific
  if (const auto vlan = static_cast<std::uint16_t>(first & 0xFFFU); vlan != 0) packet_->vlan = vlan;
  if (!in) return malformed();
  return (last >> 10U & 0x1FU) == 2 ? any_ip(in) : ethernet(in);
}

// What mobile networks carry users' packets in (3GPP TS 29.281 section 5.1): whether `in` stands at
// one of them then.
bool Decoder::gtp_header(Reader& in) {
  constexpr std::uint8_t kUserPacket = 255;
  const std::uint8_t flags = in.u8();
  const std::uint8_t type = in.u8();
  const std::uint16_t length = in.u16be();
  in.skip(4);
  if (!in || (flags & 0xF0U) != 0x30 || type != kUserPacket || length > in.remaining())
    return false;
  in = in.sub(length);
  if ((flags & 7U) != 0) {
    in.skip(3);
    std::uint8_t next = in.u8();
    if ((flags & 4U) == 0) next = 0;
    // Extension headers: a length in words of four bytes, and at the end what comes next.
    while (in.ok() && next != 0) {
      const std::size_t words = in.u8();
      if (words == 0) return false;
      in.skip(words * 4 - 2);
      next = in.u8();
    }
  }
  const std::uint8_t version = in.peek() >> 4U;
  return in.ok() && (version == 4 || version == 6);
}

// Whether the datagram was a tunnel's is told by `taken`; if not, it is like any other.
bool Decoder::tunnel_over_udp(std::uint16_t port, base::ByteView bytes, bool& taken) {
  Reader in(bytes);
  taken = false;
  if (port == kVxlan || port == kVxlanOfLinux) {
    const std::uint8_t flags = in.u8();
    in.skip(6);
    const std::uint8_t reserved = in.u8();
    if (!in || (flags & 0x08U) == 0 || reserved != 0 || in.remaining() < 14) return false;
    taken = true;
    counts_.add(DecodeCount::Tunnelled);
    return ethernet(in);
  }
  if (port == kGeneve) {
    const std::uint8_t first = in.u8();
    in.skip(1);
    const std::uint16_t type = in.u16be();
    in.skip(4);
    in.skip(std::size_t{first & 0x3FU} * 4);
    if (!in || first >> 6U != 0 || (type != kBridged && type != 0x0800 && type != 0x86DD))
      return false;
    taken = true;
    counts_.add(DecodeCount::Tunnelled);
    if (type == kBridged) return ethernet(in);
    return ether_type(type, in);
  }
  if (port == kGtpUser && gtp_header(in)) {
    taken = true;
    counts_.add(DecodeCount::Tunnelled);
    return any_ip(in);
  }
  return false;
}

}  // namespace sensor::packet
