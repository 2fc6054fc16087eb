#include "dissect/fins/fins.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "dissect/fins/commands.h"
#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::fins {

namespace {

constexpr std::uint16_t kPort = 9600;
constexpr std::uint32_t kMagic = 0x46494e53;  // "FINS"
constexpr std::size_t kTcpHeader = 16;        // magic, length, command, error
constexpr std::size_t kBeforeLength = 8;
constexpr std::uint32_t kMaxLength = 4096;
constexpr std::uint32_t kTcpFrame = 2;  // a FINS message; 0 and 1 exchange node addresses
constexpr std::uint8_t kResponse = 0x40;
constexpr std::uint8_t kNoResponse = 0x01;

struct Header {
  std::uint8_t icf = 0;
  std::uint8_t gateways = 0;
  std::array<std::uint8_t, 3> destination{};  // network, node, unit
  std::array<std::uint8_t, 3> source{};
  std::uint8_t service = 0;
  std::uint16_t command = 0;

  bool answers() const { return (icf & kResponse) != 0; }
};

bool read_header(Reader& reader, Header& header) {
  header.icf = reader.u8();
  const std::uint8_t reserved = reader.u8();
  header.gateways = reader.u8();
  for (std::uint8_t& byte : header.destination)
    byte = reader.u8();
  for (std::uint8_t& byte : header.source)
    byte = reader.u8();
  header.service = reader.u8();
  header.command = reader.u16be();
  return reader.ok() && reserved == 0 && (header.icf & 0x3eU) == 0;
}

// Networks are 0 to 127, nodes 0 to 254 or 255 for all, gateways 0 to 7.
bool plausible(base::ByteView bytes) {
  Reader reader(bytes);
  Header header;
  if (!read_header(reader, header)) return false;
  return header.destination[0] < 128 && header.source[0] < 128 && header.gateways <= 7 &&
         !command(header.command).name.empty();
}

Match probe(const Sample& sample) {
  if (sample.flow.transport == Transport::Udp) {
    // Gateways are nearly always 2 or 7, and the upper bit of the first byte is set.
    if (!plausible(sample.bytes) || (sample.bytes[0] & 0x80U) == 0) return Match::No;
    return Match::Likely;
  }
  Reader reader(sample.bytes);
  if (sample.bytes.size() < kTcpHeader) return Match::Unsure;
  return reader.u32be() == kMagic ? Match::Yes : Match::No;
}

// One message as it is being read.
struct Decoding {
  Message& message;
  Sink& sink;
  Objects& objects;
};

void read_area(Reader& body, Decoding& to) {
  const std::uint8_t area = body.u8();
  const std::uint16_t address = body.u16be();
  const std::uint8_t bit = body.u8();
  const std::uint16_t count = body.u16be();
  if (!body.ok()) return;
  to.sink.number("area", area);
  to.sink.number("address", address);
  to.sink.number("bit", bit);
  to.sink.number("count", count);
  to.objects.add(to.message, to.sink, {area_name(area), {}, address, count});
}

void ask_several(Reader& body, Decoding& to) {
  while (body.remaining() >= 4) {
    const std::uint8_t area = body.u8();
    const std::uint16_t address = body.u16be();
    to.sink.number("area", area);
    to.sink.number("address", address);
    to.sink.number("bit", body.u8());
    to.objects.add(to.message, to.sink, {area_name(area), {}, address, 1});
  }
}

void ask_program(Reader& body, Decoding& to) {
  const std::uint16_t program = body.u16be();
  const std::uint32_t begin = body.u32be();
  const std::uint16_t size = body.u16be();
  if (!body.ok()) return;
  to.sink.number("program_number", program);
  to.sink.number("program_begin", begin);
  to.sink.number("program_size", size);
  to.objects.add(to.message, to.sink, {"program", {}, begin, size & 0x7fffU});
}

void ask_parameters(Reader& body, Decoding& to) {
  const std::uint16_t area = body.u16be();
  const std::uint16_t begin = body.u16be();
  const std::uint16_t count = body.u16be();
  if (!body.ok()) return;
  to.sink.number("parameter_area", area);
  to.sink.number("parameter_begin", begin);
  to.sink.number("parameter_count", count);
  to.objects.add(to.message, to.sink, {"parameter area", {}, area, 1});
}

void ask(std::uint16_t code, Reader& body, Decoding& to) {
  switch (code) {
    case 0x0101:
    case 0x0102:
    case 0x0103:
      return read_area(body, to);
    case 0x0104:
      return ask_several(body, to);
    case 0x0201:
    case 0x0202:
    case 0x0203:
      return ask_parameters(body, to);
    case 0x0306:
    case 0x0307:
      return ask_program(body, to);
    default:
      return;
  }
}

// The model, then the version, each 20 characters.
void answer_identity(Reader& body, Decoding& to) {
  const std::string_view model = body.text(20);
  const std::string_view version = body.text(20);
  if (!body.ok()) return;
  const std::string shown = printable(model);
  const std::string firmware = printable(version);
  if (to.sink.wants_details()) {
    to.sink.text("controller_model", shown);
    to.sink.text("controller_version", firmware);
  }
  to.sink.tell(Fact::Vendor, "Omron");
  to.sink.tell(Fact::Model, shown);
  to.sink.tell(Fact::Firmware, firmware);
}

void answer_status(Reader& body, Decoding& to) {
  const std::uint8_t status = body.u8();
  const std::uint8_t mode = body.u8();
  if (!body.ok()) return;
  to.sink.number("controller_status", status);
  to.sink.number("controller_mode", mode);
  switch (mode) {
    case 0:
      return to.sink.tell(Fact::Mode, "program");
    case 2:
      return to.sink.tell(Fact::Mode, "monitor");
    case 4:
      return to.sink.tell(Fact::Mode, "run");
    default:
      return;
  }
}

void answer(std::uint16_t code, Reader& body, Decoding& to) {
  if (code == 0x0501) return answer_identity(body, to);
  if (code == 0x0601) return answer_status(body, to);
  if (!body.done()) to.sink.bytes("data", body.rest());
}

class FinsSession final : public Session {
 public:
  explicit FinsSession(const FlowInfo& flow) : stream_(flow.transport == Transport::Tcp) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override {
    if (bytes.size() < kTcpHeader) return Frame::need(kTcpHeader);
    Reader reader(bytes);
    const std::uint32_t magic = reader.u32be();
    const std::uint32_t length = reader.u32be();
    if (magic != kMagic || length < 8 || length > kMaxLength) return Frame::lost();
    return Frame::pdu(kBeforeLength + length);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    if (stream_ && !read_stream_header(reader, sink)) return;
    Header header;
    if (!read_header(reader, header)) {
      sink.issue({Issue::Kind::Malformed, "header that cannot be", 0, 0});
      return;
    }
    show(header, sink);
    objects_.begin();
    const Command what = command(header.command);
    Message message;
    message.kind = header.answers()                  ? Kind::Response
                   : (header.icf & kNoResponse) != 0 ? Kind::OneWay
                                                     : Kind::Request;
    message.operation = {header.command, what.name};
    message.access = what.access;
    message.key = key_of(header);
    message.unit = header.answers() ? header.source[1] : header.destination[1];
    message.bytes = static_cast<std::uint32_t>(reader.remaining());
    if (what.name.empty())
      sink.issue({Issue::Kind::Violation, "command that is not known", header.command, 10});
    Decoding to{message, sink, objects_};
    if (header.answers())
      respond(header, reader, to);
    else
      ask(header.command, reader, to);
    if (!reader.ok())
      sink.issue({Issue::Kind::Truncated, "shorter than its command needs", header.command, 10});
    sink.message(message);
  }

