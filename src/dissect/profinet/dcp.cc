#include "dissect/profinet/dcp.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "dissect/address.h"
#include "dissect/message.h"
#include "dissect/text.h"

namespace dissect::profinet {

namespace {

enum Service : std::uint8_t { kGet = 3, kSet = 4, kIdentify = 5, kHello = 6 };
enum ServiceType : std::uint8_t { kRequest = 0, kSuccess = 1, kUnsupported = 5 };
enum Option : std::uint8_t { kIp = 1, kDevice = 2, kControl = 5, kInitiative = 6, kAll = 255 };

struct Header {
  std::uint8_t service = 0;
  std::uint8_t type = 0;
  std::uint32_t xid = 0;

  bool request() const { return type == kRequest; }
  // Values in the answers of a device, or in its greeting, are about the device itself.
  bool about_sender() const { return service == kHello || type == kSuccess; }
};

struct Found {
  std::array<Object, kMaxObjects> objects;
  std::size_t count = 0;
  std::string station;  // what an object views
  Operation what;       // of a Set
  Access access = Access::None;
  Status failure;
};

std::string_view block_error_name(unsigned int error) {
  static constexpr std::string_view kNames[] = {"ok",
                                                "option not supported",
                                                "suboption not supported",
                                                "suboption not set",
                                                "resource error",
                                                "not possible for local reasons",
                                                "not possible in operation"};
  return error < std::size(kNames) ? kNames[error] : "reserved error";
}

void note(Found& found, std::uint32_t code, std::string_view name, Access access) {
  // The gravest names the message.
  if (!found.what.name.empty() && found.access == Access::Reset) return;
  found.what = {code, name};
  found.access = access;
}

void tell(const Header& header, Sink& sink, Fact fact, std::string_view value) {
  if (header.about_sender()) sink.tell(fact, value);
}

void read_ip(std::uint8_t suboption, Reader& block, const Header& header, Sink& sink,
             Found& found) {
  if (suboption == 1) {
    sink.bytes("mac", block.bytes(6));
    return;
  }
  if (suboption != 2 && suboption != 3) return;
  const IpAddress ip = IpAddress::of(block.bytes(4));
  const IpAddress mask = IpAddress::of(block.bytes(4));
  const IpAddress gateway = IpAddress::of(block.bytes(4));
  if (!block) return;
  const std::string text = ip.text();
  sink.text("ip", text);
  sink.text("subnet_mask", mask.text());
  sink.text("standard_gateway", gateway.text());
  if (text != "0.0.0.0") tell(header, sink, Fact::Ip, text);
  if (header.service == kSet && header.request())
    note(found, 0x102, "ip parameter", Access::ConfigWrite);
}

void read_name(Reader& block, const Header& header, Sink& sink, Found& found) {
  const std::string name = printable(block.bytes(block.remaining()));
  sink.text("name_of_station", name);
  tell(header, sink, Fact::Name, name);
  if (header.service == kSet && header.request())
    note(found, 0x202, "name of station", Access::ConfigWrite);
  if (!found.station.empty() || name.empty() || found.count == found.objects.size()) return;
  found.station = name;
  found.objects[found.count++] = {"station", found.station, 0, 0};
}

void read_ids(Reader& block, const Header& header, Sink& sink) {
  const std::uint16_t vendor = block.u16be();
  const std::uint16_t device = block.u16be();
  if (!block) return;
  sink.number("vendor_id", vendor);
  sink.number("device_id", device);
  tell(header, sink, Fact::VendorId, "PROFINET " + std::to_string(vendor));
}

void read_device(std::uint8_t suboption, Reader& block, const Header& header, Sink& sink,
                 Found& found) {
  switch (suboption) {
    case 1: {
      const std::string type = printable(block.bytes(block.remaining()));
      sink.text("type_of_station", type);
      return tell(header, sink, Fact::Model, type);
    }
    case 2:
      return read_name(block, header, sink, found);
    case 3:
      return read_ids(block, header, sink);
    case 4:
      return sink.number("device_role", block.u8());
    case 5:
      while (block.remaining() >= 2) {
        sink.number("option", block.u8());
        sink.number("supported_suboption", block.u8());
      }
      return;
    case 6:
      return sink.text("alias_name", printable(block.bytes(block.remaining())));
    case 7:
      return sink.number("instance", block.u16be());
    case 8:
      sink.number("oem_vendor_id", block.u16be());
      return sink.number("oem_device_id", block.u16be());
    default:
      return;
  }
}

void read_control(std::uint8_t suboption, Reader& block, const Header& header, Sink& sink,
                  Found& found) {
  if (suboption == 4) {
    sink.number("answered_option", block.u8());
    sink.number("answered_suboption", block.u8());
    const std::uint8_t error = block.u8();
    sink.number("block_error", error);
    if (block && error != 0 && found.failure.outcome != Outcome::Failed)
      found.failure = {Outcome::Failed, error, block_error_name(error)};
    return;
  }
  if (header.service != kSet || !header.request()) return;
  switch (suboption) {
    case 3:
      sink.number("signal", block.u16be());
      return note(found, 0x503, "signal", Access::Diagnostics);
    case 5:
      return note(found, 0x505, "factory reset", Access::Reset);
    case 6:
      return note(found, 0x506, "reset to factory", Access::Reset);
    default:
      return;
  }
}

// One block behind its header. What precedes the value depends on the service.
void read_block(std::uint8_t option, std::uint8_t suboption, Reader& block, const Header& header,
                Sink& sink, Found& found) {
  const bool answer = option == kControl && suboption == 4;
  if (header.service == kSet && header.request()) {
    sink.number("block_qualifier", block.u16be());
  } else if (!answer && (header.service == kHello || !header.request())) {
    sink.number("block_info", block.u16be());
  }
  switch (option) {
    case kIp:
      return read_ip(suboption, block, header, sink, found);
    case kDevice:
      return read_device(suboption, block, header, sink, found);
    case kControl:
      return read_control(suboption, block, header, sink, found);
    case kInitiative:
      return sink.number("initiative", block.u16be());
    default:
      return sink.bytes("block_value", block.bytes(block.remaining()));
  }
}

std::string_view suboption_detail(std::uint8_t option) {
  switch (option) {
    case kIp:
      return "ip_suboption";
    case kDevice:
      return "device_suboption";
    case kControl:
      return "control_suboption";
    default:
      return "suboption";
  }
}

void read_blocks(Reader& reader, const Header& header, Sink& sink, Found& found) {
  while (reader.remaining() >= 2 && reader) {
    const std::uint8_t option = reader.u8();
    const std::uint8_t suboption = reader.u8();
    sink.number("option", option);
    sink.number(suboption_detail(option), suboption);
    if (header.service == kGet && header.request()) continue;
    const std::uint16_t length = reader.u16be();
    sink.number("block_length", length);
    Reader block = reader.sub(length);
    if (!reader) break;
    read_block(option, suboption, block, header, sink, found);
    if (!block)
      sink.issue({Issue::Kind::Malformed, "block too short",
                  std::uint32_t{option} << 8U | suboption,
                  static_cast<std::uint32_t>(reader.offset())});
    if (length % 2 != 0 && !reader.done()) reader.skip(1);
  }
  if (!reader)
    sink.issue({Issue::Kind::Truncated, "blocks", 0, static_cast<std::uint32_t>(reader.offset())});
}

std::string_view service_name(std::uint8_t service) {
  switch (service) {
    case kGet:
      return "get";
    case kSet:
      return "set";
    case kIdentify:
      return "identify";
    case kHello:
      return "hello";
    default:
      return {};
  }
}

void give(const Header& header, const Found& found, std::size_t bytes, Sink& sink) {
  Message message;
  message.operation = {header.service, service_name(header.service)};
  message.sub_operation = found.what;
  message.key = std::uint64_t{1} << 32U | header.xid;
  message.bytes = static_cast<std::uint32_t>(bytes);
  message.objects = std::span(found.objects).first(found.count);
  const bool asks = header.service == kGet || header.service == kSet;
  message.kind = !asks ? Kind::OneWay : header.request() ? Kind::Request : Kind::Response;
  message.access = Access::Discovery;
  if (header.service == kGet) message.access = Access::ConfigRead;
  if (header.service == kSet)
    message.access = found.access == Access::None ? Access::ConfigWrite : found.access;
  if (header.service == kIdentify)
    message.sub_operation = header.request() ? Operation{0, "request"} : Operation{1, "response"};
  if (!header.request()) {
    message.status = {Outcome::Ok, 0, "success"};
    if (header.type != kSuccess) message.status = {Outcome::Failed, header.type, "not supported"};
    if (found.failure.outcome == Outcome::Failed) message.status = found.failure;
  }
  sink.message(message);
}

}  // namespace

void read_dcp(std::uint16_t frame_id, Reader& reader, Sink& sink) {
  Header header;
  header.service = reader.u8();
  header.type = reader.u8();
  header.xid = reader.u32be();
  const std::uint16_t delay = reader.u16be();
  const std::uint16_t length = reader.u16be();
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "DCP header"});
    return;
  }
  sink.number("service_id", header.service);
  sink.number("service_type", header.type);
  sink.number("xid", header.xid);
  // Only who answers a multicast waits before it does.
  if (frame_id == 0xfefe) sink.number("response_delay", delay);
  sink.number("data_length", length);
  if (service_name(header.service).empty())
    sink.issue({Issue::Kind::Violation, "reserved DCP service", header.service, 2});
  if (header.type != kRequest && header.type != kSuccess && header.type != kUnsupported)
    sink.issue({Issue::Kind::Violation, "reserved DCP service type", header.type, 3});
  if (length > reader.remaining()) sink.issue({Issue::Kind::Truncated, "DCP data", length, 10});
  Reader blocks = reader.sub(std::min<std::size_t>(length, reader.remaining()));
  Found found;
  read_blocks(blocks, header, sink, found);
  give(header, found, length, sink);
}

}  // namespace dissect::profinet
