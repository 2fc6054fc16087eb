#include <algorithm>
#include <string>
#include <string_view>

#include "dissect/neighbors/neighbors.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::neighbors {

namespace {

constexpr std::size_t kMaxValues = 256;
constexpr std::size_t kSnap = 5;
constexpr std::uint8_t kPrefix[kSnap] = {0x00, 0x00, 0x0c, 0x20, 0x00};

std::string_view device_type(std::uint32_t capabilities) {
  if ((capabilities & 0x80U) != 0) return "telephone";
  if ((capabilities & 0x01U) != 0) return "router";
  if ((capabilities & 0x08U) != 0) return "switch";
  return {};
}

class CdpSession final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    reader.skip(kSnap);
    const std::uint8_t version = reader.u8();
    const std::uint8_t time_to_live = reader.u8();
    const std::uint16_t checksum = reader.u16be();
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "message ends within its header"});
      return;
    }
    sink.number("version", version);
    sink.number("time_to_live", time_to_live);
    sink.number("checksum", checksum);
    port_ = {};
    values(reader, sink);
    const std::string port = printable(port_);
    const Object object{"port", port};
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {version, "announcement"};
    message.access = Access::Discovery;
    if (!port.empty()) message.objects = {&object, 1};
    sink.message(message);
  }

 private:
  void values(Reader reader, Sink& sink) {
    for (std::size_t i = 0; i < kMaxValues && !reader.done(); ++i) {
      const auto at = static_cast<std::uint32_t>(reader.offset());
      const std::uint16_t type = reader.u16be();
      const std::uint16_t size = reader.u16be();
      if (reader && size < 4) {
        sink.issue({Issue::Kind::Malformed, "value shorter than its own header", size, at});
        return;
      }
      const Reader value = reader.sub(size - 4U);
      if (!reader) {
        sink.issue({Issue::Kind::Truncated, "message ends within a value", type, at});
        return;
      }
      sink.number("tlv_type", type);
      sink.number("tlv_length", size);
      take_value(type, value, sink);
    }
    if (!reader.done()) sink.issue({Issue::Kind::LeftOut, "more values than are read", kMaxValues});
  }

  static void tell(std::string_view name, Fact fact, Reader value, Sink& sink) {
    const std::string text = printable(value.rest(), 512);
    sink.text(name, text);
    sink.tell(fact, text, Confidence::Neighbor);
  }

  void take_value(std::uint16_t type, Reader value, Sink& sink) {
    switch (type) {
      case 0x01:
        tell("device_id", Fact::Name, value, sink);
        break;
      case 0x02:
      case 0x16:
        addresses(value, sink);
        break;
      case 0x03:
        port_ = value.rest();
        if (sink.wants_details()) sink.text("port_id", printable(port_));
        break;
      case 0x04: {
        const std::uint32_t capabilities = value.u32be();
        sink.number("capabilities", capabilities);
        sink.tell(Fact::Type, device_type(capabilities), Confidence::Neighbor);
        break;
      }
      case 0x05:
        // Several lines: how people know the system.
        tell("software_version", Fact::Software, value, sink);
        break;
      case 0x06: {
        const std::string text = printable(value.rest());
        sink.text("platform", text);
        const std::string_view model = text;
        const bool named = model.starts_with("cisco ") || model.starts_with("Cisco ");
        if (named) sink.tell(Fact::Vendor, "Cisco", Confidence::Neighbor);
        sink.tell(Fact::Model, named ? model.substr(6) : model, Confidence::Neighbor);
        break;
      }
      case 0x09:
        sink.text("vtp_domain", printable(value.rest()));
        break;
      case 0x0a:
        sink.number("native_vlan", value.u16be());
        break;
      case 0x0b:
        sink.number("duplex", value.u8());
        break;
      case 0x11:
        sink.number("mtu", value.u32be());
        break;
      case 0x14:
        tell("system_name", Fact::Hostname, value, sink);
        break;
      default:
        break;
    }
  }

  static void addresses(Reader value, Sink& sink) {
    const std::uint32_t count = value.u32be();
    sink.number("address_count", count);
    for (std::uint32_t i = 0; i < std::min(count, 64U) && value; ++i) {
      const std::uint8_t kind = value.u8();
      const base::ByteView protocol = value.bytes(value.u8());
      const base::ByteView address = value.bytes(value.u16be());
      if (!value) {
        sink.issue({Issue::Kind::Truncated, "address ends after its value", kind});
        return;
      }
      const bool ip = (address.size() == 4 && protocol.size() == 1 && protocol[0] == 0xcc) ||
                      address.size() == 16;
      if (!ip) continue;
      const std::string text = IpAddress::of(address).text();
      sink.text("address", text);
      sink.tell(Fact::Ip, text, Confidence::Neighbor);
    }
  }

  base::ByteView port_;  // of the message at hand
};

Match probe(const Sample& sample) {
  if (sample.bytes.size() < kSnap + 4) return Match::No;
  if (!std::ranges::equal(sample.bytes.first(kSnap), kPrefix)) return Match::No;
  return sample.bytes[kSnap] <= 2 ? Match::Yes : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<CdpSession>();
}

constexpr Transport kTransports[] = {Transport::Link};
constexpr std::uint16_t kSelectors[] = {0xaaaa};

}  // namespace

constinit const Protocol kCdp{"cdp", "CDP", false, kTransports, {}, kSelectors, probe, open};

}  // namespace dissect::neighbors
