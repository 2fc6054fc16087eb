#include "dissect/codesys/codesys.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "dissect/codesys/services.h"
#include "dissect/objects.h"
#include "dissect/reader.h"

namespace dissect::codesys {

namespace {

constexpr std::uint16_t kPorts[] = {11740, 11741, 11742, 11743, 1740, 1741, 1742, 1743};
constexpr std::uint32_t kTcpMagic = 0xe8170100;
constexpr std::size_t kTcpHeader = 8;
constexpr std::uint32_t kMaxLength = 16384;
constexpr std::uint8_t kDatagramMagic = 0xc5;
constexpr std::size_t kLeast = 6;         // of a datagram's header
constexpr std::size_t kChannels = 8;      // whose messages are put together
constexpr std::size_t kKept = 8U << 10U;  // of a message in blocks

// Who gets a datagram.
enum class Target : std::uint8_t {
  AddressRequest = 1,
  AddressResponse = 2,
  NameServer = 3,
  NameClient = 4,
  Channels = 64,
};

enum class Packet : std::uint8_t {
  Block = 0x01,
  Acknowledge = 0x02,
  KeepAlive = 0x03,
  OpenResponse = 0x83,
  Error = 0x84,
  GetInfo = 0xc2,
  Open = 0xc3,
  Close = 0xc4,
};

bool known_packet(std::uint8_t type) {
  return (type >= 1 && type <= 3) || (type >= 0x82 && type <= 0x84) ||
         (type >= 0xc2 && type <= 0xc4);
}

struct Datagram {
  std::uint8_t hops = 0;
  std::uint8_t priority = 0;
  std::uint8_t target = 0;
  std::uint8_t id = 0;
  base::ByteView body;
};

std::optional<Datagram> read_datagram(base::ByteView bytes) {
  Reader reader(bytes);
  if (reader.u8() != kDatagramMagic) return std::nullopt;
  const std::uint8_t hop_info = reader.u8();
  const std::uint8_t packet_info = reader.u8();
  Datagram one;
  one.hops = hop_info >> 3U;
  one.priority = packet_info >> 6U;
  one.target = reader.u8();
  one.id = reader.u8();
  const std::uint8_t lengths = reader.u8();
  const std::size_t header = std::size_t{hop_info & 7U} * 2;
  const std::size_t addresses = 2 * (std::size_t{lengths & 15U} + (lengths >> 4U));
  // Padded to whole double words.
  const std::size_t begin = (header + addresses + 3) / 4 * 4;
  if (!reader.ok() || header < kLeast || begin > bytes.size()) return std::nullopt;
  one.body = bytes.subspan(begin);
  return one;
}

Match probe_datagram(base::ByteView bytes) {
  const std::optional<Datagram> one = read_datagram(bytes);
  if (!one || one->body.size() < 4) return Match::No;
  Reader body(one->body);
  switch (static_cast<Target>(one->target)) {
    case Target::NameServer:
    case Target::NameClient: {
      const std::uint16_t command = body.u16le();
      return command == 0xc201 || command == 0xc202 || command == 0xc280 ? Match::Yes : Match::No;
    }
    case Target::Channels:
      return known_packet(body.u8()) ? Match::Likely : Match::No;
    case Target::AddressRequest:
    case Target::AddressResponse:
      return Match::Likely;
  }
  return Match::No;
}

Match probe(const Sample& sample) {
  if (sample.flow.transport == Transport::Udp) return probe_datagram(sample.bytes);
  if (sample.bytes.size() < kTcpHeader) return Match::Unsure;
  Reader reader(sample.bytes);
  const std::uint32_t magic = reader.u32le();
  const std::uint32_t length = reader.u32le();
  const bool ours = magic == kTcpMagic && length > kTcpHeader && length <= kMaxLength;
  return ours ? Match::Yes : Match::No;
}

class CodesysSession final : public Session {
 public:
  explicit CodesysSession(const FlowInfo& flow) : stream_(flow.transport == Transport::Tcp) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override {
    if (bytes.size() < kTcpHeader) return Frame::need(kTcpHeader);
    Reader reader(bytes);
    const std::uint32_t magic = reader.u32le();
    const std::uint32_t length = reader.u32le();
    if (magic != kTcpMagic || length <= kTcpHeader || length > kMaxLength) return Frame::lost();
    return Frame::pdu(length);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    base::ByteView bytes = pdu.bytes;
    if (stream_) {
      if (bytes.size() < kTcpHeader) return;
      sink.number("tcp_length", bytes.size());
      bytes = bytes.subspan(kTcpHeader);
    }
    const std::optional<Datagram> one = read_datagram(bytes);
    if (!one) {
      sink.issue({Issue::Kind::Malformed, "no datagram where one should be", 0, 0});
      return;
    }
    sink.number("hops", one->hops);
    sink.number("priority", one->priority);
    sink.number("datagram_service", one->target);
    sink.number("datagram_id", one->id);
    switch (static_cast<Target>(one->target)) {
      case Target::NameServer:
      case Target::NameClient:
        return name_service(one->body, one->target == 4, sink);
      case Target::Channels:
        return channel(one->body, pdu.side, sink);
      case Target::AddressRequest:
      case Target::AddressResponse:
        return address(one->target == 2, sink);
    }
    sink.issue({Issue::Kind::Violation, "service that does not exist", one->target, 3});
  }

