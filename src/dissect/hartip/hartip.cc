#include "dissect/hartip/hartip.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>

#include "dissect/hartip/commands.h"
#include "dissect/hartip/payload.h"
#include "dissect/objects.h"
#include "dissect/reader.h"

namespace dissect::hartip {

namespace {

constexpr std::uint16_t kPort = 5094;
constexpr std::uint16_t kOtherPort = 5095;
constexpr std::size_t kHeader = 8;
constexpr std::size_t kMaxLength = 8192;

enum class Type : std::uint8_t { Request = 0, Response = 1, Publish = 2, Error = 3, Nak = 15 };
enum class Id : std::uint8_t {
  Initiate = 0,
  Close = 1,
  KeepAlive = 2,
  TokenPassing = 3,
  Direct = 4,
  AuditLog = 5,
};

// The kind of a frame of the data link (TS20081).
constexpr std::uint8_t kBurst = 1;
constexpr std::uint8_t kRequest = 2;
constexpr std::uint8_t kResponse = 6;
constexpr std::uint16_t kExtended = 31;

struct Header {
  std::uint8_t version = 0;
  std::uint8_t type = 0;
  std::uint8_t id = 0;
  std::uint8_t status = 0;
  std::uint16_t sequence = 0;
  std::uint16_t length = 0;

  bool possible() const {
    const bool known = type <= 3 || type == 15;
    return (version == 1 || version == 2) && known && id <= 5 && length >= kHeader &&
           length <= kMaxLength;
  }
};

Header read_header(Reader& reader) {
  Header header;
  header.version = reader.u8();
  header.type = reader.u8();
  header.id = reader.u8();
  header.status = reader.u8();
  header.sequence = reader.u16be();
  header.length = reader.u16be();
  return header;
}

std::string_view id_name(std::uint8_t id) {
  static constexpr std::string_view kNames[] = {"session initiate", "session close",
                                                "keep alive",       "token-passing PDU",
                                                "direct PDU",       "read audit log"};
  return id < std::size(kNames) ? kNames[id] : std::string_view();
}

std::string_view session_status(std::uint8_t status) {
  switch (status) {
    case 0:
      return "success";
    case 2:
      return "invalid selection";
    case 5:
      return "too few data bytes received";
    case 6:
      return "device-specific error";
    case 8:
      return "set to nearest possible value";
    case 14:
      return "version not supported";
    case 15:
      return "all sessions in use";
    case 16:
      return "access restricted";
    default:
      return {};
  }
}

// A frame of the data link, without the preambles that some gateways leave in front.
struct LinkFrame {
  std::uint8_t delimiter = 0;
  base::ByteView address;
  std::uint16_t command = 0;
  std::uint8_t count = 0;

  std::uint8_t kind() const { return delimiter & 7U; }
  bool long_address() const { return (delimiter & 0x80U) != 0; }
};

LinkFrame read_frame(Reader& reader) {
  LinkFrame frame;
  while (!reader.done() && reader.peek() == 0xff)
    reader.skip(1);
  frame.delimiter = reader.u8();
  frame.address = reader.bytes(frame.long_address() ? 5 : 1);
  reader.skip(frame.delimiter >> 5U & 3U);  // expansion
  frame.command = reader.u8();
  frame.count = reader.u8();
  return frame;
}

bool frame_fits(Reader reader) {
  const LinkFrame frame = read_frame(reader);
  const bool known =
      frame.kind() == kBurst || frame.kind() == kRequest || frame.kind() == kResponse;
  return reader.ok() && known && reader.remaining() == std::size_t{frame.count} + 1;
}

Match probe(const Sample& sample) {
  Reader reader(sample.bytes);
  const bool stream = sample.flow.transport == Transport::Tcp;
  if (sample.bytes.size() < kHeader) return stream ? Match::Unsure : Match::No;
  const Header header = read_header(reader);
  if (!header.possible()) return Match::No;
  if (!stream && header.length != sample.bytes.size()) return Match::No;
  if (sample.bytes.size() < header.length) return Match::Unsure;
  Reader body = reader.sub(header.length - kHeader);
  switch (static_cast<Id>(header.id)) {
    case Id::Initiate:
      return header.length == kHeader + 5 && body.peek() <= 1 ? Match::Yes : Match::No;
    case Id::Close:
    case Id::KeepAlive:
      return header.length == kHeader ? Match::Likely : Match::No;
    case Id::TokenPassing:
      return frame_fits(body) ? Match::Yes : Match::No;
    case Id::Direct:
      return body.remaining() >= 5 ? Match::Likely : Match::No;
    case Id::AuditLog:
      return body.remaining() >= 2 ? Match::Likely : Match::No;
  }
  return Match::No;
}

std::uint32_t unit_of(base::ByteView address) {
  Reader reader(address);
  if (address.size() == 1) return reader.u8() & 0x3fU;
  reader.skip(1);
  return reader.u32be();
}

class HartSession final : public Session {
 public:
  explicit HartSession(const FlowInfo& /*flow*/) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override {
    if (bytes.size() < kHeader) return Frame::need(kHeader);
    Reader reader(bytes);
    const Header header = read_header(reader);
    if (!header.possible()) return Frame::lost();
    return Frame::pdu(header.length);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    const Header header = read_header(reader);
    if (!reader.ok() || header.length < kHeader) {
      sink.issue({Issue::Kind::Malformed, "header that cannot be", 0, 0});
      return;
    }
    show(header, sink);
    if (header.version != 1 && header.version != 2)
      sink.issue({Issue::Kind::Violation, "version that does not exist", header.version, 0});
    const std::size_t size = header.length - kHeader;
    if (size > reader.remaining())
      sink.issue({Issue::Kind::Truncated, "shorter than its length says", header.length, 6});
    Reader body = reader.sub(std::min(size, reader.remaining()));
    objects_.begin();
    Message message;
    message.kind = kind_of(header, sink);
    message.key = 1U << 24U | std::uint32_t{header.id} << 16U | header.sequence;
    message.operation = {0x10000U | header.id, id_name(header.id)};
    message.bytes = static_cast<std::uint32_t>(body.remaining());
    if (message.kind == Kind::Response)
      message.status = {header.status == 0 || header.status == 8 ? Outcome::Ok : Outcome::Failed,
                        header.status, session_status(header.status)};
    Decoding to{objects_, message, sink};
    read_body(header, body, to);
    if (!body.ok())
      sink.issue({Issue::Kind::Truncated, "shorter than its command needs", message.operation.code,
                  kHeader});
    sink.message(message);
  }

