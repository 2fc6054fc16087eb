#include <algorithm>
#include <string>

#include "dissect/dhcp/client.h"
#include "dissect/dhcp/dhcp.h"
#include "dissect/dhcp/options.h"
#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::dhcp {

namespace {

constexpr std::size_t kHeader = 236;
constexpr std::uint32_t kMagic = 0x63825363;
// Of one message, the pad and end ones not counted.
constexpr std::size_t kMaxOptions = 256;
constexpr std::uint8_t kBootRequest = 1;
constexpr std::uint8_t kBootReply = 2;

enum class Type : std::uint8_t {
  Bootp,
  Discover,
  Offer,
  Request,
  Decline,
  Ack,
  Nak,
  Release,
  Inform
};

constexpr Named kTypes[] = {
    {0, "bootp"},          {1, "discover"},      {2, "offer"},        {3, "request"},
    {4, "decline"},        {5, "ack"},           {6, "nak"},          {7, "release"},
    {8, "inform"},         {9, "force renew"},   {10, "lease query"}, {11, "lease unassigned"},
    {12, "lease unknown"}, {13, "lease active"},
};
static_assert(sorted_by_code(kTypes));

struct Packet {
  std::uint8_t op = 0;
  std::uint8_t hardware = 0;
  std::uint8_t hardware_size = 0;
  std::uint8_t hops = 0;
  std::uint32_t id = 0;
  std::uint16_t seconds = 0;
  std::uint16_t flags = 0;
  base::ByteView client;
  base::ByteView your;
  base::ByteView server;
  base::ByteView relay;
  base::ByteView hardware_address;  // 16 bytes, of which hardware_size count
  base::ByteView server_name;
  base::ByteView file;
  bool options = false;
  // Of the options.
  std::uint8_t type = 0;
  std::uint8_t overload = 0;
  base::ByteView hostname;
  base::ByteView vendor_class;
  base::ByteView fqdn;
  base::ByteView domain;
  base::ByteView requested;
  base::ByteView server_id;
  base::ByteView router;

