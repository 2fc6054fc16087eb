// Link types other than Ethernet.
#include "sensor/packet/decode.h"

namespace sensor::packet {

namespace {

using dissect::MacAddress;

// How 802.11 data frames differ (IEEE 802.11 section 9.2).
constexpr std::uint8_t kTypeMask = 0x0C;
constexpr std::uint8_t kData = 0x08;
constexpr std::uint8_t kQos = 0x80;
constexpr std::uint8_t kNoData = 0x40;
constexpr std::uint8_t kToDs = 0x01;
constexpr std::uint8_t kFromDs = 0x02;
constexpr std::uint8_t kMoreFragments = 0x04;
constexpr std::uint8_t kProtected = 0x40;
constexpr std::uint8_t kOrder = 0x80;

// ARPHRD_ETHER, ARPHRD_IEEE80211: senders' addresses are six bytes then.
bool is_mac(std::uint16_t hardware, std::size_t length) {
  return length == 6 && (hardware == 1 || hardware == 801);
}

}  // namespace

bool Decoder::null_family(Reader in, LinkType type) {
  const std::uint32_t big = in.u32be();
  if (!in) return malformed();
  // In the byte order of whoever captured it; Loop: always big.
  const std::uint32_t family =
      type == LinkType::Loop || big < 0x10000 ? big : __builtin_bswap32(big);
  switch (family) {
    case 2:
      return ipv4(in);
    case 10:  // Linux
    case 23:  // Windows
    case 24:  // NetBSD, OpenBSD
    case 28:  // FreeBSD
    case 30:  // macOS
      return ipv6(in);
    default:
      counts_.add(DecodeCount::UnknownLink);
      return false;
  }
}

bool Decoder::cooked(Reader in) {
  in.skip(2);
  const std::uint16_t hardware = in.u16be();
  const std::uint16_t length = in.u16be();
  const base::ByteView address = in.bytes(8);
  const std::uint16_t protocol = in.u16be();
  if (!in) return malformed();
  if (is_mac(hardware, length)) packet_->from.mac = MacAddress::of(address.first(6));
  return cooked_payload(protocol, in);
}

bool Decoder::cooked2(Reader in) {
  const std::uint16_t protocol = in.u16be();
  in.skip(6);
  const std::uint16_t hardware = in.u16be();
  in.skip(1);
  const std::uint8_t length = in.u8();
  const base::ByteView address = in.bytes(8);
  if (!in) return malformed();
  if (is_mac(hardware, length)) packet_->from.mac = MacAddress::of(address.first(6));
  return cooked_payload(protocol, in);
}

bool Decoder::cooked_payload(std::uint16_t protocol, Reader in) {
  if (!in) return malformed();
  if (protocol == 4) return llc(in);
  if (protocol >= 0x0600) return ether_type(protocol, in);
  counts_.add(DecodeCount::UnknownLink);
  return false;
}

bool Decoder::radiotap(Reader in) {
  const base::ByteView all = in.rest();
  in.skip(2);
  const std::uint16_t length = in.u16le();
  const std::uint32_t present = in.u32le();
  // Further words of flags while their top bit is set.
  for (std::uint32_t word = present; in.ok() && (word & 0x80000000U) != 0;)
    word = in.u32le();
  if (!in || length < in.offset() || length > all.size()) return malformed();
  bool fcs = false;
  if ((present & 2U) != 0) {  // Flags, which only a timestamp may precede
    std::size_t at = in.offset();
    if ((present & 1U) != 0) at = (at + 7) / 8 * 8 + 8;
    if (at >= length) return malformed();
    fcs = (all[at] & 0x10U) != 0;
  }
  Reader frame(all.subspan(length));
  if (fcs && frame.remaining() >= 4) frame = frame.sub(frame.remaining() - 4);
  return wireless(frame);
}

bool Decoder::prism(Reader in) {
  // Some write AVS headers under this type: their length is big-endian at the same place.
  const std::uint32_t magic = in.u32be();
  const std::uint32_t length = (magic & 0xFFFFF000U) == 0x80211000U ? in.u32be() : in.u32le();
  if (!in || length < in.offset()) return malformed();
  in.skip(length - in.offset());
  if (!in) return malformed();
  return wireless(in);
}

bool Decoder::wireless(Reader in) {
  if (!deeper()) return false;
  const std::uint8_t kind = in.u8();
  const std::uint8_t flags = in.u8();
  if (!in) return malformed();
  if ((kind & kTypeMask) != kData || (kind & kNoData) != 0) {
    counts_.add(DecodeCount::WirelessControl);
    return false;
  }
  in.skip(2);
  const MacAddress first = MacAddress::of(in.bytes(6));
  const MacAddress second = MacAddress::of(in.bytes(6));
  const MacAddress third = MacAddress::of(in.bytes(6));
  const auto number = static_cast<std::uint16_t>(in.u16le());
  const bool from_ds = (flags & kFromDs) != 0;
  const bool to_ds = (flags & kToDs) != 0;
  packet_->to.mac = to_ds ? third : first;
  packet_->from.mac = from_ds ? third : second;
  if (from_ds && to_ds) packet_->from.mac = MacAddress::of(in.bytes(6));
  bool several = false;
  if ((kind & kQos) != 0) {
    several = (in.u16le() & 0x80U) != 0;
    if ((flags & kOrder) != 0) in.skip(4);
  }
  if (!in) return malformed();
  if ((flags & kProtected) != 0) {
    counts_.add(DecodeCount::Encrypted);
    return false;
  }
  // Pieces of frames, and frames in frames, are rare where nothing is encrypted.
  if (several || (flags & kMoreFragments) != 0 || (number & 0xFU) != 0) {
    counts_.add(DecodeCount::UnknownLink);
    return false;
  }
  return llc(in);
}

bool Decoder::ieee802154_tap(Reader in) {
  const base::ByteView all = in.rest();
  in.skip(2);
  const std::uint16_t length = in.u16le();
  if (!in || length < 4 || length > all.size()) return malformed();
  // Type 0 of the fields says what checksum ends the frame: 0 none, 1 of 2 bytes, 2 of 4.
  std::size_t checksum = 0;
  while (in.offset() + 4 <= length) {
    const std::uint16_t type = in.u16le();
    const std::uint16_t size = in.u16le();
    if (type == 0 && size >= 1) {
      const std::uint8_t kind = in.peek();
      checksum = kind == 1 ? 2 : kind == 2 ? 4 : 0;
    }
    in.skip((std::size_t{size} + 3) / 4 * 4);
    if (!in) return malformed();
  }
  const base::ByteView frame = all.subspan(length);
  if (frame.size() < checksum) return malformed();
  return carry(0x809A, Reader(frame.first(frame.size() - checksum)));
}

}  // namespace sensor::packet
