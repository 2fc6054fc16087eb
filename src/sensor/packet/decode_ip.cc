// IP and what it carries.
#include <algorithm>

#include "sensor/packet/decode.h"

namespace sensor::packet {

namespace {

using dissect::IpAddress;
using dissect::Transport;

enum IpProtocol : std::uint8_t {
  kHopByHop = 0,
  kIpv4 = 4,
  kTcp = 6,
  kUdp = 17,
  kIpv6 = 41,
  kRouting = 43,
  kFragment = 44,
  kGre = 47,
  kAuthentication = 51,
  kNoNext = 59,
  kDestination = 60,
  kMobility = 135,
  kHostIdentity = 139,
  kShim = 140,
};
constexpr std::uint16_t kMplsInIp = 137;
constexpr std::uint16_t kEthernetInIp = 97;

bool is_extension(std::uint8_t protocol) {
  switch (protocol) {
    case kHopByHop:
    case kRouting:
    case kDestination:
    case kMobility:
    case kHostIdentity:
    case kShim:
    case kAuthentication:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool Decoder::any_ip(Reader in) {
  return in.peek() >> 4U == 6 ? ipv6(in) : ipv4(in);
}

bool Decoder::ipv4(Reader in) {
  if (!deeper()) return false;
  const std::uint8_t version = in.u8();
  in.skip(1);
  const std::uint16_t total = in.u16be();
  Fragment piece;
  piece.id = in.u16be();
  const std::uint16_t place = in.u16be();
  packet_->hops = in.u8();
  piece.protocol = in.u8();
  in.skip(2);
  packet_->from.ip = piece.from = IpAddress::of(in.bytes(4));
  packet_->to.ip = piece.to = IpAddress::of(in.bytes(4));
  const std::size_t header = std::size_t{version & 0xFU} * 4;
  if (!in || version >> 4U != 4 || header < 20) return malformed();
  in.skip(header - 20);
  // Network cards that cut up packets themselves show them with a length of 0.
  const std::size_t whole = total == 0 ? header + in.remaining() : total;
  if (!in || whole < header) return malformed();
  const std::size_t size = whole - header;
  if (size < in.remaining()) in = in.sub(size);
  ip_id_ = piece.id;
  piece.offset = (place & 0x1FFFU) * 8U;
  piece.more = (place & 0x2000U) != 0;
  if (piece.offset == 0 && !piece.more) return ip_payload(piece.protocol, in, size);
  piece.bytes = in.rest();
  return fragment(piece, size);
}

bool Decoder::fragment(Fragment& piece, std::size_t wire_size) {
  if (piece.bytes.size() < wire_size) return false;  // counted as cut
  const auto whole = fragments_.add(piece, packet_->time);
  if (!whole) return false;
  // Their parts may have come twice, but the whole does only once.
  ip_id_ = 0;
  return ip_payload(piece.protocol, Reader(*whole), whole->size());
}

bool Decoder::ipv6(Reader in) {
  if (!deeper()) return false;
  const std::uint32_t version = in.u32be();
  const std::uint16_t length = in.u16be();
  std::uint8_t next = in.u8();
  packet_->hops = in.u8();
  packet_->from.ip = IpAddress::of(in.bytes(16));
  packet_->to.ip = IpAddress::of(in.bytes(16));
  if (!in || version >> 28U != 6) return malformed();
  // Length 0: a jumbogram, or cut up by the network card.
  std::size_t size = length == 0 && next != kNoNext ? in.remaining() : length;
  if (size < in.remaining()) in = in.sub(size);
  ip_id_ = 0;
  while (is_extension(next) || next == kFragment) {
    if (!deeper()) return false;
    const std::size_t before = in.offset();
    Fragment piece;
    piece.protocol = in.u8();
    const std::uint8_t extent = in.u8();
    if (next == kFragment) {
      const std::uint16_t place = in.u16be();
      piece.id = in.u32be();
      piece.offset = place & 0xFFF8U;
      piece.more = (place & 1U) != 0;
    } else {
      in.skip(next == kAuthentication ? std::size_t{extent} * 4 + 6 : std::size_t{extent} * 8 + 6);
    }
    const std::size_t taken = in.offset() - before;
    if (!in || taken > size) return malformed();
    size -= taken;
    if (next == kFragment && (piece.offset != 0 || piece.more)) {
      piece.from = packet_->from.ip;
      piece.to = packet_->to.ip;
      piece.bytes = in.rest();
      return fragment(piece, size);
    }
    next = piece.protocol;
  }
  return ip_payload(next, in, size);
}

bool Decoder::ip_payload(std::uint8_t protocol, Reader in, std::size_t wire_size) {
  if (!deeper()) return false;
  switch (protocol) {
    case kTcp:
      return tcp(in, wire_size);
    case kUdp:
      return udp(in, wire_size);
    case kIpv4:
      counts_.add(DecodeCount::Tunnelled);
      return ipv4(in);
    case kIpv6:
      counts_.add(DecodeCount::Tunnelled);
      return ipv6(in);
    case kGre:
      return gre(in);
    case kMplsInIp:
      return mpls(in);
    case kEthernetInIp:
      in.skip(2);
      counts_.add(DecodeCount::Tunnelled);
      return ethernet(in);
    case kAuthentication: {
      const std::uint8_t next = in.u8();
      const std::size_t rest = std::size_t{in.u8()} * 4 + 6;
      in.skip(rest);
      if (!in || wire_size < rest + 2) return malformed();
      return ip_payload(next, in, wire_size - rest - 2);
    }
    case kNoNext:
      return false;
    default:
      break;
  }
  packet_->transport = Transport::Ip;
  packet_->selector = protocol;
  packet_->payload = in.rest();
  packet_->payload_size = std::max(wire_size, in.remaining());
  return !copy_of_another(0);
}

bool Decoder::tcp(Reader in, std::size_t wire_size) {
  packet_->transport = Transport::Tcp;
  packet_->selector = 0;
  packet_->from.port = in.u16be();
  packet_->to.port = in.u16be();
  packet_->sequence = in.u32be();
  packet_->acknowledged = in.u32be();
  const std::size_t header = std::size_t{in.u8()} >> 4U << 2U;
  packet_->tcp_flags = in.u8();
  in.skip(2);
  const std::uint16_t checksum = in.u16be();
  in.skip(2);
  if (!in || header < 20 || header > wire_size) return malformed();
  // Options may have been cut off with the payload.
  in.skip(std::min(header - 20, in.remaining()));
  packet_->payload = in.rest();
  packet_->payload_size = std::max(wire_size - header, in.remaining());
  return !copy_of_another(checksum);
}

bool Decoder::udp(Reader in, std::size_t wire_size) {
  packet_->transport = Transport::Udp;
  packet_->selector = 0;
  packet_->from.port = in.u16be();
  packet_->to.port = in.u16be();
  const std::uint16_t length = in.u16be();
  const std::uint16_t checksum = in.u16be();
  if (!in || (length != 0 && length < 8)) return malformed();
  std::size_t size = wire_size < 8 ? 0 : wire_size - 8;
  if (length != 0) size = std::min(size, std::size_t{length} - 8);
  if (size < in.remaining()) in = in.sub(size);
  bool taken = false;
  const bool inner = tunnel_over_udp(packet_->to.port, in.rest(), taken);
  if (taken) return inner;
  packet_->payload = in.rest();
  packet_->payload_size = std::max(size, in.remaining());
  return !copy_of_another(checksum);
}

// UDP and the rest are only told apart from their repetitions by IP's number, which IPv6 has not
// and some senders leave 0; TCP has its own.
bool Decoder::copy_of_another(std::uint16_t checksum) {
  if (!settings_.drop_duplicates) return false;
  const Packet& packet = *packet_;
  if (packet.transport != Transport::Tcp && ip_id_ == 0) return false;
  Fingerprint print;
  print.from = packet.from.ip;
  print.to = packet.to.ip;
  print.ports = std::uint32_t{packet.from.port} << 16U | packet.to.port;
  print.id = ip_id_;
  print.sequence = packet.sequence;
  print.acknowledged = packet.acknowledged;
  print.size = static_cast<std::uint32_t>(packet.payload_size);
  print.checksum = checksum;
  print.flags = static_cast<std::uint16_t>(packet.tcp_flags << 8U | packet.selector);
  if (!duplicates_.seen(print, packet.time)) return false;
  counts_.add(DecodeCount::Duplicates);
  return true;
}

}  // namespace sensor::packet