  MacAddress mac() const {
    return hardware == 1 && hardware_size == 6 ? MacAddress::of(hardware_address.first(6))
                                               : MacAddress{};
  }
};

Packet read_header(Reader& reader) {
  Packet packet;
  packet.op = reader.u8();
  packet.hardware = reader.u8();
  packet.hardware_size = reader.u8();
  packet.hops = reader.u8();
  packet.id = reader.u32be();
  packet.seconds = reader.u16be();
  packet.flags = reader.u16be();
  packet.client = reader.bytes(4);
  packet.your = reader.bytes(4);
  packet.server = reader.bytes(4);
  packet.relay = reader.bytes(4);
  packet.hardware_address = reader.bytes(16);
  packet.server_name = reader.bytes(64);
  packet.file = reader.bytes(128);
  return packet;
}

bool zero(base::ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

std::string ip_text(base::ByteView bytes) {
  return IpAddress::of(bytes).text();
}

void tell_header(const Packet& packet, Sink& sink) {
  if (!sink.wants_details()) return;
  sink.number("op", packet.op);
  sink.number("hardware_type", packet.hardware);
  sink.number("hardware_size", packet.hardware_size);
  sink.number("hops", packet.hops);
  sink.number("transaction_id", packet.id);
  sink.number("seconds", packet.seconds);
  sink.number("flags", packet.flags);
  sink.text("client_ip", ip_text(packet.client));
  sink.text("your_ip", ip_text(packet.your));
  sink.text("server_ip", ip_text(packet.server));
  sink.text("relay_ip", ip_text(packet.relay));
  sink.bytes("client_mac",
             packet.hardware_address.first(std::min<std::size_t>(packet.hardware_size, 16)));
}

// The option of relays: sub-options in the same shape.
void tell_relay(base::ByteView value, Sink& sink) {
  Reader reader(value);
  while (reader.remaining() >= 2) {
    const std::uint8_t code = reader.u8();
    const std::uint8_t size = reader.u8();
    const base::ByteView part = reader.bytes(size);
    if (!reader) {
      sink.issue({Issue::Kind::Malformed, "relay's sub-option is longer than its option", code});
      return;
    }
    sink.number("relay_suboption", code);
    if (code == 1) sink.bytes("circuit_id", part);
    if (code == 2) sink.bytes("remote_id", part);
  }
}

void tell_value(const Option& option, base::ByteView value, Sink& sink) {
  Reader reader(value);
  switch (option.form) {
    case Form::Ip:
      while (reader.remaining() >= 4)
        sink.text(option.name, ip_text(reader.bytes(4)));
      break;
    case Form::Text:
      sink.text(option.name, printable(value));
      break;
    case Form::U8:
    case Form::Flag:
      sink.number(option.name, reader.u8());
      break;
    case Form::U16:
      sink.number(option.name, reader.u16be());
      break;
    case Form::U32:
      sink.number(option.name, reader.u32be());
      break;
    case Form::Empty:
      sink.number(option.name, 1);
      break;
    case Form::Bytes:
      break;
  }
  if (option.code == 55) {
    for (const std::uint8_t item : value)
      sink.number("requested_option", item);
  } else if (option.code == 61) {
    sink.bytes(option.name, value);
  } else if (option.code == 82) {
    tell_relay(value, sink);
  }
}

bool size_fits(Form form, std::size_t size) {
  switch (form) {
    case Form::Ip:
      return size >= 4 && size % 4 == 0;
    case Form::U8:
    case Form::Flag:
      return size == 1;
    case Form::U16:
      return size == 2;
    case Form::U32:
      return size == 4;
    case Form::Empty:
      return size == 0;
    case Form::Text:
    case Form::Bytes:
      return true;
  }
  return true;
}

void keep(Packet& packet, std::uint8_t code, base::ByteView value) {
  const bool address = value.size() >= 4;
  switch (code) {
    case 3:
      if (address) packet.router = value.first(4);
      break;
    case 12:
      packet.hostname = value;
      break;
    case 15:
      packet.domain = value;
      break;
    case 50:
      if (address) packet.requested = value.first(4);
      break;
    case 52:
      packet.overload = value.empty() ? 0 : value[0];
      break;
    case 53:
      packet.type = value.empty() ? 0 : value[0];
      break;
    case 54:
      if (address) packet.server_id = value.first(4);
      break;
    case 60:
      packet.vendor_class = value;
      break;
    case 81:
      // Flags and two obsolete codes stand before the name.
      if (value.size() > 3) packet.fqdn = value;
      break;
    default:
      break;
  }
}

// One field of options; gives how many may still follow.
std::size_t read_options(Reader reader, std::size_t left, Packet& packet, Sink& sink) {
  while (!reader.done() && left > 0) {
    const auto at = static_cast<std::uint32_t>(reader.offset());
    const std::uint8_t code = reader.u8();
    if (code == 0) continue;
    if (code == 255) {
      sink.number("option", code);
      return left;
    }
    const std::uint8_t size = reader.u8();
    const base::ByteView value = reader.bytes(size);
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "option is longer than the message", code, at});
      return 0;
    }
    --left;
    const Option option = option_of(code);
    if (!size_fits(option.form, size))
      sink.issue({Issue::Kind::Malformed, "option has a size that its kind cannot have", code, at});
    keep(packet, code, value);
    if (!sink.wants_details()) continue;
    sink.number("option", code);
    sink.bytes("option_value", value);
    if (size_fits(option.form, size)) tell_value(option, value, sink);
  }
  if (left == 0 && !reader.done())
    sink.issue({Issue::Kind::LeftOut, "more options than are read", kMaxOptions});
  return left;
}

// The client's name of option 81: text, or labels as in DNS.
std::string fqdn_of(base::ByteView value) {
  const bool labels = (value[0] & 4U) != 0;
  const base::ByteView name = value.subspan(3);
  if (!labels) return printable(name);
  std::string text;
  Reader reader(name);
  for (std::uint8_t size = reader.u8(); reader && size != 0 && size < 64; size = reader.u8()) {
    if (!text.empty()) text += '.';
    text += reader.text(size);
  }
  return printable(text);
}

Access access_of(std::uint8_t type) {
  switch (static_cast<Type>(type)) {
    case Type::Discover:
    case Type::Offer:
      return Access::Discovery;
    case Type::Decline:
    case Type::Release:
      return Access::Session;
    default:
      return Access::ConfigRead;
  }
}

