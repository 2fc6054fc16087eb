#include "dissect/coap/coap.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "dissect/coap/option.h"
#include "dissect/objects.h"
#include "dissect/text.h"

namespace dissect::coap {

namespace {

enum Type : std::uint8_t { kConfirmable, kNonConfirmable, kAcknowledgement, kReset };

constexpr std::uint16_t kPort = 5683;
constexpr std::size_t kHeader = 4;
constexpr std::uint8_t kMaxToken = 8;
// Requests under way whose number or token is remembered.
constexpr std::size_t kMaxAsked = 16;
// Of a message over TCP, more is passed by.
constexpr std::size_t kMaxKept = 32U << 10U;
constexpr std::uint8_t kSignals = 7;

struct Header {
  std::uint8_t version = 1;
  std::uint8_t type = kConfirmable;
  std::uint8_t token_length = 0;
  std::uint8_t code = 0;
  std::uint16_t number = 0;
  base::ByteView token;

  std::uint8_t kind() const { return code >> 5U; }
};

// Over TCP (RFC 8323 section 3.2): whole when `length` is known.
struct Start {
  bool whole = false;
  std::size_t header = 0;  // before the code
  std::size_t size = 0;
};
Start read_start(base::ByteView bytes) {
  Start start;
  if (bytes.empty()) return start;
  const std::uint8_t nibble = bytes[0] >> 4U;
  const std::size_t extra = nibble < 13 ? 0 : nibble == 13 ? 1 : nibble == 14 ? 2 : 4;
  if (bytes.size() < 1 + extra) return start;
  Reader reader(bytes.subspan(1));
  std::uint64_t length = nibble;
  if (nibble == 13) length = reader.u8() + 13U;
  if (nibble == 14) length = reader.u16be() + 269U;
  if (nibble == 15) length = std::uint64_t{reader.u32be()} + 65805U;
  start.whole = true;
  start.header = 1 + extra;
  start.size = start.header + 1 + (bytes[0] & 15U) + static_cast<std::size_t>(length);
  return start;
}

std::uint64_t key_of(base::ByteView token) {
  std::uint64_t key = token.size() + 1;
  for (const std::uint8_t byte : token)
    key = (key ^ byte) * 0x100000001b3ULL;
  return key == 0 ? 1 : key;
}

Access access_of(std::uint8_t code) {
  switch (code) {
    case 1:
    case 5:
      return Access::Read;
    case 2:
    case 3:
    case 4:
    case 6:
    case 7:
      return Access::Write;
    default:
      return Access::None;
  }
}

class CoapSession final : public Session {
 public:
  explicit CoapSession(const FlowInfo& flow) : stream_(flow.transport == Transport::Tcp) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override {
    if ((bytes[0] & 15U) > kMaxToken) return Frame::lost();
    const Start start = read_start(bytes);
    return start.whole ? Frame::pdu(start.size, kMaxKept) : Frame::need(bytes.size() + 1);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    Reader reader(pdu.bytes);
    Header header;
    if (stream_)
      read_stream(pdu.bytes, reader, header);
    else
      read_datagram(reader, header);
    header.token = reader.bytes(header.token_length);
    if (!reader.ok()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its header", 0, 0});
      return;
    }
    show(header, sink);
    if (!check(header, reader, sink)) return;
    objects_.begin();
    Message message;
    message.key = key_of(header.token);
    message.operation = {header.code, code_name(header.code)};
    const Read read = read_options(header, Options(reader), message, sink);
    if (header.kind() == 0 && header.code != 0)
      ask(pdu.side, header, read, message, sink);
    else if (header.kind() >= 2 && header.kind() <= 5)
      answer(pdu.side, header, read, message, sink);
    else if (header.kind() == kSignals)
      signal(message, sink);
    else
      empty(pdu.side, header, message, sink);
  }

 private:
  struct Asked {
    bool used = false;
    Side side = Side::A;
    std::uint16_t number = 0;
    std::uint64_t key = 0;
  };
  struct Read {
    bool observes = false;
    bool discovers = false;
    bool registers = false;
  };

  static void read_datagram(Reader& reader, Header& header) {
    const std::uint8_t first = reader.u8();
    header.version = first >> 6U;
    header.type = first >> 4U & 3U;
    header.token_length = first & 15U;
    header.code = reader.u8();
    header.number = reader.u16be();
  }
  static void read_stream(base::ByteView bytes, Reader& reader, Header& header) {
    const Start start = read_start(bytes);
    header.token_length = bytes.empty() ? 0 : bytes[0] & 15U;
    reader.skip(start.header);
    header.code = reader.u8();
  }

