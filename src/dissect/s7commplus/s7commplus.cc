#include "dissect/s7commplus/s7commplus.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "dissect/iso/iso.h"
#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/s7commplus/functions.h"
#include "dissect/s7commplus/names.h"
#include "dissect/text.h"

namespace dissect::s7commplus {

namespace {

constexpr std::uint8_t kProtocolId = 0x72;
constexpr std::size_t kHeader = 4;   // and of the trailer
constexpr std::size_t kDigest = 33;  // with its length
constexpr std::string_view kStation = "SIMATIC-ROOT-";

enum class Opcode : std::uint8_t {
  Response2 = 0x02,
  Request = 0x31,
  Response = 0x32,
  Notification = 0x33,
};

bool known_version(std::uint8_t version) {
  return (version >= 1 && version <= 3) || version >= 0xfe;
}

// Whether some bytes, of which the end may be missing, are one of our messages.
bool plausible(base::ByteView bytes) {
  if (bytes.size() < kHeader || bytes[0] != kProtocolId || !known_version(bytes[1])) return false;
  const std::size_t length = static_cast<std::size_t>(bytes[2]) << 8U | bytes[3];
  return length > 0;
}

bool is_tls(base::ByteView bytes) {
  return bytes.size() >= 3 && bytes[0] >= 20 && bytes[0] <= 23 && bytes[1] == 3 && bytes[2] <= 4;
}

Match probe(const Sample& sample) {
  const iso::Opening opening = iso::look(sample.bytes);
  if (!opening.tpkt) return Match::No;
  if (opening.data && plausible(opening.carried)) return Match::Yes;
  // No other protocol's stations are called like that.
  if (opening.connecting && (base::as_text(opening.called).starts_with(kStation) ||
                             base::as_text(opening.calling).starts_with(kStation)))
    return Match::Yes;
  if (opening.data) return Match::No;
  const iso::Opening reply = iso::look(sample.reply);
  if (reply.data) return plausible(reply.carried) ? Match::Yes : Match::No;
  return Match::Unsure;
}

class PlusSession final : public Session {
 public:
  explicit PlusSession(const FlowInfo& /*flow*/) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override { return iso::frame(bytes); }

  void take(const Pdu& pdu, Sink& sink) override {
    const std::optional<iso::Cotp> cotp = iso::read(pdu.bytes, &sink);
    if (!cotp) return;
    iso::tell(pdu.bytes, *cotp, sink);
    if (cotp->type != iso::Tpdu::Data) {
      connection(*cotp, sink);
      return;
    }
    const auto whole = assembly(pdu.side).add(*cotp);
    if (whole && !whole->empty()) pieces(*whole, pdu.side, sink);
  }

  void gap(Side side) override {
    assembly(side).clear();
    held(side).clear();
  }

 private:
  iso::Assembly& assembly(Side side) { return assemblies_[side == Side::A ? 0 : 1]; }
  base::ByteVec& held(Side side) { return held_[side == Side::A ? 0 : 1]; }

  static void connection(const iso::Cotp& cotp, Sink& sink) {
    Message message;
    message.access = Access::Session;
    message.key = 1U << 17U;
    message.operation = {0xe0, "COTP connect"};
    if (cotp.type == iso::Tpdu::ConnectRequest) {
      message.kind = Kind::Request;
      const std::string_view called = base::as_text(cotp.called);
      if (called.ends_with("-ES")) sink.tell(Fact::Type, "engineering station", Confidence::Guess);
      if (called.ends_with("-HMI")) sink.tell(Fact::Type, "HMI", Confidence::Guess);
    } else if (cotp.type == iso::Tpdu::ConnectConfirm) {
      message.kind = Kind::Response;
      message.status = {Outcome::Ok, 0, {}};
    } else if (cotp.type == iso::Tpdu::DisconnectRequest) {
      message.kind = Kind::OneWay;
      message.operation = {0x80, "COTP disconnect"};
      message.status.code = cotp.reason;
    } else {
      return;
    }
    sink.message(message);
  }