 private:
  static void show(const Header& header, Sink& sink) {
    sink.number("version", header.version);
    sink.number("message_type", header.type);
    sink.number("message_id", header.id);
    sink.number("status", header.status);
    sink.number("sequence", header.sequence);
    sink.number("length", header.length);
  }

  static Kind kind_of(const Header& header, Sink& sink) {
    switch (static_cast<Type>(header.type)) {
      case Type::Request:
        return Kind::Request;
      case Type::Response:
      case Type::Error:
      case Type::Nak:
        return Kind::Response;
      case Type::Publish:
        return Kind::OneWay;
    }
    sink.issue({Issue::Kind::Violation, "message type that does not exist", header.type, 1});
    return Kind::OneWay;
  }

  void read_body(const Header& header, Reader& body, Decoding& to) {
    if (header.type == static_cast<std::uint8_t>(Type::Error) ||
        header.type == static_cast<std::uint8_t>(Type::Nak)) {
      to.message.status = {Outcome::Failed, header.status, session_status(header.status)};
      if (!body.done()) to.sink.number("error_code", body.u8());
      return;
    }
    to.message.access = Access::Session;
    switch (static_cast<Id>(header.id)) {
      case Id::Initiate:
        to.sink.number("master_type", body.u8());
        to.sink.number("inactivity_timer", body.u32be());
        return;
      case Id::Close:
        return;
      case Id::KeepAlive:
        to.message.access = Access::None;
        return;
      case Id::TokenPassing:
        return token_passing(body, to);
      case Id::Direct:
        return direct(body, to);
      case Id::AuditLog:
        to.message.access = Access::Diagnostics;
        to.sink.number("audit_first", body.u8());
        to.sink.number("audit_count", body.u8());
        if (!body.done()) to.sink.bytes("data", body.rest());
        return;
    }
    to.sink.issue({Issue::Kind::Violation, "message id that does not exist", header.id, 2});
  }

  void token_passing(Reader& body, Decoding& to) {
    const base::ByteView all = body.rest();
    LinkFrame frame = read_frame(body);
    Reader data = body.sub(frame.count);
    if (!body.ok()) return;
    to.sink.number("delimiter", frame.delimiter);
    if (frame.long_address())
      to.sink.bytes("long_address", frame.address);
    else
      to.sink.number("short_address", frame.address[0]);
    to.sink.number("command", frame.command);
    to.sink.number("byte_count", frame.count);
    to.message.unit = unit_of(frame.address);
    const bool answers = frame.kind() == kResponse || frame.kind() == kBurst;
    if (frame.kind() == kBurst) to.message.kind = Kind::OneWay;
    if (answers) status_of(data, to);
    if (frame.command == kExtended && data.remaining() >= 2) {
      frame.command = data.u16be();
      to.sink.number("extended_command", frame.command);
    }
    perform(frame.command, frame.address, answers, data, to);
    checksum(all, body, to.sink);
  }