  void show(const Header& header, Sink& sink) const {
    if (!sink.wants_details()) return;
    if (!stream_) {
      sink.number("version", header.version);
      sink.number("type", header.type);
      sink.number("message_id", header.number);
    }
    sink.number("token_length", header.token_length);
    sink.number("code", header.code);
    if (!header.token.empty()) sink.bytes("token", header.token);
  }

  bool check(const Header& header, const Reader& reader, Sink& sink) const {
    if (header.version != 1) {
      sink.issue({Issue::Kind::Unsupported, "version that is not known", header.version, 0});
      return false;
    }
    if (header.token_length > kMaxToken) {
      sink.issue({Issue::Kind::Malformed, "token longer than 8 bytes", header.token_length, 0});
      return false;
    }
    if (!stream_ && header.code == 0 && (header.token_length != 0 || !reader.done()))
      sink.issue({Issue::Kind::Malformed, "empty message that is not", 0, 4});
    if (code_name(header.code).empty())
      sink.issue({Issue::Kind::Violation, "code that is not registered", header.code, 1});
    return true;
  }

  Read read_options(const Header& header, Options options, Message& message, Sink& sink) {
    Read read;
    std::string_view path;
    std::uint32_t last = 0;
    const Option* known = nullptr;
    while (options.next()) {
      const bool again = known != nullptr && options.number() == last;
      known = option(options.number());
      last = options.number();
      check_option(header, options, known, again, sink);
      if (known == nullptr || header.kind() == kSignals) continue;
      show_option(*known, options, sink);
      const std::string_view text = base::as_text(options.value());
      if (known->number == kObserve) read.observes = true;
      if (known->number == kUriPath)
        path = objects_.extend(objects_.extend(path, "/"), objects_.shown(text, 128));
      if (known->number == kUriQuery && text.starts_with("ep="))
        tell_endpoint(text.substr(3), path, read, sink);
    }
    if (!options.good()) sink.issue({Issue::Kind::Malformed, "options that cannot be", last, 4});
    if (options.has_payload()) {
      sink.bytes("payload", options.payload());
      message.bytes = static_cast<std::uint32_t>(options.payload().size());
    }
    if (header.kind() == 0 && header.code != 0)
      objects_.add(message, sink, {"path", path.empty() ? "/" : path, 0, 0});
    read.discovers = path == "/.well-known/core";
    read.registers |= path.starts_with("/rd") && (path.size() == 3 || path[3] == '/');
    return read;
  }

  static void check_option(const Header& header, const Options& options, const Option* known,
                           bool again, Sink& sink) {
    const std::uint32_t number = options.number();
    if (header.kind() == kSignals) return;
    if (known == nullptr) {
      // An odd number says that it must be understood (section 5.4.1).
      if (number % 2 == 1)
        sink.issue({Issue::Kind::Unsupported, "critical option that is not known", number, 4});
      return;
    }
    if (options.value().size() < known->least || options.value().size() > known->most)
      sink.issue({Issue::Kind::Violation, "option of a length that is not allowed", number, 4});
    if (again && !known->repeats)
      sink.issue({Issue::Kind::Violation, "option that is there twice", number, 4});
  }

  static void show_option(const Option& known, const Options& options, Sink& sink) {
    if (!sink.wants_details()) return;
    switch (known.form) {
      case Form::Empty:
        return sink.number(known.name, 1);
      case Form::Opaque:
        return sink.bytes(known.name, options.value());
      case Form::Text:
        return sink.shown(known.name, base::as_text(options.value()), 1034);
      case Form::Number:
        break;
    }
    const std::uint32_t value = options.value_number();
    sink.number(known.name, value);
    if (known.number != kBlock1 && known.number != kBlock2) return;
    // RFC 7959 section 2.2.
    sink.number("block_number", value >> 4U);
    sink.number("block_more", value >> 3U & 1U);
    sink.number("block_size", value & 7U);
  }

  static void tell_endpoint(std::string_view name, std::string_view path, Read& read, Sink& sink) {
    if (!path.starts_with("/rd") && path != "/bs") return;
    read.registers = true;
    sink.tell(Fact::Name, printable(name), Confidence::Banner);
  }

  Asked* find(Side side, std::uint16_t number) {
    const auto found = std::ranges::find_if(asked_, [&](const Asked& one) {
      return one.used && one.side == side && one.number == number;
    });
    return found == asked_.end() ? nullptr : &*found;
  }
  Asked* find_key(Side side, std::uint64_t key) {
    const auto found = std::ranges::find_if(
        asked_, [&](const Asked& one) { return one.used && one.side == side && one.key == key; });
    return found == asked_.end() ? nullptr : &*found;
  }

