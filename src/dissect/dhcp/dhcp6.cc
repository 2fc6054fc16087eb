#include <algorithm>
#include <string>

#include "dissect/dhcp/client.h"
#include "dissect/dhcp/dhcp.h"
#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::dhcp {

namespace {

// Of one message, in all its levels.
constexpr std::size_t kMaxOptions = 256;
// A relay's message in a relay's message, or an option in an option (RFC 8415 section 7.6 ends
// relaying at 8 hops).
constexpr unsigned int kMaxDepth = 10;

constexpr Named kTypes[] = {
    {1, "solicit"},
    {2, "advertise"},
    {3, "request"},
    {4, "confirm"},
    {5, "renew"},
    {6, "rebind"},
    {7, "reply"},
    {8, "release"},
    {9, "decline"},
    {10, "reconfigure"},
    {11, "information request"},
    {12, "relay forward"},
    {13, "relay reply"},
    {14, "lease query"},
    {15, "lease query reply"},
};
static_assert(sorted_by_code(kTypes));
constexpr std::uint8_t kRelayForward = 12;
constexpr std::uint8_t kRelayReply = 13;

constexpr Named kStatus[] = {
    {0, "success"},     {1, "unspecified failure"}, {2, "no addresses"}, {3, "no binding"},
    {4, "not on link"}, {5, "use multicast"},       {6, "no prefix"},
};
static_assert(sorted_by_code(kStatus));

bool from_server(std::uint8_t type) {
  return type == 2 || type == 7 || type == 10 || type == 13 || type == 15;
}

Access access_of(std::uint8_t type) {
  switch (type) {
    case 1:
    case 2:
    case 12:
    case 13:
      return Access::Discovery;
    case 8:
    case 9:
      return Access::Session;
    default:
      return Access::ConfigRead;
  }
}

// What the innermost message says.
struct Said {
  std::uint8_t type = 0;
  std::uint32_t id = 0;
  std::uint8_t hops = 0;
  bool relayed = false;
  base::ByteView peer;  // of the relay next to the client
  base::ByteView client_id;
  base::ByteView vendor_class;
  base::ByteView fqdn;
  base::ByteView address;
  std::uint16_t status = 0;
  bool has_status = false;
};

class Walk {
 public:
  explicit Walk(Sink& sink) : sink_(sink) {}

  Said said;

  void message(Reader reader, unsigned int depth) {
    const std::uint8_t type = reader.u8();
    if (depth == 0) outer_ = type;
    said.type = type;
    sink_.number("message_type", type);
    if (type == kRelayForward || type == kRelayReply) {
      relay(reader, depth);
      return;
    }
    said.id = reader.u24be();
    if (!reader) {
      sink_.issue({Issue::Kind::Truncated, "message ends within its header"});
      return;
    }
    sink_.number("transaction_id", said.id);
    if (name_of(kTypes, type).empty())
      sink_.issue({Issue::Kind::Malformed, "unknown type of message", type});
    options(reader, depth + 1);
  }
  std::uint8_t outer() const { return outer_; }

 private:
  void relay(Reader reader, unsigned int depth) {
    said.hops = reader.u8();
    const base::ByteView link = reader.bytes(16);
    said.peer = reader.bytes(16);
    said.relayed = true;
    if (!reader) {
      sink_.issue({Issue::Kind::Truncated, "relay's message ends within its header"});
      return;
    }
    if (sink_.wants_details()) {
      sink_.number("hops", said.hops);
      sink_.text("link_address", ip_text(link));
      sink_.text("peer_address", ip_text(said.peer));
    }
    options(reader, depth + 1);
  }

  static std::string ip_text(base::ByteView bytes) {
    const IpAddress ip = IpAddress::of(bytes);
    return ip.none() ? "::" : ip.text();
  }

  void options(Reader reader, unsigned int depth) {
    if (depth > kMaxDepth) {
      sink_.issue({Issue::Kind::LeftOut, "options nested deeper than is read", depth});
      return;
    }
    while (!reader.done()) {
      if (left_ == 0) {
        sink_.issue({Issue::Kind::LeftOut, "more options than are read", kMaxOptions});
        return;
      }
      --left_;
      const std::uint16_t code = reader.u16be();
      const std::uint16_t size = reader.u16be();
      const Reader value = reader.sub(size);
      if (!reader) {
        sink_.issue({Issue::Kind::Truncated, "option is longer than the message", code});
        return;
      }
      sink_.number("option", code);
      sink_.number("option_length", size);
      option(code, value, depth);
    }
  }

