#include "dissect/ads/ads.h"

#include <cstdint>
#include <memory>

#include "dissect/ads/discovery.h"
#include "dissect/ams/dialogue.h"
#include "dissect/objects.h"
#include "dissect/reader.h"

namespace dissect::ads {

namespace {

constexpr std::uint16_t kTcpPort = 48898;
constexpr std::uint16_t kUdpPort = 48899;
constexpr std::size_t kTcpHeader = 6;  // reserved or a router's command, length
constexpr std::uint32_t kMaxLength = 16U << 20U;
constexpr std::size_t kKeep = 16U << 10U;

// What a router says to programs on its machine.
constexpr std::uint16_t kPortClose = 1;
constexpr std::uint16_t kPortConnect = 4096;
constexpr std::uint16_t kRouterNote = 4097;
constexpr std::uint16_t kLocalNetId = 4098;

std::string_view router_name(std::uint16_t command) {
  switch (command) {
    case kPortClose:
      return "close port";
    case kPortConnect:
      return "connect port";
    case kRouterNote:
      return "router notification";
    case kLocalNetId:
      return "local net id";
    default:
      return {};
  }
}

// What the first eight bytes of a stream's message say of it.
struct Framing {
  std::uint16_t command = 0;  // 0: AMS
  std::uint32_t length = 0;

  bool possible() const {
    if (command == 0) return length >= ams::kHeader && length <= kMaxLength;
    return !router_name(command).empty() && length <= 64;
  }
};

Framing read_framing(Reader& reader) {
  Framing framing;
  framing.command = reader.u16le();
  framing.length = reader.u32le();
  return framing;
}

Match probe(const Sample& sample) {
  Reader reader(sample.bytes);
  if (sample.flow.transport == Transport::Udp) {
    const bool ours = reader.u32le() == kDiscoveryMagic && sample.bytes.size() >= 24;
    return ours ? Match::Yes : Match::No;
  }
  if (sample.bytes.size() < kTcpHeader) return Match::Unsure;
  const Framing framing = read_framing(reader);
  if (!framing.possible()) return Match::No;
  if (framing.command != 0)
    return framing.length == sample.bytes.size() - kTcpHeader ? Match::Likely : Match::No;
  if (reader.remaining() < ams::kHeader) return Match::Unsure;
  const ams::Header header = ams::read_header(reader);
  const bool fits = header.length == framing.length - ams::kHeader;
  return fits && ams::plausible(header) ? Match::Yes : Match::No;
}

class AdsSession final : public Session {
 public:
  explicit AdsSession(const FlowInfo& flow) : stream_(flow.transport == Transport::Tcp) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override {
    if (bytes.size() < kTcpHeader) return Frame::need(kTcpHeader);
    Reader reader(bytes);
    const Framing framing = read_framing(reader);
    if (!framing.possible()) return Frame::lost();
    if (framing.command == 0 && reader.remaining() >= ams::kHeader) {
      const ams::Header header = ams::read_header(reader);
      if (header.length != framing.length - ams::kHeader) return Frame::lost();
    }
    return Frame::pdu(kTcpHeader + framing.length, kKeep);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    if (!stream_) {
      read_discovery(pdu.bytes, objects_, sink);
      return;
    }
    Reader reader(pdu.bytes);
    const Framing framing = read_framing(reader);
    sink.number("tcp_command", framing.command);
    sink.number("tcp_length", framing.length);
    if (framing.command == 0) {
      dialogue_.take(reader.rest(), pdu.size > pdu.bytes.size(), sink);
      return;
    }
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {0x20000U | framing.command, router_name(framing.command)};
    message.access = Access::Session;
    sink.message(message);
  }

 private:
  bool stream_;
  Objects objects_;
  ams::Dialogue dialogue_;
};

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<AdsSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp, Transport::Udp};
constexpr std::uint16_t kPorts[] = {kTcpPort, kUdpPort};

}  // namespace

const Protocol kProtocol = {
    .name = "ads",
    .title = "Beckhoff ADS",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::ads
