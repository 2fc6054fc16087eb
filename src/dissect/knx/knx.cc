#include "dissect/knx/knx.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "dissect/knx/cemi.h"
#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::knx {

namespace {

constexpr std::uint16_t kPort = 3671;
constexpr std::size_t kHeader = 6;
constexpr std::uint8_t kVersion = 0x10;

// How a service goes with another.
enum class Role : std::uint8_t { Request, Response, OneWay };

struct Service {
  std::string_view name = {};
  std::uint16_t code = 0;
  Access access = Access::None;
  Role role = Role::OneWay;
  std::uint16_t request = 0;  // of a response: the service that it answers
};

constexpr Service kServices[] = {
    {"search request", 0x0201, Access::Discovery, Role::Request},
    {"search response", 0x0202, Access::Discovery, Role::Response, 0x0201},
    {"description request", 0x0203, Access::Discovery, Role::Request},
    {"description response", 0x0204, Access::Discovery, Role::Response, 0x0203},
    {"connect request", 0x0205, Access::Session, Role::Request},
    {"connect response", 0x0206, Access::Session, Role::Response, 0x0205},
    {"connection state request", 0x0207, Access::None, Role::Request},
    {"connection state response", 0x0208, Access::None, Role::Response, 0x0207},
    {"disconnect request", 0x0209, Access::Session, Role::Request},
    {"disconnect response", 0x020a, Access::Session, Role::Response, 0x0209},
    {"extended search request", 0x020b, Access::Discovery, Role::Request},
    {"extended search response", 0x020c, Access::Discovery, Role::Response, 0x020b},
    {"device configuration request", 0x0310, Access::None, Role::Request},
    {"device configuration ack", 0x0311, Access::None, Role::Response, 0x0310},
    {"tunnelling request", 0x0420, Access::None, Role::Request},
    {"tunnelling ack", 0x0421, Access::None, Role::Response, 0x0420},
    {"tunnelling feature get", 0x0422, Access::ConfigRead, Role::OneWay},
    {"tunnelling feature response", 0x0423, Access::ConfigRead, Role::OneWay},
    {"tunnelling feature set", 0x0424, Access::ConfigWrite, Role::OneWay},
    {"tunnelling feature info", 0x0425, Access::ConfigRead, Role::OneWay},
    {"routing indication", 0x0530, Access::None, Role::OneWay},
    {"routing lost message", 0x0531, Access::Diagnostics, Role::OneWay},
    {"routing busy", 0x0532, Access::Diagnostics, Role::OneWay},
    {"routing system broadcast", 0x0533, Access::None, Role::OneWay},
    {"remote diagnostic request", 0x0740, Access::Diagnostics, Role::Request},
    {"remote diagnostic response", 0x0741, Access::Diagnostics, Role::Response, 0x0740},
    {"remote basic configuration request", 0x0742, Access::ConfigWrite, Role::Request},
    {"remote reset request", 0x0743, Access::Reset, Role::Request},
    {"secure wrapper", 0x0950, Access::None, Role::OneWay},
    {"session request", 0x0951, Access::Session, Role::Request},
    {"session response", 0x0952, Access::Session, Role::Response, 0x0951},
    {"session authenticate", 0x0953, Access::Authentication, Role::OneWay},
    {"session status", 0x0954, Access::Session, Role::OneWay},
    {"timer notify", 0x0955, Access::None, Role::OneWay},
};
static_assert(std::ranges::is_sorted(kServices, {}, &Service::code));

Service service_of(std::uint16_t code) {
  const auto found = std::ranges::lower_bound(kServices, code, {}, &Service::code);
  return found != std::end(kServices) && found->code == code ? *found : Service{{}, code};
}

std::string_view status_name(std::uint8_t status) {
  switch (status) {
    case 0x00:
      return "no error";
    case 0x01:
      return "host protocol not supported";
    case 0x02:
      return "version not supported";
    case 0x04:
      return "sequence number wrong";
    case 0x21:
      return "no such connection";
    case 0x22:
      return "connection type not supported";
    case 0x23:
      return "connection option not supported";
    case 0x24:
      return "no more connections";
    case 0x25:
      return "no more unique connections";
    case 0x26:
      return "data connection error";
    case 0x27:
      return "KNX connection error";
    case 0x29:
      return "tunnelling layer not supported";
    default:
      return {};
  }
}

Match probe(const Sample& sample) {
  const bool stream = sample.flow.transport == Transport::Tcp;
  if (sample.bytes.size() < kHeader) return stream ? Match::Unsure : Match::No;
  Reader reader(sample.bytes);
  if (reader.u8() != kHeader || reader.u8() != kVersion) return Match::No;
  const std::uint16_t code = reader.u16be();
  const std::uint16_t size = reader.u16be();
  if (service_of(code).name.empty() || size < kHeader + 2) return Match::No;
  return stream || size == sample.bytes.size() ? Match::Yes : Match::No;
}

std::string individual(std::uint16_t address) {
  return std::to_string(address >> 12U) + '.' + std::to_string(address >> 8U & 15U) + '.' +
         std::to_string(address & 255U);
}

// Where to answer: an address and port of UDP or TCP.
void read_endpoint(Reader& body, Sink& sink) {
  const std::uint8_t length = body.u8();
  const std::uint8_t protocol = body.u8();
  const std::uint32_t address = body.u32be();
  const std::uint16_t port = body.u16be();
  if (!body.ok()) return;
  sink.number("structure_length", length);
  sink.number("host_protocol", protocol);
  sink.number("host_address", address);
  sink.number("host_port", port);
  if (length != 8) {
    sink.issue({Issue::Kind::Malformed, "endpoint with a length that cannot be", length, kHeader});
    body.fail();
  }
}

void read_device(Reader& item, Sink& sink) {
  const std::uint8_t medium = item.u8();
  const std::uint8_t status = item.u8();
  const std::uint16_t address = item.u16be();
  const std::uint16_t project = item.u16be();
  const base::ByteView serial = item.bytes(6);
  const std::uint32_t multicast = item.u32be();
  const base::ByteView mac = item.bytes(6);
  const base::ByteView name = item.bytes(30);
  if (!item.ok()) return;
  const std::string shown = printable(name);
  const std::string number = hex(serial);
  sink.number("medium", medium);
  sink.number("device_status", status);
  sink.number("knx_address", address);
  sink.number("project", project);
  sink.number("serial_number", Reader(serial).big(6));
  sink.number("multicast_address", multicast);
  sink.bytes("mac_address", mac);
  sink.text("device_name", shown);
  sink.tell(Fact::Name, shown);
  sink.tell(Fact::Serial, number);
  sink.tell(Fact::VendorId, "KNX " + std::to_string(Reader(serial).u16be()));
  sink.tell(Fact::Location, "KNX " + individual(address));
  sink.tell(Fact::Type, "controller");
}

void read_blocks(Reader& body, Sink& sink) {
  while (body.ok() && body.remaining() >= 2) {
    const std::uint8_t length = body.peek();
    if (length < 2) {
      sink.issue({Issue::Kind::Malformed, "description with a length that cannot be", length, 0});
      return;
    }
    Reader item = body.sub(length);
    item.skip(1);
    const std::uint8_t type = item.u8();
    if (!body.ok()) return;
    sink.number("structure_length", length);
    sink.number("description_type", type);
    switch (type) {
      case 1:
        read_device(item, sink);
        if (!item.ok()) body.fail();
        break;
      case 2:
        while (item.remaining() >= 2) {
          sink.number("service_family", item.u8());
          sink.number("service_version", item.u8());
        }
        break;
      case 8:
        sink.number("medium_status", item.u8());
        item.skip(1);
        sink.number("max_apdu_length", item.u16be());
        sink.number("mask_version", item.u16be());
        break;
      default:
        if (!item.done()) sink.bytes("description", item.rest());
    }
  }
}

class KnxSession final : public Session {
 public:
  explicit KnxSession(const FlowInfo& flow) : stream_(flow.transport == Transport::Tcp) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override {
    if (bytes.size() < kHeader) return Frame::need(kHeader);
    Reader reader(bytes);
    if (reader.u8() != kHeader) return Frame::lost();
    reader.skip(3);
    const std::uint16_t size = reader.u16be();
    return size < kHeader ? Frame::lost() : Frame::pdu(size);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    const std::uint8_t header = reader.u8();
    const std::uint8_t version = reader.u8();
    const std::uint16_t code = reader.u16be();
    const std::uint16_t size = reader.u16be();
    if (!reader.ok() || header != kHeader || size < kHeader) {
      sink.issue({Issue::Kind::Malformed, "header that cannot be", header, 0});
      return;
    }
    sink.number("header_length", header);
    sink.number("version", version);
    sink.number("service", code);
    sink.number("total_length", size);
    if (version != kVersion)
      sink.issue({Issue::Kind::Violation, "version that does not exist", version, 1});
    if (size - kHeader != reader.remaining())
      sink.issue({Issue::Kind::Malformed, "length is not that of the data", size, 4});
    Reader body = reader.sub(std::min<std::size_t>(size - kHeader, reader.remaining()));
    objects_.begin();
    Message message;
    const Service what = service_of(code);
    message.operation = {code, what.name};
    message.access = what.access;
    message.kind = what.role == Role::Request    ? Kind::Request
                   : what.role == Role::Response ? Kind::Response
                                                 : Kind::OneWay;
    message.key = std::uint64_t{1} << 32U |
                  std::uint64_t{what.role == Role::Response ? what.request : code} << 16U;
    if (what.name.empty())
      sink.issue({Issue::Kind::Violation, "service that does not exist", code, 2});
    Decoding to{message, sink, objects_};
    read_body(code, body, to);
    if (!body.ok())
      sink.issue({Issue::Kind::Truncated, "shorter than its service needs", code, kHeader});
    sink.message(message);
  }