 private:
  // False: there is no FINS message in it.
  static bool read_stream_header(Reader& reader, Sink& sink) {
    reader.skip(4);
    const std::uint32_t length = reader.u32be();
    const std::uint32_t command = reader.u32be();
    const std::uint32_t error = reader.u32be();
    sink.number("tcp_length", length);
    sink.number("tcp_command", command);
    sink.number("tcp_error", error);
    if (!reader.ok()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return false;
    }
    if (command == kTcpFrame) return true;
    Message message;
    message.operation = {0x10000U | command, "node address"};
    message.access = Access::Session;
    message.kind = command == 0 ? Kind::Request : command == 1 ? Kind::Response : Kind::OneWay;
    message.key = 1;
    if (command != 0) message.status = {error == 0 ? Outcome::Ok : Outcome::Failed, error, {}};
    sink.message(message);
    return false;
  }

  static void show(const Header& header, Sink& sink) {
    sink.number("icf", header.icf);
    sink.number("gateway_count", header.gateways);
    sink.number("destination_network", header.destination[0]);
    sink.number("destination_node", header.destination[1]);
    sink.number("destination_unit", header.destination[2]);
    sink.number("source_network", header.source[0]);
    sink.number("source_node", header.source[1]);
    sink.number("source_unit", header.source[2]);
    sink.number("service_id", header.service);
    sink.number("command", header.command);
  }

  // The service id, and the command so that a number used again is not mistaken.
  static std::uint64_t key_of(const Header& header) {
    return std::uint64_t{1} << 32U | std::uint64_t{header.command} << 8U | header.service;
  }

  static void respond(const Header& header, Reader& body, Decoding& to) {
    const std::uint16_t code = body.u16be();
    if (!body.ok()) return;
    // Three bits are flags: relayed, and errors of the controller beside the answer.
    const std::uint16_t plain = code & 0x7f3fU;
    to.sink.number("end_code", code);
    to.message.status = {plain == 0 ? Outcome::Ok : Outcome::Failed, plain, end_name(plain)};
    if (plain == 0) answer(header.command, body, to);
  }

  bool stream_;
  Objects objects_;
};

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<FinsSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Udp, Transport::Tcp};
constexpr std::uint16_t kPorts[] = {kPort};

}  // namespace

const Protocol kProtocol = {
    .name = "fins",
    .title = "Omron FINS",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::fins