  void option(std::uint16_t code, Reader value, unsigned int depth) {
    switch (code) {
      case 1:
        said.client_id = value.rest();
        sink_.bytes("client_id", value.rest());
        break;
      case 2:
        sink_.bytes("server_id", value.rest());
        break;
      case 3:
      case 25:
        association(value, depth);
        break;
      case 4:
        temporary(value, depth);
        break;
      case 5:
        address(value, depth);
        break;
      case 26:
        prefix(value, depth);
        break;
      case 9:
        message(value, depth);
        return;
      case 13:
        status(value);
        break;
      case 16:
        vendor_class(value);
        break;
      case 39:
        said.fqdn = value.rest();
        break;
      default:
        simple(code, value);
        break;
    }
  }

  void simple(std::uint16_t code, Reader value) {
    if (!sink_.wants_details()) return;
    switch (code) {
      case 6:
        while (value.remaining() >= 2)
          sink_.number("requested_option", value.u16be());
        break;
      case 8:
        sink_.number("elapsed_time", value.u16be());
        break;
      case 18:
        sink_.bytes("interface_id", value.rest());
        break;
      case 23:
        while (value.remaining() >= 16)
          sink_.text("dns_server", ip_text(value.bytes(16)));
        break;
      case 37:
        sink_.number("remote_id_enterprise", value.u32be());
        sink_.bytes("remote_id", value.rest());
        break;
      default:
        break;
    }
  }

  void association(Reader value, unsigned int depth) {
    const base::ByteView id = value.bytes(4);
    const std::uint32_t renew = value.u32be();
    const std::uint32_t rebind = value.u32be();
    if (!value) {
      sink_.issue({Issue::Kind::Truncated, "identity association ends within its header"});
      return;
    }
    sink_.bytes("association", id);
    sink_.number("renew_time", renew);
    sink_.number("rebind_time", rebind);
    options(Reader(value.rest()), depth + 1);
  }

  // One of temporary addresses has no times of its own.
  void temporary(Reader value, unsigned int depth) {
    const base::ByteView id = value.bytes(4);
    if (!value) {
      sink_.issue({Issue::Kind::Truncated, "identity association ends within its header"});
      return;
    }
    sink_.bytes("association", id);
    options(Reader(value.rest()), depth + 1);
  }

  void address(Reader value, unsigned int depth) {
    const base::ByteView ip = value.bytes(16);
    const std::uint32_t preferred = value.u32be();
    const std::uint32_t valid = value.u32be();
    if (!value) {
      sink_.issue({Issue::Kind::Truncated, "address option ends within its header"});
      return;
    }
    said.address = ip;
    if (sink_.wants_details()) {
      sink_.text("address", ip_text(ip));
      sink_.number("preferred_lifetime", preferred);
      sink_.number("valid_lifetime", valid);
    }
    if (preferred > valid)
      sink_.issue(
          {Issue::Kind::Violation, "address is preferred longer than it is valid", preferred});
    options(Reader(value.rest()), depth + 1);
  }

  void prefix(Reader value, unsigned int depth) {
    const std::uint32_t preferred = value.u32be();
    const std::uint32_t valid = value.u32be();
    const std::uint8_t length = value.u8();
    const base::ByteView ip = value.bytes(16);
    if (!value) {
      sink_.issue({Issue::Kind::Truncated, "prefix option ends within its header"});
      return;
    }
    if (sink_.wants_details()) {
      sink_.number("prefix_preferred_lifetime", preferred);
      sink_.number("prefix_valid_lifetime", valid);
      sink_.number("prefix_length", length);
      sink_.text("prefix", ip_text(ip));
    }
    options(Reader(value.rest()), depth + 1);
  }

  void status(Reader value) {
    const std::uint16_t code = value.u16be();
    if (!value) {
      sink_.issue({Issue::Kind::Truncated, "status option without a code"});
      return;
    }
    sink_.number("status", code);
    if (sink_.wants_details() && !value.done())
      sink_.text("status_message", printable(value.rest()));
    if (!said.has_status || code != 0) said.status = code;
    said.has_status = true;
  }

  void vendor_class(Reader value) {
    sink_.number("vendor_class_enterprise", value.u32be());
    const std::uint16_t size = value.u16be();
    said.vendor_class = value.bytes(size);
    if (!value) {
      sink_.issue({Issue::Kind::Truncated, "vendor class is longer than its option"});
      return;
    }
    sink_.bytes("vendor_class", said.vendor_class);
  }