 private:
  void read_body(std::uint16_t code, Reader& body, Decoding& to) {
    switch (code) {
      case 0x0201:
      case 0x0203:
      case 0x020b:
        return read_endpoint(body, to.sink);
      case 0x0202:
      case 0x020c:
        read_endpoint(body, to.sink);
        return read_blocks(body, to.sink);
      case 0x0204:
        return read_blocks(body, to.sink);
      case 0x0205:
        read_endpoint(body, to.sink);
        read_endpoint(body, to.sink);
        return connection_type(body, to);
      case 0x0206:
        channel_and_status(body, to);
        if (body.done()) return;
        read_endpoint(body, to.sink);
        return connection_type(body, to);
      case 0x0207:
      case 0x0209:
        to.sink.number("channel", body.u8());
        body.skip(1);
        return read_endpoint(body, to.sink);
      case 0x0208:
      case 0x020a:
        return channel_and_status(body, to);
      case 0x0310:
      case 0x0420:
        sequence(body, false, to);
        // Over TCP nobody acknowledges.
        if (stream_) to.message.kind = Kind::OneWay;
        return read_cemi(body, to);
      case 0x0311:
      case 0x0421:
        return sequence(body, true, to);
      case 0x0422:
      case 0x0423:
      case 0x0424:
      case 0x0425:
        sequence(body, false, to);
        to.sink.number("feature", body.u8());
        return;
      case 0x0530:
      case 0x0533:
        return read_cemi(body, to);
      case 0x0531:
        body.skip(1);
        to.sink.number("device_status", body.u8());
        to.sink.number("lost_messages", body.u16be());
        return;
      case 0x0950:
        to.sink.number("session", body.u16be());
        to.sink.number("sequence", body.big(6));
        to.sink.number("serial_number", body.big(6));
        to.sink.number("tag", body.u16be());
        return;
      default:
        if (!body.done()) to.sink.bytes("data", body.rest());
    }
  }

