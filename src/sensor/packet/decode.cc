#include "sensor/packet/decode.h"

namespace sensor::packet {

namespace {

using dissect::MacAddress;

// Values below are lengths (IEEE 802.3 section 3.2.6).
constexpr std::uint16_t kFirstType = 0x0600;
constexpr std::uint16_t kSnap = 0xAAAA;

}  // namespace

std::string_view count_name(DecodeCount which) {
  static constexpr std::string_view kNames[] = {
      "packets",      "bytes",     "packets_cut",      "packets_malformed", "packets_too_deep",
      "link_unknown", "encrypted", "wireless_control", "tunnelled",         "duplicates"};
  return kNames[static_cast<std::size_t>(which)];
}

bool Decoder::malformed() {
  counts_.add(DecodeCount::Malformed);
  return false;
}

bool Decoder::deeper() {
  if (++depth_ <= kMaxHeaders) return true;
  counts_.add(DecodeCount::TooDeep);
  return false;
}

bool Decoder::decode(const RawPacket& raw, Packet& packet) {
  fragments_.release();
  counts_.add(DecodeCount::Packets);
  const std::size_t size = raw.size < raw.bytes.size() ? raw.bytes.size() : raw.size;
  counts_.add(DecodeCount::Bytes, size);
  if (raw.bytes.size() < size) counts_.add(DecodeCount::Cut);
  packet = Packet{};
  packet.time = raw.time;
  packet.number = raw.number;
  packet.vlan = raw.vlan;
  packet.size = size;
  packet_ = &packet;
  depth_ = 0;
  ip_id_ = 0;
  return link(raw.link, Reader(raw.bytes));
}

bool Decoder::link(LinkType type, Reader in) {
  switch (type) {
    case LinkType::Ethernet:
      return ethernet(in);
    case LinkType::Null:
    case LinkType::Loop:
      return null_family(in, type);
    case LinkType::RawBsd:
    case LinkType::RawOpenBsd:
    case LinkType::Raw:
    case LinkType::Ipv4:
    case LinkType::Ipv6:
      return any_ip(in);
    case LinkType::Ppp:
    case LinkType::PppHdlc:
      return ppp(in);
    case LinkType::Pppoe:
      return pppoe(in);
    case LinkType::CiscoHdlc:
      in.skip(2);
      return cooked_payload(in.u16be(), in);
    case LinkType::Wireless:
      return wireless(in);
    case LinkType::WirelessPrism:
      return prism(in);
    case LinkType::WirelessRadiotap:
      return radiotap(in);
    case LinkType::Cooked:
      return cooked(in);
    case LinkType::Cooked2:
      return cooked2(in);
    case LinkType::Ieee802154:
      if (in.remaining() < 2) return malformed();
      return carry(0x809A, in.sub(in.remaining() - 2));
    case LinkType::Ieee802154NoFcs:
      return carry(0x809A, in);
    case LinkType::Ieee802154Tap:
      return ieee802154_tap(in);
  }
  counts_.add(DecodeCount::UnknownLink);
  return false;
}

bool Decoder::carry(std::uint16_t selector, Reader in) {
  if (!in) return malformed();
  packet_->transport = dissect::Transport::Link;
  packet_->selector = selector;
  packet_->payload = in.rest();
  packet_->payload_size = in.remaining();
  return true;
}

bool Decoder::ethernet(Reader in) {
  if (!deeper()) return false;
  packet_->to.mac = MacAddress::of(in.bytes(6));
  packet_->from.mac = MacAddress::of(in.bytes(6));
  const std::uint16_t type = in.u16be();
  if (!in) return malformed();
  return length_or_type(type, in);
}

bool Decoder::length_or_type(std::uint16_t value, Reader in) {
  if (value >= kFirstType) return ether_type(value, in);
  // What follows a frame's length is padding. A length of more than there is: it was cut.
  if (value < in.remaining()) in = in.sub(value);
  return llc(in);
}

bool Decoder::ether_type(std::uint16_t type, Reader in) {
  switch (type) {
    case 0x0800:
      return ipv4(in);
    case 0x86DD:
      return ipv6(in);
    case 0x8100:  // 802.1Q
    case 0x88A8:  // 802.1ad
    case 0x9100:
    case 0x9200:
      return vlan_tag(in);
    case 0x8926:  // VN-Tag
      in.skip(4);
      return deeper() && length_or_type(in.u16be(), in);
    case 0x893F:  // E-Tag (802.1BR)
      in.skip(6);
      return deeper() && length_or_type(in.u16be(), in);
    case 0x892F:
      return hsr(in);
    case 0x8847:
    case 0x8848:
      return mpls(in);
    case 0x8864:
      return pppoe(in);
    default:
      return carry(type, in);
  }
}

bool Decoder::vlan_tag(Reader in) {
  if (!deeper()) return false;
  const auto vlan = static_cast<std::uint16_t>(in.u16be() & 0xFFFU);
  const std::uint16_t type = in.u16be();
  if (!in) return malformed();
  // Priority tags have no VLAN of their own.
  if (vlan != 0) packet_->vlan = vlan;
  return length_or_type(type, in);
}

// High-availability Seamless Redundancy puts a tag of six bytes before the type.
bool Decoder::hsr(Reader in) {
  if (!deeper()) return false;
  in.skip(4);
  const std::uint16_t type = in.u16be();
  if (!in) return malformed();
  return length_or_type(type, in);
}

bool Decoder::llc(Reader in) {
  if (!deeper()) return false;
  const std::uint16_t points = in.u16be();
  const std::uint8_t control = in.u8();
  if (!in) return malformed();
  // Novell's frames have no LLC header but all ones.
  if (points == 0xFFFF) return carry(points, in);
  // Unnumbered frames have one byte of control; all others two.
  if ((control & 3U) != 3) in.skip(1);
  if (points != kSnap || control != 3) return carry(points, in);
  Reader header = in;
  const std::uint32_t organisation = header.u24be();
  const std::uint16_t type = header.u16be();
  if (!header) return malformed();
  if (organisation != 0 || type < kFirstType) return carry(kSnap, in);
  return ether_type(type, header);
}

}  // namespace sensor::packet
