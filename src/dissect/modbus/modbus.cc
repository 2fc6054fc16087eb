#include "dissect/modbus/modbus.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dissect/modbus/decode.h"
#include "dissect/modbus/functions.h"
#include "dissect/reader.h"

namespace dissect::modbus {

namespace {

constexpr std::uint16_t kPort = 502;
constexpr std::size_t kHeader = 7;        // transaction, protocol, length, unit
constexpr std::size_t kBeforeLength = 6;  // what the length does not count
constexpr std::uint16_t kMinLength = 2;   // unit and function code
constexpr std::uint16_t kMaxLength = 254;
// Devices negotiate larger messages for functions of their own; UMAS goes a little above 1 KiB.
constexpr std::uint16_t kMaxVendorLength = 2048;
constexpr std::uint8_t kException = 0x80;
constexpr std::size_t kRemembered = 32;

struct Header {
  std::uint16_t transaction = 0;
  std::uint16_t protocol = 0;
  std::uint16_t length = 0;
  std::uint8_t unit = 0;
  std::uint8_t code = 0;
};

Header read_header(Reader& reader) {
  Header header;
  header.transaction = reader.u16be();
  header.protocol = reader.u16be();
  header.length = reader.u16be();
  header.unit = reader.u8();
  header.code = reader.u8();
  return header;
}

bool vendor_specific(std::uint8_t code) {
  return (code & 0x7fU) >= 65;
}

bool plausible(const Header& header) {
  if (header.protocol != 0 || header.length < kMinLength) return false;
  return header.length <= kMaxLength ||
         (vendor_specific(header.code) && header.length <= kMaxVendorLength);
}

Form form_of(const Header& header, base::ByteView body) {
  if ((header.code & kException) != 0) {
    const std::uint8_t code = header.code & 0x7fU;
    const bool known =
        !function(code).name.empty() && body.size() == 1 && !exception_name(body[0]).empty();
    return known ? Form::Response : Form::Neither;
  }
  return form(header.code, body);
}

// The first message of some bytes, if all of it is there and could be one.
struct First {
  Header header;
  Form form = Form::Neither;
  bool whole = false;
};
First first_of(base::ByteView bytes) {
  First first;
  Reader reader(bytes);
  first.header = read_header(reader);
  if (!reader.ok() || !plausible(first.header)) return first;
  const std::size_t body = first.header.length - std::size_t{kMinLength};
  if (reader.remaining() < body) return first;
  first.whole = true;
  first.form = form_of(first.header, reader.bytes(body));
  return first;
}

bool on_port(const FlowInfo& flow) {
  return flow.a.port == kPort || flow.b.port == kPort;
}

Match probe(const Sample& sample) {
  if (sample.bytes.size() < kHeader + 1) {
    Reader reader(sample.bytes);
    reader.u16be();
    return reader.u16be() == 0 ? Match::Unsure : Match::No;
  }
  Reader reader(sample.bytes);
  const Header header = read_header(reader);
  if (!plausible(header)) return Match::No;
  const First first = first_of(sample.bytes);
  if (!first.whole) return sample.flow.transport == Transport::Udp ? Match::No : Match::Unsure;
  if (first.form == Form::Neither) return Match::No;
  if (sample.flow.transport == Transport::Udp &&
      sample.bytes.size() != kBeforeLength + first.header.length)
    return Match::No;
  const First reply = first_of(sample.reply);
  if (reply.whole && reply.form != Form::Neither &&
      reply.header.transaction == header.transaction && reply.header.unit == header.unit &&
      (reply.header.code & 0x7fU) == (header.code & 0x7fU))
    return Match::Yes;
  if (has_form(header.code & 0x7fU) || on_port(sample.flow)) return Match::Likely;
  // Anything could be its body: only an answer tells.
  const bool may_come = sample.flow.transport == Transport::Tcp && !reply.whole;
  return may_come ? Match::Unsure : Match::No;
}

class ModbusSession final : public Session {
 public:
  explicit ModbusSession(const FlowInfo& flow)
      : server_(flow.server), roles_(flow.server_known ? Roles::Known : Roles::Guessed) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override {
    if (bytes.size() < kHeader + 1) return Frame::need(kHeader + 1);
    Reader reader(bytes);
    const Header header = read_header(reader);
    if (!plausible(header)) return Frame::lost();
    return Frame::pdu(kBeforeLength + header.length);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    const Header header = read_header(reader);
    if (!reader.ok()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return;
    }
    if (!plausible(header)) {
      sink.issue({Issue::Kind::Malformed, "header that cannot be", header.length, 2});
      return;
    }
    const std::size_t size = header.length - std::size_t{kMinLength};
    Reader body = reader.sub(std::min(size, reader.remaining()));
    if (body.remaining() < size)
      sink.issue({Issue::Kind::Truncated, "shorter than its length says", header.length, 4});
    if (!reader.done())
      sink.issue({Issue::Kind::Malformed, "longer than its length says", header.length, 4});
    sink.number("transaction_id", header.transaction);
    sink.number("protocol_id", header.protocol);
    sink.number("length", header.length);
    sink.number("unit_id", header.unit);
    sink.number("function_code", header.code & 0x7fU);
    tell(header, body, pdu.side, sink);
  }