class Dhcp4Session final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    Packet packet = read_header(reader);
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "message ends within its header", 0,
                  static_cast<std::uint32_t>(pdu.bytes.size())});
      return;
    }
    tell_header(packet, sink);
    if (reader.remaining() >= 4 && reader.u32be() == kMagic) {
      packet.options = true;
      std::size_t left = read_options(reader, kMaxOptions, packet, sink);
      if ((packet.overload & 1U) != 0) left = read_options(Reader(packet.file), left, packet, sink);
      if ((packet.overload & 2U) != 0) read_options(Reader(packet.server_name), left, packet, sink);
    }
    tell_names(packet, sink);
    check(packet, sink);
    tell_evidence(packet, pdu, sink);
    tell_message(packet, pdu, sink);
  }

 private:
  static void tell_names(const Packet& packet, Sink& sink) {
    if (!sink.wants_details()) return;
    if ((packet.overload & 2U) == 0 && !zero(packet.server_name))
      sink.text("server_name", printable(packet.server_name));
    if ((packet.overload & 1U) == 0 && !zero(packet.file))
      sink.text("boot_file", printable(packet.file));
    if (packet.fqdn.size() > 3) sink.text("client_fqdn", fqdn_of(packet.fqdn));
  }

  static void check(const Packet& packet, Sink& sink) {
    if (packet.op != kBootRequest && packet.op != kBootReply)
      sink.issue({Issue::Kind::Malformed, "neither a request nor a reply", packet.op, 0});
    if (packet.hardware_size > 16)
      sink.issue({Issue::Kind::Malformed, "hardware address longer than its field",
                  packet.hardware_size, 2});
    if (packet.options && name_of(kTypes, packet.type).empty())
      sink.issue({Issue::Kind::Malformed, "unknown type of message", packet.type});
    const auto type = static_cast<Type>(packet.type);
    const bool servers = type == Type::Offer || type == Type::Ack || type == Type::Nak;
    const bool clients = type == Type::Discover || type == Type::Request || type == Type::Decline ||
                         type == Type::Release || type == Type::Inform;
    if ((servers && packet.op == kBootRequest) || (clients && packet.op == kBootReply))
      sink.issue(
          {Issue::Kind::Violation, "type of message does not go in this direction", packet.type});
    if (servers && packet.server_id.empty())
      sink.issue({Issue::Kind::Violation, "server does not say who it is", packet.type});
  }

  static void tell_evidence(const Packet& packet, const Pdu& pdu, Sink& sink) {
    const MacAddress mac = packet.mac();
    Evidence client;
    client.confidence = Confidence::Neighbor;
    const auto tell = [&](Fact fact, std::string_view value) {
      if (value.empty()) return;
      Evidence one = client;
      one.fact = fact;
      one.value = value;
      sink.evidence(one);
    };
    if (!mac.none()) {
      client.mac = mac;
      client.about = mac == pdu.from.mac ? About::Sender : About::Address;
    }
    if (packet.op == kBootReply) {
      if (mac.none()) return;
      if (static_cast<Type>(packet.type) == Type::Ack && !zero(packet.your)) {
        tell(Fact::Ip, ip_text(packet.your));
        tell(Fact::Domain, printable(packet.domain));
      }
      tell_router(packet, sink);
      return;
    }
    // A relay forwards for others: what is said is about the client, not about who sends.
    if (mac.none() && !zero(packet.relay)) return;
    if (!zero(packet.client)) tell(Fact::Ip, ip_text(packet.client));
    tell(Fact::Hostname, printable(packet.hostname));
    if (packet.fqdn.size() > 3) tell(Fact::Hostname, fqdn_of(packet.fqdn));
    if (!packet.vendor_class.empty())
      tell_vendor_class(base::as_text(packet.vendor_class), client, sink);
  }

  // The router that clients are told to use.
  static void tell_router(const Packet& packet, Sink& sink) {
    if (packet.router.empty() || zero(packet.router)) return;
    Evidence router;
    router.about = About::Address;
    router.ip = IpAddress::of(packet.router);
    router.fact = Fact::Gateway;
    router.value = "dhcp";
    router.confidence = Confidence::Neighbor;
    sink.evidence(router);
  }

  static void tell_message(const Packet& packet, const Pdu& pdu, Sink& sink) {
    const base::ByteView about = !zero(packet.your)          ? packet.your
                                 : !packet.requested.empty() ? packet.requested
                                                             : packet.client;
    const std::string address = ip_text(about);
    const Object object{"address", address};
    Message message;
    message.key = std::uint64_t{1} << 32U | packet.id;
    message.operation = {packet.type, name_of(kTypes, packet.type)};
    message.access = access_of(packet.type);
    if (!zero(about)) message.objects = {&object, 1};
    const auto type = static_cast<Type>(packet.type);
    if (packet.op == kBootReply) {
      message.kind = Kind::Response;
      message.status.outcome = type == Type::Nak ? Outcome::Failed : Outcome::Ok;
      if (type == Type::Nak) message.status.name = "nak";
    } else {
      const bool answered = type != Type::Decline && type != Type::Release && !pdu.to.ip.group();
      message.kind = answered ? Kind::Request : Kind::OneWay;
    }
    sink.message(message);
  }
};

Match probe(const Sample& sample) {
  if (sample.bytes.size() < kHeader) return Match::No;
  Reader reader(sample.bytes);
  const Packet packet = read_header(reader);
  if (packet.op != kBootRequest && packet.op != kBootReply) return Match::No;
  if (packet.hardware_size > 16) return Match::No;
  return reader.remaining() >= 4 && reader.u32be() == kMagic ? Match::Yes : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<Dhcp4Session>();
}

constexpr Transport kTransports[] = {Transport::Udp};
constexpr std::uint16_t kPorts[] = {67, 68};

}  // namespace

constinit const Protocol kProtocol{"dhcp", "DHCP", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::dhcp
