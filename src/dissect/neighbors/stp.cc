#include <algorithm>
#include <string>

#include "dissect/names.h"
#include "dissect/neighbors/neighbors.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::neighbors {

namespace {

constexpr std::uint8_t kConfiguration = 0;
constexpr std::uint8_t kRapid = 2;
constexpr std::uint8_t kTopologyChange = 0x80;
// One vendor's tree for each VLAN comes in SNAP.
constexpr std::uint8_t kPerVlan[] = {0x00, 0x00, 0x0c, 0x01, 0x0b};

constexpr Named kTypes[] = {{kConfiguration, "configuration"},
                            {kRapid, "rapid configuration"},
                            {kTopologyChange, "topology change"}};
static_assert(sorted_by_code(kTypes));

struct Bridge {
  std::uint16_t priority = 0;  // without the extension
  std::uint16_t extension = 0;
  base::ByteView mac;
};

Bridge read_bridge(Reader& reader) {
  const std::uint16_t head = reader.u16be();
  return {static_cast<std::uint16_t>(head & 0xf000U), static_cast<std::uint16_t>(head & 0x0fffU),
          reader.bytes(6)};
}

// Times count 1/256 seconds.
double seconds(std::uint16_t time) {
  return static_cast<double>(time) / 256;
}

class StpSession final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    base::ByteView bytes = pdu.bytes;
    if (bytes.size() > 5 && std::ranges::equal(bytes.first(5), kPerVlan)) bytes = bytes.subspan(5);
    Reader reader(bytes);
    const std::uint16_t protocol = reader.u16be();
    const std::uint8_t version = reader.u8();
    const std::uint8_t type = reader.u8();
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "message ends within its header"});
      return;
    }
    sink.number("protocol", protocol);
    sink.number("version", version);
    sink.number("type", type);
    if (protocol != 0)
      sink.issue({Issue::Kind::Malformed, "protocol is not spanning tree", protocol, 0});
    if (name_of(kTypes, type).empty()) {
      sink.issue({Issue::Kind::Malformed, "unknown type of message", type, 3});
      return;
    }
    if (type == kTopologyChange) {
      tell_message(type, {}, 0, sink);
      return;
    }
    tree(reader, version, type, sink);
  }

 private:
  static void tree(Reader& reader, std::uint8_t version, std::uint8_t type, Sink& sink) {
    const std::uint8_t flags = reader.u8();
    const Bridge root = read_bridge(reader);
    const std::uint32_t cost = reader.u32be();
    const Bridge bridge = read_bridge(reader);
    const std::uint16_t port = reader.u16be();
    const std::uint16_t times[] = {reader.u16be(), reader.u16be(), reader.u16be(), reader.u16be()};
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "message ends within the tree's values"});
      return;
    }
    if (sink.wants_details()) {
      sink.number("flags", flags);
      sink.number("root_priority", root.priority);
      sink.number("root_extension", root.extension);
      sink.bytes("root_mac", root.mac);
      sink.number("root_cost", cost);
      sink.number("bridge_priority", bridge.priority);
      sink.number("bridge_extension", bridge.extension);
      sink.bytes("bridge_mac", bridge.mac);
      sink.number("port", port);
      sink.real("message_age", seconds(times[0]));
      sink.real("max_age", seconds(times[1]));
      sink.real("hello_time", seconds(times[2]));
      sink.real("forward_delay", seconds(times[3]));
    }
    if (times[0] >= times[1])
      sink.issue({Issue::Kind::Violation, "message is older than it may be", times[0], 27});
    if (version >= 3) multiple(reader, sink);
    sink.tell(Fact::Type, "switch", Confidence::Neighbor);
    sink.tell(Fact::Mac, MacAddress::of(bridge.mac).text(), Confidence::Neighbor);
    tell_message(type, root.mac, flags, sink);
  }

  // IEEE 802.1Q clause 14.4: the region, then the instances.
  static void multiple(Reader& reader, Sink& sink) {
    reader.skip(1);  // length of what version 1 had
    const std::uint16_t size = reader.u16be();
    Reader region = reader.sub(std::min<std::size_t>(size, reader.remaining()));
    region.skip(1);
    const base::ByteView name = region.bytes(32);
    const std::uint16_t revision = region.u16be();
    const base::ByteView digest = region.bytes(16);
    const std::uint32_t cost = region.u32be();
    const Bridge internal = read_bridge(region);
    const std::uint8_t hops = region.u8();
    if (!region) {
      sink.issue({Issue::Kind::Truncated, "message ends within the region's values"});
      return;
    }
    if (!sink.wants_details()) return;
    sink.text("region", printable(name));
    sink.number("region_revision", revision);
    sink.bytes("region_digest", digest);
    sink.number("internal_cost", cost);
    sink.bytes("internal_bridge_mac", internal.mac);
    sink.number("remaining_hops", hops);
    while (region.remaining() >= 16) {
      sink.number("instance_flags", region.u8());
      const Bridge root = read_bridge(region);
      sink.number("instance", root.extension);
      sink.number("instance_priority", root.priority);
      sink.bytes("instance_root_mac", root.mac);
      sink.number("instance_cost", region.u32be());
      region.skip(3);
    }
  }

  static void tell_message(std::uint8_t type, base::ByteView root, std::uint8_t flags, Sink& sink) {
    const std::string name = root.empty() ? std::string{} : MacAddress::of(root).text();
    const Object object{"root bridge", name};
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {type, name_of(kTypes, type)};
    if ((flags & 1U) != 0) message.sub_operation = {1, "topology change"};
    message.access = Access::None;
    if (!name.empty()) message.objects = {&object, 1};
    sink.message(message);
  }
};

Match probe(const Sample& sample) {
  base::ByteView bytes = sample.bytes;
  if (sample.flow.selector == 0xaaaa) {
    if (bytes.size() < 9 || !std::ranges::equal(bytes.first(5), kPerVlan)) return Match::No;
    bytes = bytes.subspan(5);
  }
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0 || bytes[2] > 4) return Match::No;
  return name_of(kTypes, bytes[3]).empty() ? Match::No : Match::Yes;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<StpSession>();
}

constexpr Transport kTransports[] = {Transport::Link};
constexpr std::uint16_t kSelectors[] = {0x4242, 0xaaaa};

}  // namespace

constinit const Protocol kStp{"stp", "Spanning tree", false, kTransports,
                              {},    kSelectors,      probe, open};

}  // namespace dissect::neighbors