  void ask(Side side, const Header& header, const Read& read, Message& message, Sink& sink) {
    if (!stream_) {
      const Asked* const before = find(side, header.number);
      if (before != nullptr && before->key == message.key) {
        sink.number("retransmission", 1);
        return;
      }
    }
    asked_[next_] = {true, side, header.number, message.key};
    next_ = (next_ + 1) % kMaxAsked;
    message.kind = Kind::Request;
    message.access = access_of(header.code);
    if (read.discovers) message.access = Access::Discovery;
    if (read.registers) message.access = Access::Session;
    if (read.observes) message.sub_operation = {1, "observe"};
    sink.message(message);
  }

  void answer(Side side, const Header& header, const Read& read, Message& message, Sink& sink) {
    Asked* const asked = find_key(other(side), message.key);
    // What is observed is told again and again, after the answer (RFC 7641).
    message.kind = asked == nullptr && read.observes ? Kind::OneWay : Kind::Response;
    if (message.kind == Kind::OneWay) message.access = Access::Read;
    if (read.observes) message.sub_operation = {2, "notification"};
    message.status = {header.kind() == 2 ? Outcome::Ok : Outcome::Failed, header.code,
                      code_name(header.code)};
    if (asked != nullptr) asked->used = false;
    sink.message(message);
  }

  void empty(Side side, const Header& header, Message& message, Sink& sink) {
    if (header.code != 0 || stream_ || header.type != kReset) return;
    Asked* const asked = find(other(side), header.number);
    if (asked == nullptr) return;
    message.kind = Kind::Response;
    message.key = asked->key;
    message.status = {Outcome::Failed, 0, "reset"};
    asked->used = false;
    sink.message(message);
  }

  static void signal(Message& message, Sink& sink) {
    message.access = Access::Session;
    message.kind = Kind::OneWay;
    sink.message(message);
  }

  bool stream_;
  std::array<Asked, kMaxAsked> asked_{};
  std::size_t next_ = 0;
  Objects objects_;
};

// Options that are all registered, have lengths that are allowed, and are followed by a payload or
// nothing.
bool options_fit(Reader body, std::size_t& count) {
  Options options(body);
  while (options.next()) {
    const Option* const known = option(options.number());
    if (known == nullptr || options.value().size() < known->least ||
        options.value().size() > known->most)
      return false;
    if (known->form == Form::Text && !plain(base::as_text(options.value()))) return false;
    ++count;
  }
  return options.good();
}

Match probe_datagram(base::ByteView bytes) {
  if (bytes.size() < kHeader || bytes[0] >> 6U != 1) return Match::No;
  const std::uint8_t token = bytes[0] & 15U;
  const std::uint8_t code = bytes[1];
  const std::uint8_t type = bytes[0] >> 4U & 3U;
  if (token > kMaxToken || code == 0 || code >> 5U == kSignals || code_name(code).empty() ||
      bytes.size() < kHeader + token)
    return Match::No;
  // Requests are not acknowledgements, and nothing is reset with a code.
  if (type == kReset || (code < 32 && type == kAcknowledgement)) return Match::No;
  std::size_t count = 0;
  return options_fit(Reader(bytes.subspan(kHeader + token)), count) && (count > 0 || code >= 32)
             ? Match::Likely
             : Match::No;
}

bool on_port(const FlowInfo& flow) {
  return flow.a.port == kPort || flow.b.port == kPort;
}

// In the middle of a stream nearly any text reads like messages: there the port has to agree.
Match probe_stream(const FlowInfo& flow, base::ByteView bytes) {
  if (bytes.empty() || (bytes[0] & 15U) > kMaxToken) return Match::No;
  const Start start = read_start(bytes);
  if (!start.whole || bytes.size() <= start.header) return Match::Unsure;
  const std::uint8_t code = bytes[start.header];
  if (code == 0 || code_name(code).empty() || start.size > kMaxKept) return Match::No;
  if (bytes.size() < start.size) return Match::Unsure;
  const std::size_t head = start.header + 1 + (bytes[0] & 15U);
  const Reader body(bytes.subspan(head, start.size - head));
  // What a connection begins with: its sizes and abilities (RFC 8323 section 5.3).
  if (code == 0xe1) {
    Options options(body);
    while (options.next()) {
      if (options.number() != 2 && options.number() != 4) return Match::No;
    }
    return options.good() ? Match::Likely : Match::No;
  }
  if (code >> 5U == kSignals || !on_port(flow)) return Match::No;
  std::size_t count = 0;
  return options_fit(body, count) && count > 0 ? Match::Likely : Match::No;
}

Match probe(const Sample& sample) {
  return sample.flow.transport == Transport::Tcp ? probe_stream(sample.flow, sample.bytes)
                                                 : probe_datagram(sample.bytes);
}

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<CoapSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Udp, Transport::Tcp};
constexpr std::uint16_t kPorts[] = {kPort};

}  // namespace

constinit const Protocol kProtocol{"coap", "CoAP", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::coap
