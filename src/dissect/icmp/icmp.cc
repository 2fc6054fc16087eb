#include "dissect/icmp/icmp.h"

#include <string>

#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::icmp {

namespace {

enum class Version : std::uint8_t { Four, Six };

constexpr Named kTypes4[] = {
    {0, "echo reply"},
    {3, "unreachable"},
    {4, "source quench"},
    {5, "redirect"},
    {8, "echo"},
    {9, "router advertisement"},
    {10, "router solicitation"},
    {11, "time exceeded"},
    {12, "parameter problem"},
    {13, "timestamp"},
    {14, "timestamp reply"},
    {15, "information request"},
    {16, "information reply"},
    {17, "address mask request"},
    {18, "address mask reply"},
    {42, "extended echo"},
    {43, "extended echo reply"},
};
static_assert(sorted_by_code(kTypes4));

constexpr Named kTypes6[] = {
    {1, "unreachable"},
    {2, "packet too big"},
    {3, "time exceeded"},
    {4, "parameter problem"},
    {128, "echo"},
    {129, "echo reply"},
    {130, "listener query"},
    {131, "listener report"},
    {132, "listener done"},
    {133, "router solicitation"},
    {134, "router advertisement"},
    {135, "neighbor solicitation"},
    {136, "neighbor advertisement"},
    {137, "redirect"},
    {143, "listener report"},
    {160, "extended echo"},
    {161, "extended echo reply"},
};
static_assert(sorted_by_code(kTypes6));

constexpr Named kUnreachable4[] = {
    {0, "network"},
    {1, "host"},
    {2, "protocol"},
    {3, "port"},
    {4, "fragmentation needed"},
    {5, "source route"},
    {9, "network prohibited"},
    {10, "host prohibited"},
    {13, "prohibited"},
};
static_assert(sorted_by_code(kUnreachable4));

constexpr std::uint8_t kFragmentationNeeded = 4;

constexpr Named kUnreachable6[] = {
    {0, "no route"}, {1, "prohibited"},    {2, "beyond scope"},   {3, "address"},
    {4, "port"},     {5, "source policy"}, {6, "route rejected"},
};
static_assert(sorted_by_code(kUnreachable6));

struct Head {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t checksum = 0;
};

class IcmpSession final : public Session {
 public:
  explicit IcmpSession(Version version) : version_(version) {}

  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    Head head;
    head.type = reader.u8();
    head.code = reader.u8();
    head.checksum = reader.u16be();
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "message ends within its header"});
      return;
    }
    sink.number("type", head.type);
    sink.number("code", head.code);
    sink.number("checksum", head.checksum);
    about_.clear();
    if (version_ == Version::Four) {
      take4(head, reader, sink);
    } else {
      take6(head, reader, pdu, sink);
    }
  }

 private:
  Message start(const Head& head) const {
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {head.type, version_ == Version::Four ? name_of(kTypes4, head.type)
                                                              : name_of(kTypes6, head.type)};
    message.access = Access::Diagnostics;
    return message;
  }

  void tell(Message& message, Reader& reader, Sink& sink) const {
    if (!reader) {
      sink.issue(
          {Issue::Kind::Truncated, "message ends within its values", message.operation.code, 4});
      return;
    }
    if (message.operation.name.empty())
      sink.issue({Issue::Kind::Unsupported, "unknown type of message", message.operation.code, 0});
    const Object object{"address", about_};
    if (!about_.empty()) message.objects = {&object, 1};
    sink.message(message);
  }

  // Echoes and their like: a number of the asker, and one of the question.
  static void echo(Message& message, Reader& reader, bool reply, Sink& sink) {
    const std::uint16_t id = reader.u16be();
    const std::uint16_t sequence = reader.u16be();
    sink.number("identifier", id);
    sink.number("sequence", sequence);
    message.key = std::uint64_t{1} << 32U | std::uint32_t{id} << 16U | sequence;
    message.kind = reply ? Kind::Response : Kind::Request;
    message.bytes = static_cast<std::uint32_t>(reader.remaining());
    if (reply) message.status.outcome = Outcome::Ok;
  }

  // The packet that an error is about: whom it was sent to.
  void original(Reader reader, Sink& sink) {
    if (reader.remaining() < 20) return;
    const bool four = reader.peek() >> 4U == 4;
    if (!four && reader.remaining() < 40) return;
    const std::uint8_t protocol = reader.peek(four ? 9 : 6);
    const std::size_t header = four ? (reader.peek() & 15U) * 4U : 40;
    Reader addresses = reader;
    addresses.skip(four ? 16 : 24);
    about_ = IpAddress::of(addresses.bytes(four ? 4 : 16)).text();
    reader.skip(header);
    sink.text("original_destination", about_);
    sink.number("original_protocol", protocol);
    if ((protocol != 6 && protocol != 17) || reader.remaining() < 4) return;
    sink.number("original_source_port", reader.u16be());
    const std::uint16_t port = reader.u16be();
    sink.number("original_destination_port", port);
    about_ += ' ';
    about_ += protocol == 6 ? "tcp/" : "udp/";
    about_ += std::to_string(port);
  }

  static void failed(Message& message, const Head& head, std::string_view name) {
    message.sub_operation = {head.code, name};
    message.status = {Outcome::Failed, head.code, name};
  }

  void take4(const Head& head, Reader& reader, Sink& sink) {
    Message message = start(head);
    switch (head.type) {
      case 0:
      case 8:
        echo(message, reader, head.type == 0, sink);
        break;
      case 3:
        failed(message, head, name_of(kUnreachable4, head.code));
        reader.skip(2);
        if (head.code == kFragmentationNeeded) {
          sink.number("mtu", reader.u16be());
        } else {
          reader.skip(2);
        }
        original(reader, sink);
        break;
      case 4:
      case 11:
      case 12:
        failed(message, head, {});
        reader.skip(4);
        original(reader, sink);
        break;
      case 5: {
        const base::ByteView gateway = reader.bytes(4);
        if (!reader) break;
        sink.text("gateway", IpAddress::of(gateway).text());
        message.access = Access::ConfigWrite;
        original(reader, sink);
        break;
      }
      case 9:
        routers(reader, sink);
        message.access = Access::Discovery;
        break;
      case 10:
        message.access = Access::Discovery;
        break;
      case 13:
      case 14:
        echo(message, reader, head.type == 14, sink);
        sink.number("originate_time", reader.u32be());
        sink.number("receive_time", reader.u32be());
        sink.number("transmit_time", reader.u32be());
        break;
      case 15:
      case 16:
        echo(message, reader, head.type == 16, sink);
        break;
      case 17:
      case 18: {
        echo(message, reader, head.type == 18, sink);
        const base::ByteView mask = reader.bytes(4);
        if (reader) sink.text("address_mask", IpAddress::of(mask).text());
        break;
      }
      default:
        break;
    }
    tell(message, reader, sink);
  }

  static void routers(Reader& reader, Sink& sink) {
    const std::uint8_t count = reader.u8();
    const std::uint8_t words = reader.u8();
    sink.number("lifetime", reader.u16be());
    for (std::uint8_t i = 0; i < count && reader; ++i) {
      Reader one = reader.sub(words * std::size_t{4});
      const base::ByteView ip = one.bytes(4);
      if (one && sink.wants_details()) sink.text("router_address", IpAddress::of(ip).text());
    }
    if (reader) sink.tell(Fact::Gateway, "icmp", Confidence::Neighbor);
  }

  void take6(const Head& head, Reader& reader, const Pdu& pdu, Sink& sink) {
    Message message = start(head);
    switch (head.type) {
      case 1:
      case 2:
      case 3:
      case 4:
        failed(message, head,
               head.type == 1 ? name_of(kUnreachable6, head.code) : std::string_view{});
        if (head.type == 2) {
          sink.number("mtu", reader.u32be());
        } else {
          reader.skip(4);
        }
        original(reader, sink);
        break;
      case 128:
      case 129:
        echo(message, reader, head.type == 129, sink);
        break;
      case 133:
      case 134:
        message.access = Access::Discovery;
        router(head, reader, sink);
        break;
      case 135:
      case 136:
        message.access = Access::Discovery;
        neighbor(head, reader, pdu, sink);
        break;
      case 137: {
        reader.skip(4);
        const base::ByteView target = reader.bytes(16);
        const base::ByteView destination = reader.bytes(16);
        if (!reader) break;
        about_ = IpAddress::of(destination).text();
        sink.text("redirect_target", IpAddress::of(target).text());
        sink.text("redirect_destination", about_);
        message.access = Access::ConfigWrite;
        options(reader, sink);
        break;
      }
      case 130:
      case 131:
      case 132: {
        message.access = Access::Discovery;
        sink.number("maximum_delay", reader.u16be());
        reader.skip(2);
        const base::ByteView group = reader.bytes(16);
        if (!reader) break;
        about_ = IpAddress::of(group).text();
        sink.text("multicast_address", about_.empty() ? "::" : about_);
        break;
      }
      case 143:
        message.access = Access::Discovery;
        listeners(reader, sink);
        break;
      default:
        break;
    }
    tell(message, reader, sink);
  }

  void listeners(Reader& reader, Sink& sink) {
    reader.skip(2);
    const std::uint16_t count = reader.u16be();
    sink.number("record_count", count);
    for (std::uint16_t i = 0; i < count && reader; ++i) {
      const std::uint8_t type = reader.u8();
      const std::uint8_t words = reader.u8();
      const std::uint16_t sources = reader.u16be();
      const base::ByteView group = reader.bytes(16);
      reader.skip(std::size_t{sources} * 16 + std::size_t{words} * 4);
      if (!reader) return;
      if (i == 0) about_ = IpAddress::of(group).text();
      sink.number("record_type", type);
      if (sink.wants_details()) sink.text("multicast_address", IpAddress::of(group).text());
    }
  }

  struct Options {
    base::ByteView link_address;
  };

  static Options options(Reader& reader, Sink& sink) {
    Options found;
    // Each is at least 8 bytes: the message's size bounds the loop.
    while (!reader.done() && reader) {
      const std::uint8_t type = reader.u8();
      const std::uint8_t words = reader.u8();
      if (reader && words == 0) {
        sink.issue({Issue::Kind::Malformed, "option without a length", type,
                    static_cast<std::uint32_t>(reader.offset())});
        return found;
      }
      Reader value = reader.sub(words * std::size_t{8} - 2);
      if (!reader) return found;
      sink.number("option", type);
      sink.number("option_length", words);
      option(type, value, found, sink);
    }
    return found;
  }

  static void option(std::uint8_t type, Reader value, Options& found, Sink& sink) {
    switch (type) {
      case 1:
      case 2:
        if (value.remaining() < 6) return;
        found.link_address = value.bytes(6);
        sink.bytes(type == 1 ? "source_link_address" : "target_link_address", found.link_address);
        break;
      case 3: {
        const std::uint8_t size = value.u8();
        value.skip(1);
        const std::uint32_t valid = value.u32be();
        const std::uint32_t preferred = value.u32be();
        value.skip(4);
        const base::ByteView prefix = value.bytes(16);
        if (!value || !sink.wants_details()) return;
        sink.number("prefix_length", size);
        sink.number("prefix_valid_lifetime", valid);
        sink.number("prefix_preferred_lifetime", preferred);
        sink.text("prefix", IpAddress::of(prefix).text());
        break;
      }
      case 5:
        value.skip(2);
        sink.number("option_mtu", value.u32be());
        break;
      case 25:
        value.skip(6);
        while (value.remaining() >= 16)
          sink.text("dns_server", IpAddress::of(value.bytes(16)).text());
        break;
      default:
        break;
    }
  }

  static void router(const Head& head, Reader& reader, Sink& sink) {
    if (head.type == 133) {
      reader.skip(4);
      options(reader, sink);
      return;
    }
    const std::uint8_t hops = reader.u8();
    const std::uint8_t flags = reader.u8();
    const std::uint16_t lifetime = reader.u16be();
    const std::uint32_t reachable = reader.u32be();
    const std::uint32_t again = reader.u32be();
    if (!reader) return;
    sink.number("hop_limit", hops);
    sink.number("router_flags", flags);
    sink.number("router_lifetime", lifetime);
    sink.number("reachable_time", reachable);
    sink.number("retransmission_time", again);
    options(reader, sink);
    if (reader && lifetime != 0) sink.tell(Fact::Gateway, "icmpv6", Confidence::Neighbor);
  }

  void neighbor(const Head& head, Reader& reader, const Pdu& pdu, Sink& sink) {
    const std::uint32_t flags = reader.u32be();
    const base::ByteView target = reader.bytes(16);
    if (!reader) return;
    if (head.type == 136) sink.number("neighbor_flags", flags);
    const IpAddress ip = IpAddress::of(target);
    about_ = ip.text();
    sink.text("target", about_);
    if (ip.group()) sink.issue({Issue::Kind::Violation, "target is a group's address", 0, 8});
    const Options found = options(reader, sink);
    if (!reader || found.link_address.empty()) return;
    // Whose link address it is: the sender's own, or the one of what it has.
    const IpAddress owner = head.type == 136 ? ip : pdu.from.ip;
    const MacAddress mac = MacAddress::of(found.link_address);
    if (owner.none() || owner.group() || mac.group()) return;
    const std::string text = owner.text();
    Evidence one;
    one.about = mac == pdu.from.mac ? About::Sender : About::Address;
    one.fact = Fact::Ip;
    one.confidence = Confidence::Neighbor;
    one.value = text;
    one.mac = mac;
    sink.evidence(one);
  }

  Version version_;
  std::string about_;  // whom the message at hand is about
};

Match probe4(const Sample& sample) {
  return sample.bytes.size() >= 8 && !name_of(kTypes4, sample.bytes[0]).empty() ? Match::Yes
                                                                                : Match::Likely;
}

Match probe6(const Sample& sample) {
  return sample.bytes.size() >= 8 && !name_of(kTypes6, sample.bytes[0]).empty() ? Match::Yes
                                                                                : Match::Likely;
}

template <Version kVersion>
std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<IcmpSession>(kVersion);
}

constexpr Transport kTransports[] = {Transport::Ip};
constexpr std::uint16_t kSelectors4[] = {1};
constexpr std::uint16_t kSelectors6[] = {58};

}  // namespace

constinit const Protocol kProtocol{"icmp", "ICMP",      false,  kTransports,
                                   {},     kSelectors4, probe4, open<Version::Four>};
constinit const Protocol kProtocol6{"icmpv6", "ICMPv6",    false,  kTransports,
                                    {},       kSelectors6, probe6, open<Version::Six>};

}  // namespace dissect::icmp