  static void channel_and_status(Reader& body, Decoding& to) {
    const std::uint8_t channel = body.u8();
    const std::uint8_t status = body.u8();
    if (!body.ok()) return;
    to.sink.number("channel", channel);
    to.sink.number("status", status);
    to.message.status = {status == 0 ? Outcome::Ok : Outcome::Failed, status, status_name(status)};
  }

  static void connection_type(Reader& body, Decoding& to) {
    const std::uint8_t length = body.u8();
    const std::uint8_t type = body.u8();
    if (!body.ok()) return;
    to.sink.number("structure_length", length);
    to.sink.number("connection_type", type);
    to.message.sub_operation = {type, type == 3   ? "device management"
                                      : type == 4 ? "tunnel"
                                      : type == 6 ? "remote logging"
                                      : type == 7 ? "remote configuration"
                                      : type == 8 ? "object server"
                                                  : std::string_view()};
  }

  static void sequence(Reader& body, bool acknowledges, Decoding& to) {
    const std::uint8_t length = body.u8();
    const std::uint8_t channel = body.u8();
    const std::uint8_t number = body.u8();
    const std::uint8_t status = body.u8();
    if (!body.ok()) return;
    to.sink.number("structure_length", length);
    to.sink.number("channel", channel);
    to.sink.number("sequence", number);
    to.message.key |= std::uint32_t{channel} << 8U | number;
    if (!acknowledges) return;
    to.sink.number("status", status);
    to.message.status = {status == 0 ? Outcome::Ok : Outcome::Failed, status, status_name(status)};
  }

  bool stream_;
  Objects objects_;
};

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<KnxSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Udp, Transport::Tcp};
constexpr std::uint16_t kPorts[] = {kPort};

}  // namespace

const Protocol kProtocol = {
    .name = "knxnet-ip",
    .title = "KNXnet/IP",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::knx