  void gap(Side side) override {
    for (Held& one : held_[index(side)])
      one = {};
  }

 private:
  // A message that comes in blocks.
  struct Held {
    bool used = false;
    std::uint16_t channel = 0;
    std::size_t wanted = 0;
    std::size_t seen = 0;
    base::ByteVec bytes;
  };

  static std::size_t index(Side side) { return side == Side::A ? 0 : 1; }

  static void address(bool answers, Sink& sink) {
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {0x200U | (answers ? 2U : 1U), "address notification"};
    message.access = Access::Session;
    sink.message(message);
  }

  static void name_service(base::ByteView body, bool answers, Sink& sink) {
    Reader reader(body);
    const std::uint16_t command = reader.u16le();
    const std::uint16_t version = reader.u16le();
    const std::uint32_t id = reader.u32le();
    if (!reader.ok()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return;
    }
    sink.number("name_command", command);
    sink.number("name_version", version);
    sink.number("name_id", id);
    Message message;
    message.kind = answers ? Kind::Response : Kind::Request;
    message.key = std::uint64_t{1} << 40U | id;
    message.operation = {0x100, "name service"};
    message.sub_operation = {command, command == 0xc201   ? "resolve address"
                                      : command == 0xc202 ? "resolve name"
                                      : command == 0xc280 ? "identification"
                                                          : std::string_view()};
    message.access = Access::Discovery;
    message.bytes = static_cast<std::uint32_t>(reader.remaining());
    if (answers) message.status.outcome = Outcome::Ok;
    if (message.sub_operation.name.empty())
      sink.issue({Issue::Kind::Violation, "name command that does not exist", command, 0});
    if (command == 0xc280) read_identification(reader.rest(), sink);
    sink.message(message);
  }

  void channel(base::ByteView body, Side side, Sink& sink) {
    Reader reader(body);
    const std::uint8_t type = reader.u8();
    const std::uint8_t flags = reader.u8();
    sink.number("packet_type", type);
    sink.number("packet_flags", flags);
    switch (static_cast<Packet>(type)) {
      case Packet::Block:
        block(reader, (flags & 1U) != 0, side, sink);
        break;
      case Packet::Acknowledge:
      case Packet::KeepAlive:
        sink.number("channel", reader.u16le());
        break;
      case Packet::Open:
      case Packet::OpenResponse:
      case Packet::Close:
      case Packet::Error:
      case Packet::GetInfo:
        manage(static_cast<Packet>(type), reader, sink);
        break;
      default:
        sink.issue({Issue::Kind::Violation, "packet that does not exist", type, 0});
    }
    if (!reader.ok())
      sink.issue({Issue::Kind::Truncated, "shorter than its packet needs", type, 0});
  }

