#pragma once

#include <cstddef>
#include <cstdint>

#include "dissect/reader.h"
#include "sensor/packet/counts.h"
#include "sensor/packet/defragment.h"
#include "sensor/packet/duplicates.h"
#include "sensor/packet/packet.h"

namespace sensor::packet {

enum class DecodeCount : std::uint8_t {
  Packets,
  Bytes,            // on the wire
  Cut,              // less was captured than was on the wire
  Malformed,        // a header that cannot be
  TooDeep,          // more headers around each other than kMaxHeaders
  UnknownLink,      // link types, PPP protocols and the like that are not read
  Encrypted,        // wireless frames nobody can read
  WirelessControl,  // wireless management and control frames
  Tunnelled,        // headers of tunnels taken off
  Duplicates,       // copies that were dropped
  End,
};
std::string_view count_name(DecodeCount which);

struct DecodeSettings {
  bool drop_duplicates = true;
};

// Reads the headers of captured packets, down to the innermost: VLANs, MPLS, PPPoE, GRE, ERSPAN,
// VXLAN, Geneve, GTP, IP in IP, HSR; puts fragments together; drops copies. What cannot be read is
// counted and nothing else. Does not allocate, once it has seen its largest datagram. Time is that
// of the packets. Threads: one.
// Source: IEEE 802.1Q, 802.2, 802.11, 802.15.4; IEC 62439-3; RFC 791, 8200, 2516, 3032, 2784, 2890,
// 2637, 7348, 8926; 3GPP TS 29.281; draft-foschiano-erspan; tcpdump.org, link-layer header types.
class Decoder {
 public:
  static constexpr int kMaxHeaders = 24;

  explicit Decoder(DecodeSettings settings = {}) : settings_(settings) {}

  // Whether there is something to look at: then all of `packet` is set. False for fragments of what
  // is not whole yet, too.
  bool decode(const RawPacket& raw, Packet& packet);

  const Counts<DecodeCount>& counts() const { return counts_; }
  const Counts<FragmentCount>& fragment_counts() const { return fragments_.counts(); }

 private:
  using Reader = dissect::Reader;

  bool malformed();
  bool deeper();  // false: too deep, which is counted
  bool link(LinkType type, Reader in);
  bool carry(std::uint16_t selector, Reader in);

  bool ethernet(Reader in);
  bool ether_type(std::uint16_t type, Reader in);
  bool vlan_tag(Reader in);
  bool length_or_type(std::uint16_t value, Reader in);
  bool llc(Reader in);
  bool hsr(Reader in);

  bool null_family(Reader in, LinkType type);
  bool cooked(Reader in);
  bool cooked2(Reader in);
  bool cooked_payload(std::uint16_t protocol, Reader in);
  bool radiotap(Reader in);
  bool prism(Reader in);
  bool wireless(Reader in);
  bool ieee802154_tap(Reader in);

  bool mpls(Reader in);
  bool pppoe(Reader in);
  bool ppp(Reader in);
  bool ppp_protocol(std::uint16_t protocol, Reader in);
  bool gre(Reader in);
  bool gre_payload(std::uint16_t protocol, bool sequenced, Reader in);
  bool erspan2(Reader in);
  bool erspan3(Reader in);
  static bool gtp_header(Reader& in);
  bool tunnel_over_udp(std::uint16_t port, base::ByteView bytes, bool& taken);

  bool any_ip(Reader in);
  bool ipv4(Reader in);
  bool ipv6(Reader in);
  bool ip_payload(std::uint8_t protocol, Reader in, std::size_t wire_size);
  bool tcp(Reader in, std::size_t wire_size);
  bool udp(Reader in, std::size_t wire_size);
  bool copy_of_another(std::uint16_t checksum);
  bool fragment(Fragment& piece, std::size_t wire_size);

  DecodeSettings settings_;
  Counts<DecodeCount> counts_;
  Defragmenter fragments_;
  Duplicates duplicates_;
  Packet* packet_ = nullptr;
  int depth_ = 0;
  std::uint32_t ip_id_ = 0;  // of the innermost IP header; 0: it has none
};

}  // namespace sensor::packet
