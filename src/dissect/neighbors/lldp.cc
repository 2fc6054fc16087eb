#include <string>
#include <string_view>

#include "dissect/neighbors/neighbors.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::neighbors {

namespace {

constexpr std::size_t kMaxValues = 256;

enum Type : std::uint8_t {
  kEnd = 0,
  kChassis = 1,
  kPort = 2,
  kTimeToLive = 3,
  kPortDescription = 4,
  kSystemName = 5,
  kSystemDescription = 6,
  kCapabilities = 7,
  kManagement = 8,
  kOrganization = 127,
};

constexpr std::uint32_t k8021 = 0x0080c2;
constexpr std::uint32_t k8023 = 0x00120f;
constexpr std::uint32_t kTia = 0x0012bb;
constexpr std::uint32_t kProfinet = 0x000ecf;

// What a device is by the strongest of the capabilities that are enabled (IEEE 802.1AB table 8-4).
std::string_view device_type(std::uint16_t enabled) {
  if ((enabled & 0x20U) != 0) return "telephone";
  if ((enabled & 0x08U) != 0) return "access point";
  if ((enabled & 0x10U) != 0) return "router";
  if ((enabled & 0x04U) != 0) return "switch";
  return {};
}

struct Ids {
  base::ByteView port;
  std::uint8_t port_kind = 0;
};

class LldpSession final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    port_ = {};
    std::uint16_t time_to_live = 0;
    std::size_t index = 0;
    for (; index < kMaxValues; ++index) {
      const auto at = static_cast<std::uint32_t>(reader.offset());
      const std::uint16_t head = reader.u16be();
      const auto type = static_cast<std::uint8_t>(head >> 9U);
      const Reader value = reader.sub(head & 0x1ffU);
      if (!reader) {
        sink.issue({Issue::Kind::Truncated, "message ends within a value", type, at});
        break;
      }
      if (index < 3 && type != index + 1)
        sink.issue({Issue::Kind::Violation, "mandatory value is not where it has to be", type, at});
      sink.number("tlv_type", type);
      sink.number("tlv_length", head & 0x1ffU);
      if (type == kEnd) break;
      if (type == kTimeToLive) {
        time_to_live = Reader(value).u16be();
        sink.number("time_to_live", time_to_live);
        continue;
      }
      take_value(type, value, sink);
    }
    if (index == kMaxValues)
      sink.issue({Issue::Kind::LeftOut, "more values than are read", kMaxValues});
    tell_message(time_to_live, sink);
  }

 private:
  static std::string id_text(bool mac, bool address, base::ByteView id) {
    if (mac && id.size() == 6) return MacAddress::of(id).text();
    if (address && (id.size() == 5 || id.size() == 17)) return IpAddress::of(id.subspan(1)).text();
    return printable(id);
  }

  void take_value(std::uint8_t type, Reader value, Sink& sink) {
    switch (type) {
      case kChassis:
        chassis(value, sink);
        break;
      case kPort:
        port(value, sink);
        break;
      case kPortDescription:
        sink.text("port_description", printable(value.rest()));
        break;
      case kSystemName: {
        const std::string name = printable(value.rest());
        sink.text("system_name", name);
        sink.tell(Fact::Name, name, Confidence::Neighbor);
        break;
      }
      case kSystemDescription: {
        const std::string text = printable(value.rest(), 512);
        sink.text("system_description", text);
        sink.tell(Fact::Software, text, Confidence::Neighbor);
        break;
      }
      case kCapabilities:
        capabilities(value, sink);
        break;
      case kManagement:
        management(value, sink);
        break;
      case kOrganization:
        organization(value, sink);
        break;
      default:
        break;
    }
  }

  static void chassis(Reader value, Sink& sink) {
    const std::uint8_t kind = value.u8();
    sink.number("chassis_id_kind", kind);
    const base::ByteView id = value.rest();
    const std::string text = id_text(kind == 4, kind == 5, id);
    sink.text("chassis_id", text);
    if (kind == 4 && id.size() == 6) {
      sink.tell(Fact::Mac, text, Confidence::Neighbor);
    } else if (kind == 5) {
      sink.tell(Fact::Ip, text, Confidence::Neighbor);
    } else if (kind == 7) {
      sink.tell(Fact::Name, text, Confidence::Neighbor);
    }
  }

  void port(Reader value, Sink& sink) {
    port_.port_kind = value.u8();
    port_.port = value.rest();
    sink.number("port_id_kind", port_.port_kind);
    if (sink.wants_details())
      sink.text("port_id", id_text(port_.port_kind == 3, port_.port_kind == 4, port_.port));
  }

  static void capabilities(Reader value, Sink& sink) {
    const std::uint16_t able = value.u16be();
    const std::uint16_t enabled = value.u16be();
    if (!value) {
      sink.issue({Issue::Kind::Malformed, "capabilities of a wrong size"});
      return;
    }
    sink.number("capabilities", able);
    sink.number("enabled_capabilities", enabled);
    sink.tell(Fact::Type, device_type(enabled), Confidence::Neighbor);
  }

  static void management(Reader value, Sink& sink) {
    const std::uint8_t size = value.u8();
    const std::uint8_t family = value.u8();
    const base::ByteView address = value.bytes(size == 0 ? 0 : size - 1U);
    const std::uint8_t numbering = value.u8();
    const std::uint32_t interface = value.u32be();
    const base::ByteView oid = value.bytes(value.u8());
    if (!value || size == 0) {
      sink.issue({Issue::Kind::Malformed, "management address of a wrong size", size});
      return;
    }
    sink.number("management_family", family);
    sink.number("management_numbering", numbering);
    sink.number("management_interface", interface);
    sink.bytes("management_object", oid);
    const bool ip = (family == 1 && address.size() == 4) || (family == 2 && address.size() == 16);
    if (!ip) {
      sink.bytes("management_bytes", address);
      return;
    }
    const std::string text = IpAddress::of(address).text();
    sink.text("management_address", text);
    sink.tell(Fact::Ip, text, Confidence::Neighbor);
  }

  static void organization(Reader value, Sink& sink) {
    const std::uint32_t oui = value.u24be();
    const std::uint8_t subtype = value.u8();
    if (!value) {
      sink.issue({Issue::Kind::Malformed, "organisation's value without its kind"});
      return;
    }
    sink.number("organization", oui);
    sink.number("organization_subtype", subtype);
    if (oui == k8021) {
      bridges(subtype, value, sink);
    } else if (oui == k8023) {
      ethernet(subtype, value, sink);
    } else if (oui == kTia) {
      inventory(subtype, value, sink);
    } else if (oui == kProfinet) {
      profinet(subtype, value, sink);
    }
  }

  static void bridges(std::uint8_t subtype, Reader value, Sink& sink) {
    if (subtype == 1) {
      sink.number("port_vlan", value.u16be());
    } else if (subtype == 3) {
      sink.number("vlan_id", value.u16be());
      const std::uint8_t size = value.u8();
      const base::ByteView name = value.bytes(size);
      if (value && sink.wants_details()) sink.text("vlan_name", printable(name));
    }
  }

  static void ethernet(std::uint8_t subtype, Reader value, Sink& sink) {
    if (subtype == 1) {
      sink.number("autonegotiation", value.u8());
      sink.number("autonegotiation_capabilities", value.u16be());
      sink.number("mau_type", value.u16be());
    } else if (subtype == 4) {
      sink.number("max_frame_size", value.u16be());
    }
  }

  static void inventory(std::uint8_t subtype, Reader value, Sink& sink) {
    struct Part {
      std::uint8_t subtype;
      std::string_view name;
      Fact fact;
    };
    static constexpr Part kParts[] = {
        {5, "hardware_revision", Fact::Hardware},  {6, "firmware_revision", Fact::Firmware},
        {7, "software_revision", Fact::OsVersion}, {8, "serial_number", Fact::Serial},
        {9, "manufacturer", Fact::Vendor},         {10, "model", Fact::Model},
    };
    for (const Part& part : kParts) {
      if (part.subtype != subtype) continue;
      const std::string text = printable(value.rest());
      sink.text(part.name, text);
      sink.tell(part.fact, text, Confidence::Neighbor);
    }
  }

  static void profinet(std::uint8_t subtype, Reader value, Sink& sink) {
    if (subtype != 5 || value.remaining() < 6) return;
    const base::ByteView mac = value.bytes(6);
    sink.bytes("profinet_chassis_mac", mac);
    sink.tell(Fact::Mac, MacAddress::of(mac).text(), Confidence::Protocol);
  }

  void tell_message(std::uint16_t time_to_live, Sink& sink) const {
    const std::string name = id_text(port_.port_kind == 3, port_.port_kind == 4, port_.port);
    const Object object{"port", name};
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {time_to_live == 0 ? 1U : 0U,
                         time_to_live == 0 ? "shutdown" : "announcement"};
    message.access = Access::Discovery;
    if (!name.empty()) message.objects = {&object, 1};
    sink.message(message);
  }

  Ids port_;  // views into the message at hand
};

Match probe(const Sample& sample) {
  // The chassis comes first and is not empty.
  Reader reader(sample.bytes);
  const std::uint16_t head = reader.u16be();
  reader.skip(head & 0x1ffU);
  return reader && head >> 9U == kChassis && (head & 0x1ffU) >= 2 ? Match::Yes : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<LldpSession>();
}

constexpr Transport kTransports[] = {Transport::Link};
constexpr std::uint16_t kSelectors[] = {0x88cc};

}  // namespace

constinit const Protocol kLldp{"lldp", "LLDP", false, kTransports, {}, kSelectors, probe, open};

}  // namespace dissect::neighbors