  // Response code, or what went wrong on the line, and the device's status.
  static void status_of(Reader& data, Decoding& to) {
    const std::uint8_t code = data.u8();
    const std::uint8_t device = data.u8();
    if (!data.ok()) return;
    to.sink.number("response_code", code);
    to.sink.number("device_status", device);
    set_status(code, to);
  }

  static void set_status(std::uint8_t code, Decoding& to) {
    if ((code & 0x80U) != 0) {
      to.message.status = {Outcome::Failed, code, "communication error"};
      return;
    }
    const ResponseCode said = response_code(code);
    to.message.status = {said.failed ? Outcome::Failed : Outcome::Ok, code, said.name};
  }

  void perform(std::uint16_t code, base::ByteView address, bool answers, Reader& data,
               Decoding& to) {
    const Command what = command(code);
    to.message.operation = {code, what.name.empty() ? "device-specific command" : what.name};
    to.message.access = what.access;
    to.own = address.empty() || own(address);
    if (!answers)
      read_request(code, data, to);
    else
      identify(read_response(code, data, to), address, to.sink);
    if (!data.ok())
      to.sink.issue({Issue::Kind::Truncated, "shorter than its command needs", code, kHeader});
  }

  // Whether an address is that of the device that was identified first, or none was yet.
  bool own(base::ByteView address) const {
    return address.size() == 1 || own_ == 0 || own_ == unit_of(address);
  }

  void identify(const Identity& who, base::ByteView address, Sink& sink) {
    if (!who.known) return;
    const std::uint32_t unit = std::uint32_t{who.type & 0xffU} << 24U | who.id;
    if (own_ == 0) own_ = unit;
    std::string vendor(manufacturer(who.manufacturer));
    const std::string id = std::to_string(who.id);
    const std::string type = "type " + std::to_string(who.type);
    if (own_ != unit && !address.empty()) {
      if (vendor.empty()) vendor = "manufacturer " + std::to_string(who.manufacturer);
      sink.tell(Fact::Module, vendor + ", " + type + ", id " + id);
      return;
    }
    sink.tell(Fact::Type, "field device");
    sink.tell(Fact::Vendor, vendor);
    sink.tell(Fact::VendorId, "HART " + std::to_string(who.manufacturer));
    sink.tell(Fact::Model, "HART " + type);
    sink.tell(Fact::Serial, id);
    sink.tell(Fact::Firmware, std::to_string(who.software));
    sink.tell(Fact::Hardware, std::to_string(who.hardware));
  }

  // All bytes of the frame, combined by exclusive or, give zero.
  static void checksum(base::ByteView all, Reader& body, Sink& sink) {
    const std::uint8_t found = body.u8();
    if (!body.ok()) return;
    sink.number("checksum", found);
    std::uint8_t sum = 0;
    bool begun = false;
    for (const std::uint8_t byte : all.first(all.size() - body.remaining())) {
      begun = begun || byte != 0xff;
      if (begun) sum ^= byte;
    }
    if (sum != 0) sink.issue({Issue::Kind::Malformed, "checksum is wrong", found, kHeader});
  }

  // Commands without a data link: status of the device, then each with its number and length.
  void direct(Reader& body, Decoding& to) {
    to.sink.number("device_status", body.u8());
    to.sink.number("extended_device_status", body.u8());
    const bool answers = to.message.kind != Kind::Request;
    bool first = true;
    while (body.ok() && body.remaining() >= 3) {
      const std::uint16_t code = body.u16be();
      const std::uint8_t count = body.u8();
      Reader data = body.sub(count);
      if (!body.ok()) return;
      to.sink.number("command", code);
      to.sink.number("byte_count", count);
      // What several commands are about is told together, under the first one's name.
      const Operation operation = to.message.operation;
      const Access access = to.message.access;
      if (answers && !data.done()) {
        const std::uint8_t said = data.u8();
        to.sink.number("response_code", said);
        set_status(said, to);
      }
      perform(code, {}, answers, data, to);
      if (!first) {
        to.message.operation = operation;
        to.message.access = std::max(access, to.message.access, stronger);
      }
      first = false;
    }
  }

  // Whether an operation does more than another.
  static bool stronger(Access one, Access two) {
    const auto changes = [](Access access) {
      return access != Access::None && access != Access::Read && access != Access::ConfigRead &&
             access != Access::Discovery && access != Access::Diagnostics;
    };
    return !changes(one) && changes(two);
  }

  Objects objects_;
  std::uint32_t own_ = 0;
};

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<HartSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp, Transport::Udp};
constexpr std::uint16_t kPorts[] = {kPort, kOtherPort};

}  // namespace

const Protocol kProtocol = {
    .name = "hart-ip",
    .title = "HART-IP",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::hartip