  Sink& sink_;
  std::size_t left_ = kMaxOptions;
  std::uint8_t outer_ = 0;
};

// The hardware address in a client's identifier (types 1 and 3, RFC 8415 section 11).
MacAddress mac_of(base::ByteView id) {
  Reader reader(id);
  const std::uint16_t type = reader.u16be();
  const std::uint16_t hardware = reader.u16be();
  if (type == 1) reader.skip(4);
  if ((type != 1 && type != 3) || hardware != 1 || reader.remaining() != 6) return {};
  return MacAddress::of(reader.rest());
}

std::string name_in(base::ByteView fqdn) {
  Reader reader(fqdn);
  reader.skip(1);
  std::string text;
  for (std::uint8_t size = reader.u8(); reader && size != 0 && size < 64; size = reader.u8()) {
    if (!text.empty()) text += '.';
    text += reader.text(size);
  }
  return printable(text);
}

class Dhcp6Session final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    if (pdu.bytes.empty()) {
      sink.issue({Issue::Kind::Truncated, "message ends within its header"});
      return;
    }
    Walk walk(sink);
    walk.message(Reader(pdu.bytes), 0);
    const Said& said = walk.said;
    const std::string name = name_in(said.fqdn);
    if (!name.empty()) sink.text("client_fqdn", name);
    tell_client(said, name, sink);
    tell_message(said, walk.outer(), pdu, sink);
  }

 private:
  static void tell_client(const Said& said, std::string_view name, Sink& sink) {
    Evidence client;
    client.confidence = Confidence::Neighbor;
    client.mac = mac_of(said.client_id);
    client.ip = IpAddress::of(said.peer);
    if (from_server(said.type)) {
      // The client is whom a server answers; only its identifier says who that is.
      if (client.mac.none() || said.type != 7 || said.address.empty()) return;
      const std::string address = IpAddress::of(said.address).text();
      client.about = About::Address;
      client.fact = Fact::Ip;
      client.value = address;
      if (!address.empty()) sink.evidence(client);
      return;
    }
    client.about = said.relayed ? About::Address : About::Sender;
    if (!said.vendor_class.empty())
      tell_vendor_class(base::as_text(said.vendor_class), client, sink);
    if (name.empty()) return;
    client.fact = Fact::Hostname;
    client.value = name;
    sink.evidence(client);
  }

  static void tell_message(const Said& said, std::uint8_t outer, const Pdu& pdu, Sink& sink) {
    const std::string address = said.address.empty() ? "" : IpAddress::of(said.address).text();
    const Object object{"address", address};
    Message message;
    message.key = std::uint64_t{1} << 32U | said.id;
    message.operation = {said.type, name_of(kTypes, said.type)};
    message.access = access_of(said.type);
    if (!address.empty()) message.objects = {&object, 1};
    if (said.has_status) {
      message.status = {said.status == 0 ? Outcome::Ok : Outcome::Failed, said.status,
                        name_of(kStatus, said.status)};
    } else if (from_server(said.type)) {
      message.status.outcome = Outcome::Ok;
    }
    if (from_server(outer) && outer != 10) {
      message.kind = Kind::Response;
    } else {
      message.kind = pdu.to.ip.group() ? Kind::OneWay : Kind::Request;
    }
    sink.message(message);
  }
};

Match probe(const Sample& sample) {
  Reader reader(sample.bytes);
  const std::uint8_t type = reader.u8();
  if (name_of(kTypes, type).empty()) return Match::No;
  reader.skip(type == kRelayForward || type == kRelayReply ? 33 : 3);
  if (!reader || reader.remaining() < 4) return Match::No;
  // Options to the end: that is what makes it believable.
  std::size_t options = 0;
  while (!reader.done()) {
    const std::uint16_t code = reader.u16be();
    const std::uint16_t size = reader.u16be();
    reader.skip(size);
    if (!reader || code == 0 || code > 200 || ++options > kMaxOptions) return Match::No;
  }
  return options > 1 ? Match::Yes : Match::Likely;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<Dhcp6Session>();
}

constexpr Transport kTransports[] = {Transport::Udp};
constexpr std::uint16_t kPorts[] = {546, 547};

}  // namespace

constinit const Protocol kProtocol6{"dhcpv6", "DHCPv6", false, kTransports,
                                    kPorts,   {},       probe, open};

}  // namespace dissect::dhcp
