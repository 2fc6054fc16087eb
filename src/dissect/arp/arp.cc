#include "dissect/arp/arp.h"

#include <algorithm>
#include <string>

#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::arp {

namespace {

constexpr std::uint16_t kEthernet = 1;
constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kRequest = 1;

// IANA's register of ARP parameters.
constexpr Named kOperations[] = {
    {1, "request"},       {2, "reply"},           {3, "reverse request"},
    {4, "reverse reply"}, {8, "inverse request"}, {9, "inverse reply"},
    {10, "nak"},
};
static_assert(sorted_by_code(kOperations));

enum class Form : std::uint8_t { Plain, Probe, Announcement, Gratuitous };
constexpr std::string_view kForms[] = {"", "probe", "announcement", "gratuitous"};

struct Packet {
  std::uint16_t hardware = 0;
  std::uint16_t protocol = 0;
  std::uint8_t hardware_size = 0;
  std::uint8_t protocol_size = 0;
  std::uint16_t operation = 0;
  base::ByteView sender_mac;
  base::ByteView sender_ip;
  base::ByteView target_mac;
  base::ByteView target_ip;

  bool ethernet() const { return hardware_size == 6; }
  bool ipv4() const { return protocol == kIpv4 && protocol_size == 4; }
};

Packet read(Reader& reader) {
  Packet packet;
  packet.hardware = reader.u16be();
  packet.protocol = reader.u16be();
  packet.hardware_size = reader.u8();
  packet.protocol_size = reader.u8();
  packet.operation = reader.u16be();
  packet.sender_mac = reader.bytes(packet.hardware_size);
  packet.sender_ip = reader.bytes(packet.protocol_size);
  packet.target_mac = reader.bytes(packet.hardware_size);
  packet.target_ip = reader.bytes(packet.protocol_size);
  return packet;
}

bool nobody(base::ByteView ip) {
  return std::ranges::all_of(ip, [](std::uint8_t byte) { return byte == 0; });
}

Form form_of(const Packet& packet) {
  if (!packet.ipv4()) return Form::Plain;
  if (nobody(packet.sender_ip)) return packet.operation == kRequest ? Form::Probe : Form::Plain;
  if (!std::ranges::equal(packet.sender_ip, packet.target_ip)) return Form::Plain;
  return packet.operation == kRequest ? Form::Announcement : Form::Gratuitous;
}

void tell_details(const Packet& packet, Sink& sink) {
  if (!sink.wants_details()) return;
  sink.number("hardware_type", packet.hardware);
  sink.number("protocol_type", packet.protocol);
  sink.number("hardware_size", packet.hardware_size);
  sink.number("protocol_size", packet.protocol_size);
  sink.number("opcode", packet.operation);
  if (packet.ethernet()) {
    sink.bytes("sender_mac", packet.sender_mac);
    sink.bytes("target_mac", packet.target_mac);
  } else {
    sink.bytes("sender_hardware", packet.sender_mac);
    sink.bytes("target_hardware", packet.target_mac);
  }
  if (packet.ipv4()) {
    sink.text("sender_ip", IpAddress::of(packet.sender_ip).text());
    sink.text("target_ip", IpAddress::of(packet.target_ip).text());
  } else {
    sink.bytes("sender_protocol", packet.sender_ip);
    sink.bytes("target_protocol", packet.target_ip);
  }
}

void check(const Packet& packet, Form form, Sink& sink) {
  if (name_of(kOperations, packet.operation).empty())
    sink.issue({Issue::Kind::Malformed, "unknown operation", packet.operation, 6});
  if (packet.hardware == kEthernet && !packet.ethernet())
    sink.issue(
        {Issue::Kind::Malformed, "hardware size of Ethernet is not 6", packet.hardware_size, 4});
  if (packet.protocol == kIpv4 && !packet.ipv4())
    sink.issue({Issue::Kind::Malformed, "protocol size of IPv4 is not 4", packet.protocol_size, 5});
  if (packet.ethernet() && MacAddress::of(packet.sender_mac).group())
    sink.issue({Issue::Kind::Violation, "sender's hardware address is of a group", 0, 8});
  if (packet.ipv4() && form != Form::Probe && IpAddress::of(packet.sender_ip).group())
    sink.issue({Issue::Kind::Violation, "sender's address is of a group", 0, 14});
}

// That the sender's two addresses belong together.
void tell_binding(const Packet& packet, const Pdu& pdu, Form form, Sink& sink) {
  if (!packet.ethernet() || !packet.ipv4() || form == Form::Probe) return;
  const MacAddress mac = MacAddress::of(packet.sender_mac);
  const IpAddress ip = IpAddress::of(packet.sender_ip);
  if (mac.none() || mac.group() || ip.group() || nobody(packet.sender_ip)) return;
  const std::string text = ip.text();
  Evidence one;
  one.about = mac == pdu.from.mac ? About::Sender : About::Address;
  one.fact = Fact::Ip;
  one.confidence = Confidence::Neighbor;
  one.value = text;
  one.mac = mac;
  sink.evidence(one);
}

class ArpSession final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    const Packet packet = read(reader);
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "packet ends before its addresses", 0,
                  static_cast<std::uint32_t>(reader.offset())});
      return;
    }
    const Form form = form_of(packet);
    tell_details(packet, sink);
    check(packet, form, sink);
    tell_binding(packet, pdu, form, sink);

    const std::string target =
        packet.ipv4() ? IpAddress::of(packet.target_ip).text() : hex(packet.target_ip);
    const Object object{"address", target};
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {packet.operation, name_of(kOperations, packet.operation)};
    message.sub_operation = {static_cast<std::uint32_t>(form),
                             kForms[static_cast<std::size_t>(form)]};
    message.access = Access::Discovery;
    message.objects = {&object, 1};
    sink.message(message);
  }
};

Match probe(const Sample& sample) {
  Reader reader(sample.bytes);
  const Packet packet = read(reader);
  return reader && packet.hardware != 0 && packet.operation != 0 ? Match::Yes : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<ArpSession>();
}

constexpr Transport kTransports[] = {Transport::Link};
constexpr std::uint16_t kSelectors[] = {0x0806, 0x8035};

}  // namespace

constinit const Protocol kProtocol{"arp", "ARP", false, kTransports, {}, kSelectors, probe, open};

}  // namespace dissect::arp
