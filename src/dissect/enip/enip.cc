#include "dissect/enip/enip.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dissect/enip/cip.h"
#include "dissect/enip/services.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::enip {

namespace {

constexpr std::size_t kHeader = 24;
constexpr std::uint16_t kPort = 44818;
constexpr std::uint16_t kIoPort = 2222;
constexpr std::uint16_t kMaxItems = 16;

constexpr std::uint16_t kListServices = 0x0004;
constexpr std::uint16_t kListIdentity = 0x0063;
constexpr std::uint16_t kListInterfaces = 0x0064;
constexpr std::uint16_t kRegisterSession = 0x0065;
constexpr std::uint16_t kUnRegisterSession = 0x0066;
constexpr std::uint16_t kSendRRData = 0x006f;
constexpr std::uint16_t kSendUnitData = 0x0070;

// Items of the common packet format (volume 2, table 2-6.3).
constexpr std::uint16_t kIdentityItem = 0x000c;
constexpr std::uint16_t kConnectedAddress = 0x00a1;
constexpr std::uint16_t kConnectedData = 0x00b1;
constexpr std::uint16_t kUnconnectedData = 0x00b2;
constexpr std::uint16_t kServicesItem = 0x0100;
constexpr std::uint16_t kSocketToTarget = 0x8000;
constexpr std::uint16_t kSocketToOriginator = 0x8001;
constexpr std::uint16_t kSequencedAddress = 0x8002;

struct Header {
  std::uint16_t command = 0;
  std::uint16_t length = 0;
  std::uint32_t session = 0;
  std::uint32_t status = 0;
  base::ByteView context;
  std::uint32_t options = 0;
};

Header read_header(Reader& reader) {
  Header header;
  header.command = reader.u16le();
  header.length = reader.u16le();
  header.session = reader.u32le();
  header.status = reader.u32le();
  header.context = reader.bytes(8);
  header.options = reader.u32le();
  return header;
}

// What the header alone allows: a command that exists, with a length that it can have.
bool plausible(const Header& header) {
  if (command(header.command).name.empty() || header.options != 0) return false;
  if (header.status > 0x6a) return false;
  switch (header.command) {
    case kRegisterSession:
      return header.length == 4 || (header.length == 0 && header.status != 0);
    case kUnRegisterSession:
      return header.length == 0;
    case kSendRRData:
    case kSendUnitData:
      return header.length >= 16 || (header.length == 0 && header.status != 0);
    default:
      return header.length <= 0x1000;
  }
}

// Nothing but items of the kinds that carry cyclic data.
bool is_io(base::ByteView bytes) {
  Reader reader(bytes);
  const std::uint16_t count = reader.u16le();
  if (count < 2 || count > 4 || reader.u16le() != kSequencedAddress || reader.u16le() != 8)
    return false;
  reader.skip(8);
  if (reader.u16le() != kConnectedData) return false;
  const std::uint16_t length = reader.u16le();
  return reader.ok() && (count > 2 ? length <= reader.remaining() : length == reader.remaining());
}

Match probe(const Sample& sample) {
  const bool packet = sample.flow.transport == Transport::Udp;
  if (packet && is_io(sample.bytes)) return Match::Yes;
  if (sample.bytes.size() < kHeader) return packet ? Match::No : Match::Unsure;
  Reader reader(sample.bytes);
  const Header header = read_header(reader);
  if (!plausible(header)) return Match::No;
  if (packet && reader.remaining() != header.length) return Match::No;
  // The commands without content look like many zeros.
  if (header.command == 0 || (header.length == 0 && header.command < kListIdentity))
    return Match::Unsure;
  if (header.command == kRegisterSession) {
    const bool first = reader.u16le() == 1 && reader.u16le() == 0;
    if (reader.ok() && !first) return Match::No;
  }
  return header.length == 0 && header.session == 0 ? Match::Likely : Match::Yes;
}

class EnipSession final : public Session {
 public:
  explicit EnipSession(const FlowInfo& flow) : packets_(flow.transport == Transport::Udp) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override {
    if (bytes.size() < kHeader) return Frame::need(kHeader);
    Reader reader(bytes);
    const Header header = read_header(reader);
    if (!plausible(header)) return Frame::lost();
    return Frame::pdu(kHeader + header.length);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    if (packets_ && is_io(pdu.bytes)) {
      Items items;
      Reader reader(pdu.bytes);
      read_items(reader, {}, items, sink);
      tell_io(items, sink);
      return;
    }
    Reader reader(pdu.bytes);
    const Header header = read_header(reader);
    if (!reader.ok()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return;
    }
    show(header, sink);
    if (!plausible(header)) {
      sink.issue({Issue::Kind::Malformed, "header that cannot be", header.command, 0});
      return;
    }
    if (reader.remaining() < header.length)
      sink.issue({Issue::Kind::Truncated, "shorter than its length says", header.length, 2});
    Reader body = reader.sub(std::min<std::size_t>(header.length, reader.remaining()));
    if (header.command == kSendRRData || header.command == kSendUnitData)
      carried(header, body, sink);
    else
      encapsulation(header, body, sink);
  }

