#include "dissect/dns/dns.h"

#include <algorithm>
#include <string>

#include "dissect/dns/message.h"
#include "dissect/dns/name.h"
#include "dissect/reader.h"

namespace dissect::dns {

namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr std::uint16_t kMdnsPort = 5353;
constexpr std::uint16_t kLlmnrPort = 5355;
constexpr std::uint16_t kNbnsPort = 137;

bool class_may_be(std::uint16_t type_class) {
  type_class &= 0x7fffU;
  return type_class == 1 || type_class == 3 || type_class == 4 || type_class == 254 ||
         type_class == 255;
}

// How believable a message is. All of its names and records have to fit, and to end where it ends.
struct Believed {
  bool fits = false;
  bool begins_well = false;  // the first question does fit
  bool netbios = false;
  std::size_t parts = 0;
};

Believed believe(base::ByteView bytes) {
  Believed believed;
  if (bytes.size() < kHeaderSize) return believed;
  const Header header = read_header(bytes);
  const std::size_t records = std::size_t{header.answers} + header.authorities + header.additionals;
  if (header.questions > 64 || records > 512 || header.questions + records == 0) return believed;
  if (header.opcode() > 9 && header.opcode() != 15) return believed;
  std::string name;
  std::string decoded;
  std::uint8_t suffix = 0;
  std::size_t offset = kHeaderSize;
  for (std::size_t i = 0; i < header.questions + records; ++i) {
    if (read_name(bytes, offset, name) != NameError::None) return believed;
    if (i == 0) believed.netbios = netbios_name(name, decoded, suffix);
    Reader reader(bytes.subspan(offset));
    const std::uint16_t type = reader.u16be();
    const std::uint16_t type_class = reader.u16be();
    if (i >= header.questions) {
      reader.skip(4);
      const std::uint16_t size = reader.u16be();
      reader.skip(size);
    }
    if (!reader || type == 0) return believed;
    // EDNS keeps a size where the class is.
    if (type != 41 && !class_may_be(type_class)) return believed;
    if (i == 0 && !known_type(type)) return believed;
    offset += reader.offset();
    ++believed.parts;
    believed.begins_well = header.questions > 0;
  }
  believed.fits = offset == bytes.size() && (header.response() || header.code() == 0);
  return believed;
}

bool port_is(const FlowInfo& flow, std::uint16_t port) {
  return flow.a.port == port || flow.b.port == port;
}

Match probe_dns(const Sample& sample) {
  base::ByteView bytes = sample.bytes;
  const bool own = port_is(sample.flow, kDnsPort);
  if (!own && (port_is(sample.flow, kMdnsPort) || port_is(sample.flow, kLlmnrPort) ||
               port_is(sample.flow, kNbnsPort)))
    return Match::No;
  if (sample.flow.transport == Transport::Tcp) {
    if (bytes.size() < 2) return Match::Unsure;
    const std::size_t size = Reader(bytes).u16be();
    if (size < kHeaderSize + 5) return Match::No;
    if (bytes.size() < size + 2) {
      // Enough to see that it cannot be.
      if (bytes.size() < kHeaderSize + 2) return Match::Unsure;
      const Header header = read_header(bytes.subspan(2));
      const bool may = header.opcode() <= 6 && header.questions <= 1 && header.code() <= 10;
      return may ? Match::Unsure : Match::No;
    }
    bytes = bytes.subspan(2, size);
  }
  const Believed believed = believe(bytes);
  if (believed.netbios) return Match::No;
  if (!believed.fits) return believed.begins_well ? Match::Likely : Match::No;
  const Header header = read_header(bytes);
  const bool plain = header.questions == 1 && header.opcode() <= 5;
  return plain || believed.parts > 1 ? Match::Yes : Match::Likely;
}

template <std::uint16_t kPort>
Match probe_neighbors(const Sample& sample) {
  // A client of DNS may use any port.
  if (!port_is(sample.flow, kPort) || port_is(sample.flow, kDnsPort)) return Match::No;
  return believe(sample.bytes).fits ? Match::Yes : Match::No;
}

Match probe_nbns(const Sample& sample) {
  const Believed believed = believe(sample.bytes);
  return believed.fits && believed.netbios ? Match::Yes : Match::No;
}

class DatagramSession final : public Session {
 public:
  explicit DatagramSession(Flavor flavor) : walker_(flavor) {}
  void take(const Pdu& pdu, Sink& sink) override { walker_.take(pdu.bytes, pdu, sink); }

 private:
  Walker walker_;
};

// A length of two bytes before each message (RFC 7766 section 8).
class StreamSession final : public Session {
 public:
  Frame frame(Side, base::ByteView bytes) override {
    if (bytes.size() < 2) return Frame::need(2);
    const std::size_t size = Reader(bytes).u16be();
    if (size < kHeaderSize) return Frame::lost();
    if (bytes.size() >= kHeaderSize + 2) {
      const Header header = read_header(bytes.subspan(2));
      if (header.opcode() > 6 || (header.flags & 0x40U) != 0 || header.questions > 64)
        return Frame::lost();
    }
    return Frame::pdu(size + 2);
  }
  void take(const Pdu& pdu, Sink& sink) override {
    walker_.take(pdu.bytes.subspan(std::min<std::size_t>(2, pdu.bytes.size())), pdu, sink);
  }

 private:
  Walker walker_{Flavor::Dns};
};

std::unique_ptr<Session> open_dns(const FlowInfo& flow) {
  if (flow.transport == Transport::Tcp) return std::make_unique<StreamSession>();
  return std::make_unique<DatagramSession>(Flavor::Dns);
}

template <Flavor kFlavor>
std::unique_ptr<Session> open_datagrams(const FlowInfo&) {
  return std::make_unique<DatagramSession>(kFlavor);
}

constexpr Transport kBoth[] = {Transport::Udp, Transport::Tcp};
constexpr Transport kUdp[] = {Transport::Udp};
constexpr std::uint16_t kDnsPorts[] = {53};
constexpr std::uint16_t kMdnsPorts[] = {kMdnsPort};
constexpr std::uint16_t kLlmnrPorts[] = {kLlmnrPort};
constexpr std::uint16_t kNbnsPorts[] = {kNbnsPort};

}  // namespace

constinit const Protocol kProtocol{"dns", "DNS", false, kBoth, kDnsPorts, {}, probe_dns, open_dns};
constinit const Protocol kMdns{"mdns",
                               "Multicast DNS",
                               false,
                               kUdp,
                               kMdnsPorts,
                               {},
                               probe_neighbors<kMdnsPort>,
                               open_datagrams<Flavor::Mdns>};
constinit const Protocol kLlmnr{"llmnr",
                                "LLMNR",
                                false,
                                kUdp,
                                kLlmnrPorts,
                                {},
                                probe_neighbors<kLlmnrPort>,
                                open_datagrams<Flavor::Llmnr>};
constinit const Protocol kNbns{"nbns",     "NetBIOS name service",      false, kUdp, kNbnsPorts, {},
                               probe_nbns, open_datagrams<Flavor::Nbns>};

}  // namespace dissect::dns