  static void manage(Packet type, Reader& reader, Sink& sink) {
    reader.skip(6);  // version, checksum
    Message message;
    message.access = Access::Session;
    message.operation = {0x300U | static_cast<std::uint8_t>(type), "open channel"};
    if (type == Packet::Open || type == Packet::OpenResponse) {
      const std::uint32_t id = reader.u32le();
      if (!reader.ok()) return;
      message.operation.code = 0x3c3;
      message.key = std::uint64_t{1} << 41U | id;
      message.kind = Kind::Request;
      if (type == Packet::OpenResponse) {
        const std::uint16_t reason = reader.u16le();
        message.kind = Kind::Response;
        message.status = {reason == 0 ? Outcome::Ok : Outcome::Failed, reason, {}};
        sink.number("reason", reason);
        sink.number("channel", reader.u16le());
      }
    } else if (type == Packet::Close || type == Packet::Error) {
      message.operation.name = type == Packet::Close ? "close channel" : "channel error";
      if (type == Packet::Error) message.status = {Outcome::Failed, 0, "channel error"};
      sink.number("channel", reader.u16le());
    } else {
      message.operation.name = "get channel info";
      message.access = Access::Discovery;
    }
    sink.message(message);
  }

  void block(Reader& reader, bool first, Side side, Sink& sink) {
    const std::uint16_t number = reader.u16le();
    const std::uint32_t id = reader.u32le();
    const std::uint32_t acknowledged = reader.u32le();
    const std::uint32_t wanted = first ? reader.u32le() : 0;
    if (first) sink.number("block_checksum", reader.u32le());
    if (!reader.ok()) return;
    sink.number("channel", number);
    sink.number("block", id);
    sink.number("acknowledged", acknowledged);
    if (first) sink.number("data_size", wanted);
    const base::ByteView data = reader.rest();
    // Nearly all messages are of one block.
    if (first && data.size() >= wanted) return message(number, data.first(wanted), true, sink);
    Held* const held = holder(number, first, side);
    if (held == nullptr) return;  // its beginning was not seen
    if (first) {
      held->wanted = wanted;
      held->seen = 0;
      held->bytes.clear();
    }
    held->seen += data.size();
    const std::size_t room = std::min(data.size(), kKept - std::min(kKept, held->bytes.size()));
    held->bytes.insert(held->bytes.end(), data.begin(),
                       data.begin() + static_cast<std::ptrdiff_t>(room));
    if (held->seen < held->wanted) return;
    message(number, held->bytes, held->bytes.size() >= held->wanted, sink);
    held->used = false;
  }

  // Where the blocks of a channel go; null: none has begun.
  Held* holder(std::uint16_t number, bool begins, Side side) {
    auto& all = held_[index(side)];
    const auto found = std::ranges::find_if(
        all, [number](const Held& one) { return one.used && one.channel == number; });
    if (found != all.end()) return &*found;
    if (!begins) return nullptr;
    Held& one = all[number % kChannels];
    one.used = true;
    one.channel = number;
    return &one;
  }

  void message(std::uint16_t number, base::ByteView bytes, bool whole, Sink& sink) {
    if (bytes.size() < 16) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return;
    }
    objects_.begin();
    Message message;
    message.key = std::uint64_t{1} << 42U | std::uint64_t{number & 0xffU} << 32U;
    Decoding to{message, sink, objects_};
    read_service(bytes, whole, to);
    if (message.operation.code != 0) sink.message(message);
  }

  bool stream_;
  std::array<std::array<Held, kChannels>, 2> held_;
  Objects objects_;
};

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<CodesysSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp, Transport::Udp};

}  // namespace

const Protocol kProtocol = {
    .name = "codesys",
    .title = "CODESYS V3",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::codesys