 private:
  struct Items {
    std::uint32_t connection = 0;
    std::uint32_t sequence = 0;
    base::ByteView connected;
    base::ByteView unconnected;
    bool has_connected = false;
    bool has_unconnected = false;
  };

  static void show(const Header& header, Sink& sink) {
    sink.number("command", header.command);
    sink.number("length", header.length);
    sink.number("session", header.session);
    sink.number("status", header.status);
    sink.bytes("context", header.context);
    sink.number("options", header.options);
  }

  // The same in a request and its response; never 0.
  static std::uint64_t key_of(const Header& header) {
    std::uint64_t context = 0;
    for (const std::uint8_t byte : header.context)
      context = (context ^ byte) * 0x100000001b3ULL;
    return std::uint64_t{1} << 55U | (context & 0xffffffffffULL) << 12U | header.command;
  }

  static Message message_of(const Header& header, Kind kind) {
    const Command what = command(header.command);
    Message message;
    message.kind = kind;
    message.key = key_of(header);
    message.operation = {0x10000U | header.command, what.name};
    message.access = what.access;
    message.bytes = header.length;
    if (kind != Kind::Request && (kind == Kind::Response || header.status != 0)) {
      const bool good = header.status == 0;
      message.status = {good ? Outcome::Ok : Outcome::Failed, header.status,
                        encapsulation_status(header.status)};
    }
    return message;
  }

  void encapsulation(const Header& header, Reader& body, Sink& sink) {
    Kind kind = Kind::OneWay;
    switch (header.command) {
      case kListServices:
      case kListIdentity:
      case kListInterfaces:
        kind = header.length == 0 && header.status == 0 ? Kind::Request : Kind::Response;
        break;
      case kRegisterSession: {
        kind = header.session == 0 && header.status == 0 ? Kind::Request : Kind::Response;
        const std::uint16_t version = body.u16le();
        const std::uint16_t options = body.u16le();
        if (body.ok()) {
          sink.number("register_version", version);
          sink.number("register_options", options);
        }
        break;
      }
      default:
        break;
    }
    if (kind == Kind::Response && header.command != kRegisterSession && !body.done()) {
      Items items;
      read_items(body, header, items, sink);
    }
    sink.message(message_of(header, kind));
  }

  void carried(const Header& header, Reader& body, Sink& sink) {
    if (body.done()) {
      // Refused by the encapsulation: the service inside was not heard.
      sink.message(message_of(header, Kind::Response));
      return;
    }
    const std::uint32_t interface = body.u32le();
    const std::uint16_t timeout = body.u16le();
    sink.number(header.command == kSendUnitData ? "unit_interface" : "interface", interface);
    sink.number("timeout", timeout);
    Items items;
    read_items(body, header, items, sink);
    if (items.has_unconnected) {
      if (!items.unconnected.empty()) cip_.take(items.unconnected, key_of(header), sink);
    } else if (items.has_connected) {
      connected(items, sink);
    }
  }