  // A message longer than the connection's PDUs is sent in pieces, and only the last has a trailer.
  void pieces(base::ByteView bytes, Side side, Sink& sink) {
    if (is_tls(bytes)) {
      if (!hidden_) sink.issue({Issue::Kind::Unsupported, "hidden by TLS", 0, 0});
      hidden_ = true;
      return;
    }
    if (!plausible(bytes)) {
      sink.issue({Issue::Kind::Malformed, "no S7comm-plus message", bytes[0], 0});
      return;
    }
    Reader reader(bytes);
    reader.skip(1);
    const std::uint8_t version = reader.u8();
    const std::uint16_t length = reader.u16be();
    sink.number("version", version);
    sink.number("length", length);
    if (version >= 0xfe) return;  // keeps the connection
    if (length > reader.remaining()) {
      sink.issue({Issue::Kind::Truncated, "shorter than its length says", length, 2});
      return;
    }
    Reader data = reader.sub(length);
    if (version == 3 && data.peek() == kDigest - 1) {
      sink.bytes("digest", data.bytes(std::min(kDigest, data.remaining())).subspan(1));
    }
    const bool last = reader.remaining() >= kHeader && reader.peek() == kProtocolId;
    base::ByteVec& before = held(side);
    if (last && before.empty()) return message(data.rest(), sink);
    if (before.size() + data.remaining() > kMaxPdu) {
      sink.issue({Issue::Kind::LeftOut, "message longer than is kept", length, 2});
      before.clear();
      return;
    }
    const base::ByteView rest = data.rest();
    before.insert(before.end(), rest.begin(), rest.end());
    if (!last) return;
    message(before, sink);
    before.clear();
  }

  void message(base::ByteView bytes, Sink& sink) {
    Reader reader(bytes);
    const auto opcode = static_cast<Opcode>(reader.u8());
    objects_.begin();
    Message message;
    message.bytes = static_cast<std::uint32_t>(bytes.size());
    Decoding to{message, sink, objects_};
    sink.number("opcode", static_cast<std::uint8_t>(opcode));
    switch (opcode) {
      case Opcode::Notification:
        message.operation = {0x33, "notification"};
        message.access = Access::Read;
        read_notification(reader, to);
        break;
      case Opcode::Request:
      case Opcode::Response:
      case Opcode::Response2:
        function(opcode == Opcode::Request, reader, to);
        break;
      default:
        sink.issue({Issue::Kind::Violation, "opcode that does not exist",
                    static_cast<std::uint8_t>(opcode), kHeader});
        return;
    }
    if (!reader.ok())
      sink.issue(
          {Issue::Kind::Malformed, "not what its function has", message.operation.code, kHeader});
    sink.message(message);
  }

  static void function(bool asks, Reader& reader, Decoding& to) {
    reader.skip(2);
    const FunctionInfo what = function_info(reader.u16be());
    reader.skip(2);
    const std::uint16_t sequence = reader.u16be();
    if (asks) to.sink.number("session_id", reader.u32be());
    const std::uint8_t flags = reader.u8();
    to.sink.number("function", what.code);
    to.sink.number("sequence", sequence);
    to.sink.number("transport_flags", flags);
    to.message.kind = asks ? Kind::Request : Kind::Response;
    to.message.key = 1U << 16U | sequence;
    to.message.operation = {what.code, what.name};
    to.message.access = what.access;
    if (!reader.ok()) return;
    if (what.name.empty())
      to.sink.issue({Issue::Kind::Violation, "function that is not known", what.code, kHeader + 3});
    if (asks)
      read_request(what.code, reader, to);
    else
      read_response(what.code, reader, to);
  }

  std::array<iso::Assembly, 2> assemblies_;
  std::array<base::ByteVec, 2> held_;
  bool hidden_ = false;
  Objects objects_;
};

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<PlusSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {iso::kPort};

}  // namespace

const Protocol kProtocol = {
    .name = "s7comm-plus",
    .title = "S7comm-plus",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::s7commplus
