#include "dissect/zigbee/network.h"

#include <array>

#include "dissect/names.h"

namespace dissect::zigbee {

namespace {

enum NetworkControl : std::uint16_t {
  kMulticast = 1U << 8U,
  kSecurity = 1U << 9U,
  kSourceRoute = 1U << 10U,
  kExtendedTo = 1U << 11U,
  kExtendedFrom = 1U << 12U,
};
constexpr std::uint8_t kProtocolVersion = 2;
// Codes of operations: each layer has its own hundreds.
constexpr std::uint32_t kNetworkCode = 0x100;
constexpr std::uint32_t kTransportCode = 0x200;
constexpr std::uint32_t kClusterCode = 0x300;
constexpr std::uint32_t kDeviceCode = 0x10000;
constexpr std::uint16_t kOtaCluster = 0x0019;
constexpr std::uint8_t kTransportKey = 5;

constexpr Named kNetworkCommands[] = {
    {1, "route request"},
    {2, "route reply"},
    {3, "network status"},
    {4, "leave"},
    {5, "route record"},
    {6, "rejoin request"},
    {7, "rejoin response"},
    {8, "link status"},
    {9, "network report"},
    {10, "network update"},
    {11, "end device timeout request"},
    {12, "end device timeout response"},
};
static_assert(sorted_by_code(kNetworkCommands));

constexpr Named kTransportCommands[] = {
    {kTransportKey, "transport key"},
    {6, "update device"},
    {7, "remove device"},
    {8, "request key"},
    {9, "switch key"},
    {14, "tunnel"},
    {15, "verify key"},
    {16, "confirm key"},
};
static_assert(sorted_by_code(kTransportCommands));

struct General {
  std::string_view name;
  Access access = Access::None;
};
// ZCL section 2.5, in the order of their codes.
constexpr std::array<General, 23> kGeneral = {{
    {"read attributes", Access::Read},
    {"read attributes response", Access::Read},
    {"write attributes", Access::Write},
    {"write attributes undivided", Access::Write},
    {"write attributes response", Access::Write},
    {"write attributes no response", Access::Write},
    {"configure reporting", Access::ConfigWrite},
    {"configure reporting response", Access::ConfigWrite},
    {"read reporting configuration", Access::ConfigRead},
    {"read reporting configuration response", Access::ConfigRead},
    {"report attributes", Access::Read},
    {"default response", Access::None},
    {"discover attributes", Access::Discovery},
    {"discover attributes response", Access::Discovery},
    {"read attributes structured", Access::Read},
    {"write attributes structured", Access::Write},
    {"write attributes structured response", Access::Write},
    {"discover commands received", Access::Discovery},
    {"discover commands received response", Access::Discovery},
    {"discover commands generated", Access::Discovery},
    {"discover commands generated response", Access::Discovery},
    {"discover attributes extended", Access::Discovery},
    {"discover attributes extended response", Access::Discovery},
}};

// ZigBee device profile (2.4.3); answers have the upper bit.
constexpr Named kDevice[] = {
    {0x0000, "network address request"},
    {0x0001, "extended address request"},
    {0x0002, "node descriptor request"},
    {0x0003, "power descriptor request"},
    {0x0004, "simple descriptor request"},
    {0x0005, "active endpoints request"},
    {0x0006, "match descriptor request"},
    {0x0013, "device announcement"},
    {0x0021, "bind request"},
    {0x0022, "unbind request"},
    {0x0030, "network discovery request"},
    {0x0031, "neighbor table request"},
    {0x0032, "routing table request"},
    {0x0034, "leave request"},
    {0x0036, "permit joining request"},
    {0x0038, "network update request"},
};
static_assert(sorted_by_code(kDevice));

// The header of security at both layers (4.5.1). The last 4 bytes are the code that protects.
void read_security(Reader& reader, Sink& sink) {
  const std::uint8_t control = reader.u8();
  sink.number("zigbee_key", control >> 3U & 3U);
  sink.number("zigbee_frame_counter", reader.u32le());
  if ((control & 0x20U) != 0) sink.number("zigbee_security_source", reader.u64le());
  if ((control >> 3U & 3U) == 1) sink.number("zigbee_key_sequence", reader.u8());
}

void read_cluster(Reader& reader, std::uint16_t cluster, Message& message, Sink& sink) {
  const std::uint8_t control = reader.u8();
  const bool general = (control & 3U) == 0;
  const bool answers = (control & 8U) != 0;
  if ((control & 4U) != 0) sink.number("zcl_manufacturer", reader.u16le());
  const std::uint8_t sequence = reader.u8();
  const std::uint8_t command = reader.u8();
  if (!reader.ok()) {
    sink.issue({Issue::Kind::Truncated, "cluster frame ends within its header", cluster, 0});
    return;
  }
  sink.number("zcl_type", control & 3U);
  sink.number("zcl_direction", answers ? 1 : 0);
  sink.number("zcl_sequence", sequence);
  sink.number(general ? "zcl_general_command" : "zcl_cluster_command", command);
  message.operation = {kClusterCode + command, general ? "" : "cluster command"};
  message.access = answers ? Access::Read : Access::Write;
  if (general && command < kGeneral.size()) {
    message.operation.name = kGeneral[command].name;
    message.access = kGeneral[command].access;
  }
  if (cluster == kOtaCluster) message.access = Access::Firmware;
  message.bytes = static_cast<std::uint32_t>(reader.remaining());
}

void read_device(std::uint16_t cluster, Message& message) {
  const std::string_view name = name_of(kDevice, cluster & 0x7fffU);
  message.operation = {kDeviceCode | cluster, name.empty() ? "device profile" : name};
  const std::uint16_t what = cluster & 0x7fffU;
  message.access = what >= 0x0020 && what < 0x0030    ? Access::ConfigWrite
                   : what == 0x0034 || what == 0x0036 ? Access::ConfigWrite
                                                      : Access::Discovery;
}

struct Application {
  std::uint8_t control = 0;
  std::uint8_t type() const { return control & 3U; }
  std::uint8_t delivery() const { return control >> 2U & 3U; }
};

void read_command(Reader& reader, bool encrypted, Message& message, Sink& sink) {
  const std::uint8_t command = reader.u8();
  if (!reader.ok()) return;
  sink.number("aps_command", command);
  message.operation = {kTransportCode + command, name_of(kTransportCommands, command)};
  message.access = Access::Session;
  if (command == kTransportKey && !encrypted)
    sink.issue({Issue::Kind::Violation, "key is sent in the clear", command, 0});
}

// The application support sub-layer (2.2.5).
void read_application(Reader& reader, Message& message, Objects& objects, Sink& sink) {
  const Application frame{reader.u8()};
  std::uint16_t cluster = 0;
  std::uint16_t profile = 0;
  const bool ends = frame.type() == 0 || (frame.type() == 2 && (frame.control & 0x10U) == 0);
  if (ends) {
    if (frame.delivery() == 3)
      sink.number("aps_group", reader.u16le());
    else
      sink.number("aps_destination", reader.u8());
    cluster = reader.u16le();
    profile = reader.u16le();
    sink.number("aps_cluster", cluster);
    sink.number("aps_profile", profile);
    sink.number("aps_source", reader.u8());
  }
  sink.number("aps_counter", reader.u8());
  // Blocks of what is divided.
  if ((frame.control & 0x80U) != 0 && (reader.u8() & 3U) != 0) reader.skip(1);
  if (!reader.ok()) {
    sink.issue({Issue::Kind::Truncated, "application frame ends within its header", 0, 0});
    return;
  }
  sink.number("aps_type", frame.type());
  sink.number("aps_delivery", frame.delivery());
  message.operation = {kTransportCode, frame.type() == 2 ? "application acknowledgement" : "data"};
  message.access = Access::None;
  if (ends) {
    objects.add(message, sink, {"cluster", {}, cluster, 1});
    objects.add(message, sink, {"profile", {}, profile, 1});
  }
  const bool encrypted = (frame.control & 0x20U) != 0;
  if (encrypted) return read_security(reader, sink);
  if (frame.type() == 1) return read_command(reader, false, message, sink);
  if (frame.type() != 0) return;
  if (profile == 0)
    read_device(cluster, message);
  else
    read_cluster(reader, cluster, message, sink);
}

}  // namespace

bool is_network(base::ByteView payload) {
  Reader reader(payload);
  const std::uint16_t control = reader.u16le();
  return reader.remaining() >= 6 && (control & 3U) <= 1 &&
         (control >> 2U & 15U) == kProtocolVersion && control >> 14U == 0;
}

void read_network(Reader& reader, Message& message, Objects& objects, Sink& sink) {
  const std::uint16_t control = reader.u16le();
  const std::uint16_t to = reader.u16le();
  const std::uint16_t from = reader.u16le();
  const std::uint8_t radius = reader.u8();
  const std::uint8_t sequence = reader.u8();
  sink.number("nwk_type", control & 3U);
  sink.number("nwk_version", control >> 2U & 15U);
  sink.number("nwk_destination", to);
  sink.number("nwk_source", from);
  sink.number("nwk_radius", radius);
  sink.number("nwk_sequence", sequence);
  if ((control & kExtendedTo) != 0) sink.number("nwk_destination_extended", reader.u64le());
  if ((control & kExtendedFrom) != 0) sink.number("nwk_source_extended", reader.u64le());
  if ((control & kMulticast) != 0) reader.skip(1);
  if ((control & kSourceRoute) != 0) {
    const std::uint8_t count = reader.u8();
    reader.skip(1);
    for (std::uint8_t i = 0; i < count && reader.ok(); ++i)
      sink.number("nwk_relay", reader.u16le());
  }
  if (!reader.ok()) {
    sink.issue({Issue::Kind::Truncated, "network frame ends within its header", 0, 0});
    return;
  }
  objects.add(message, sink, {"network source", {}, from, 1});
  objects.add(message, sink, {"network destination", {}, to, 1});
  const bool command = (control & 3U) == 1;
  message.operation = {kNetworkCode, command ? "network command" : "network data"};
  if ((control & kSecurity) != 0) {
    read_security(reader, sink);
    if (!reader.ok())
      sink.issue({Issue::Kind::Truncated, "network frame ends within its header", 0, 0});
    return;
  }
  if (!command) return read_application(reader, message, objects, sink);
  const std::uint8_t code = reader.u8();
  if (!reader.ok()) return;
  sink.number("nwk_command", code);
  message.operation = {kNetworkCode + code, name_of(kNetworkCommands, code)};
  message.access = Access::Session;
}

}  // namespace dissect::zigbee