  // A sequence number, and then a message: the same number in its response.
  void connected(const Items& items, Sink& sink) {
    Reader data(items.connected);
    const std::uint16_t sequence = data.u16le();
    if (!data.ok()) {
      sink.issue({Issue::Kind::Truncated, "connected data ends too early", 0, 0});
      return;
    }
    sink.number("cip_sequence", sequence);
    if (data.done()) return;
    const std::uint64_t which = cip_.connections().find(items.connection);
    cip_.take(data.rest(), std::uint64_t{1} << 54U | which << 16U | sequence, sink);
  }

  static void tell_io(const Items& items, Sink& sink) {
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {kSequencedAddress, "I/O data"};
    message.bytes = static_cast<std::uint32_t>(items.connected.size());
    const Object object{"I/O connection", {}, items.connection, 1};
    message.objects = {&object, 1};
    sink.bytes("io_data", items.connected);
    sink.message(message);
  }

  void read_items(Reader& body, const Header& header, Items& items, Sink& sink) {
    const std::uint16_t count = body.u16le();
    sink.number("item_count", count);
    if (count > kMaxItems) sink.issue({Issue::Kind::LeftOut, "more items than are read", count, 0});
    for (std::uint16_t i = 0; i < count && i < kMaxItems && body.ok(); ++i) {
      const std::uint16_t type = body.u16le();
      const std::uint16_t length = body.u16le();
      Reader item = body.sub(length);
      if (!body.ok()) break;
      sink.number("item_type", type);
      sink.number("item_length", length);
      read_item(type, item, items, sink);
    }
    if (!body.ok()) sink.issue({Issue::Kind::Truncated, "items end too early", header.command, 0});
  }

  static void read_item(std::uint16_t type, Reader& item, Items& items, Sink& sink) {
    switch (type) {
      case kConnectedAddress:
        items.connection = item.u32le();
        sink.number("connection_id", items.connection);
        return;
      case kSequencedAddress:
        items.connection = item.u32le();
        items.sequence = item.u32le();
        sink.number("sequenced_connection_id", items.connection);
        sink.number("sequence", items.sequence);
        return;
      case kConnectedData:
        items.has_connected = true;
        items.connected = item.rest();
        return;
      case kUnconnectedData:
        items.has_unconnected = true;
        items.unconnected = item.rest();
        return;
      case kSocketToTarget:
      case kSocketToOriginator:
        return read_socket(item, sink);
      case kIdentityItem:
        return read_identity_item(item, sink);
      case kServicesItem: {
        sink.number("services_version", item.u16le());
        sink.number("services_flags", item.u16le());
        const std::string_view name = item.text(std::min<std::size_t>(16, item.remaining()));
        if (sink.wants_details()) sink.text("services_name", printable(name));
        return;
      }
      default:
        return;
    }
  }

  static void read_socket(Reader& item, Sink& sink) {
    const std::uint16_t family = item.u16be();
    const std::uint16_t port = item.u16be();
    const base::ByteView address = item.bytes(4);
    item.skip(8);
    if (!item.ok()) return;
    sink.number("socket_family", family);
    sink.number("socket_port", port);
    if (sink.wants_details()) sink.text("socket_address", IpAddress::of(address).text());
  }

  static void read_identity_item(Reader& item, Sink& sink) {
    sink.number("identity_version", item.u16le());
    read_socket(item, sink);
    Identity identity;
    if (!read_identity(item, identity)) {
      sink.issue({Issue::Kind::Truncated, "identity ends too early", 0, 0});
      return;
    }
    show_identity(identity, From::Encapsulation, sink);
    if (!item.done()) sink.number("identity_state", item.u8());
    tell_identity(identity, {}, sink);
  }

  bool packets_;
  Cip cip_;
};

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<EnipSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp, Transport::Udp};
constexpr std::uint16_t kPorts[] = {kPort, kIoPort};

}  // namespace

const Protocol kProtocol = {
    .name = "enip",
    .title = "EtherNet/IP",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::enip