 private:
  // How sure it is who serves.
  enum class Roles : std::uint8_t { Guessed, Seen, Known };

  bool is_request(const Header& header, base::ByteView body, Side side) {
    if (roles_ == Roles::Guessed) {
      const Form form = form_of(header, body);
      if (form == Form::Request || form == Form::Response) {
        server_ = form == Form::Request ? other(side) : side;
        roles_ = Roles::Seen;
      }
    }
    return side != server_;
  }

  void tell(const Header& header, Reader& body, Side side, Sink& sink) {
    const std::uint8_t code = header.code & 0x7fU;
    const bool request = is_request(header, body.rest(), side);
    const Function& what = function(code);
    Message message;
    message.kind = request ? Kind::Request : Kind::Response;
    message.key = key_of(header);
    message.operation = {code, what.name};
    message.access = what.access;
    message.unit = header.unit;
    message.bytes = static_cast<std::uint32_t>(body.remaining());
    if (code == 0) sink.issue({Issue::Kind::Violation, "function code 0", 0, 7});
    if (what.reserved) sink.issue({Issue::Kind::Violation, "reserved function code", code, 7});
    if (header.length > kMaxLength && code != kUmas)
      sink.issue({Issue::Kind::Violation, "longer than 254 bytes", header.length, 4});
    Decoding to{message, sink, objects_.data()};
    if ((header.code & kException) != 0)
      tell_exception(request, header, body, to);
    else if (request)
      tell_request(header, body, to);
    else
      tell_response(header, body, to);
    sink.message(message);
  }

  void tell_request(const Header& header, Reader& body, Decoding& to) {
    Asked& asked = remember(key_of(header));
    asked.code = header.code;
    read_request(header.code, body, to, asked);
    finish(body, to);
  }

  void tell_response(const Header& header, Reader& body, Decoding& to) {
    Asked* asked = find(key_of(header));
    if (asked != nullptr && asked->code != header.code) {
      to.issue(Issue::Kind::Violation, "answer with another function code", header.code);
      asked->key = 0;
      asked = nullptr;
    }
    to.message.status = {Outcome::Ok, 0, {}};
    read_response(header.code, body, to, asked);
    if (asked != nullptr) asked->key = 0;
    finish(body, to);
  }

  void tell_exception(bool request, const Header& header, Reader& body, Decoding& to) {
    const std::uint8_t exception = body.u8();
    to.sink.number("exception", 1);
    if (body.ok()) to.sink.number("exception_code", exception);
    const std::string_view name = exception_name(exception);
    // 5 says that it takes longer, and will be done.
    to.message.status = {exception == 5 ? Outcome::Ok : Outcome::Failed, exception, name};
    if (body.ok() && name.empty())
      to.issue(Issue::Kind::Violation, "unknown exception code", exception);
    if (request) to.issue(Issue::Kind::Violation, "exception from the client", header.code);
    if (Asked* asked = find(key_of(header)); asked != nullptr && !request) asked->key = 0;
    finish(body, to);
  }

  static void finish(const Reader& body, const Decoding& to) {
    if (!body.ok())
      to.issue(Issue::Kind::Truncated, "shorter than its function needs",
               to.message.operation.code);
    else if (!body.done())
      to.issue(Issue::Kind::Malformed, "longer than its function needs", to.message.operation.code);
  }

  // Never 0, which would be a free place.
  static std::uint32_t key_of(const Header& header) {
    return 1U << 24U | std::uint32_t{header.transaction} << 8U | header.unit;
  }

  Asked* find(std::uint32_t key) {
    const auto found = std::ranges::find(asked_, key, &Asked::key);
    return found == asked_.end() ? nullptr : &*found;
  }

  // The place of that key, of a free one, or else of the one that is next in turn.
  Asked& remember(std::uint32_t key) {
    Asked* place = find(key);
    if (place == nullptr) place = find(0);
    if (place == nullptr) place = &asked_[turn_++ % kRemembered];
    *place = Asked{};
    place->key = key;
    return *place;
  }

  Side server_;
  Roles roles_;
  std::array<Asked, kRemembered> asked_;
  std::size_t turn_ = 0;
  // Of the message at hand, and the thread's: there are many sessions.
  static inline thread_local std::array<Object, kMaxObjects> objects_{};
};

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<ModbusSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp, Transport::Udp};
constexpr std::uint16_t kPorts[] = {kPort};

}  // namespace

const Protocol kProtocol = {
    .name = "modbus",
    .title = "Modbus TCP",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::modbus
