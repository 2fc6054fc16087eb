#include "dissect/s7comm/s7comm.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>

#include "dissect/iso/iso.h"
#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/s7comm/decode.h"
#include "dissect/s7comm/names.h"

namespace dissect::s7comm {

namespace {

constexpr std::uint8_t kProtocolId = 0x32;
constexpr std::size_t kHeader = 10;
constexpr std::size_t kMaxContent = 16U << 10U;  // of user data in pieces

enum class Rosctr : std::uint8_t { Job = 1, Ack = 2, AckData = 3, UserData = 7 };

bool known_rosctr(std::uint8_t code) {
  return code == 1 || code == 2 || code == 3 || code == 7;
}

bool acknowledges(Rosctr rosctr) {
  return rosctr == Rosctr::Ack || rosctr == Rosctr::AckData;
}

struct Header {
  Rosctr rosctr = Rosctr::Job;
  std::uint16_t reference = 0;
  std::uint16_t parameter_bytes = 0;
  std::uint16_t data_bytes = 0;
  std::uint16_t error = 0;  // class and code
};

// Whether some bytes, of which the end may be missing, are one of our messages.
bool plausible(base::ByteView bytes) {
  if (bytes.size() < kHeader || bytes[0] != kProtocolId || !known_rosctr(bytes[1])) return false;
  // The parameters of user data are 8 or 12 bytes; of other jobs, any.
  const std::size_t parameters = static_cast<std::size_t>(bytes[6]) << 8U | bytes[7];
  return bytes[1] != 7 || (parameters >= 8 && parameters <= 64);
}

Match probe(const Sample& sample) {
  const iso::Opening opening = iso::look(sample.bytes);
  if (!opening.tpkt) return Match::No;
  if (opening.data) return plausible(opening.carried) ? Match::Yes : Match::No;
  const iso::Opening reply = iso::look(sample.reply);
  if (reply.data) return plausible(reply.carried) ? Match::Yes : Match::No;
  // Controllers are addressed by two bytes: the kind of connection (1 to 3), rack and slot.
  const auto addressed = [](base::ByteView tsap) {
    return tsap.size() == 2 && tsap[0] >= 1 && tsap[0] <= 3;
  };
  const bool both = addressed(opening.called) && addressed(opening.calling);
  return opening.connecting && both ? Match::Likely : Match::Unsure;
}

class S7Session final : public Session {
 public:
  explicit S7Session(const FlowInfo& /*flow*/) {}

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
    if (whole && !whole->empty()) message(*whole, pdu.side, sink);
  }

  void gap(Side side) override {
    assembly(side).clear();
    content(side).clear();
  }

 private:
  // Pieces of user data that belong together.
  struct Content {
    base::ByteVec bytes;
    std::uint8_t unit = 0;
    bool open = false;
    bool overflown = false;

    void clear() {
      bytes.clear();
      open = false;
      overflown = false;
    }
  };

  iso::Assembly& assembly(Side side) { return assemblies_[side == Side::A ? 0 : 1]; }
  Content& content(Side side) { return contents_[side == Side::A ? 0 : 1]; }

  void connection(const iso::Cotp& cotp, Sink& sink) {
    Message message;
    message.access = Access::Session;
    message.key = kConnectKey;
    switch (cotp.type) {
      case iso::Tpdu::ConnectRequest:
        message.kind = Kind::Request;
        if (cotp.called.size() == 2) unit_ = cotp.called[1];
        break;
      case iso::Tpdu::ConnectConfirm:
        message.kind = Kind::Response;
        message.status = {Outcome::Ok, 0, {}};
        if (cotp.called.size() == 2) unit_ = cotp.called[1];
        break;
      case iso::Tpdu::DisconnectRequest:
        message.kind = Kind::OneWay;
        message.operation = {0x80, "COTP disconnect"};
        message.status.code = cotp.reason;
        sink.message(message);
        return;
      default:
        return;
    }
    message.operation = {0xe0, "COTP connect"};
    message.unit = unit_;
    sink.message(message);
  }

  void message(base::ByteView bytes, Side side, Sink& sink) {
    Reader reader(bytes);
    if (!plausible(bytes)) {
      sink.issue({Issue::Kind::Malformed, "no S7 message", bytes[0], 0});
      return;
    }
    const Header header = read_header(reader, sink);
    Reader parameters =
        reader.sub(std::min<std::size_t>(header.parameter_bytes, reader.remaining()));
    Reader data = reader.sub(std::min<std::size_t>(header.data_bytes, reader.remaining()));
    if (parameters.remaining() < header.parameter_bytes || data.remaining() < header.data_bytes)
      sink.issue({Issue::Kind::Truncated, "shorter than its lengths say", 0, 6});
    Message message;
    message.key = 1U << 16U | header.reference;
    message.unit = unit_;
    message.bytes = static_cast<std::uint32_t>(data.remaining());
    objects_.begin();
    Decoding to{message, sink, objects_};
    if (acknowledges(header.rosctr)) {
      message.status.outcome = Outcome::Ok;
      if (header.error != 0) {
        sink.number("parameter_error", header.error);
        to.fail(header.error, error_name(header.error));
      }
    }
    if (header.rosctr == Rosctr::UserData)
      user_data(parameters, data, side, to);
    else
      job_or_answer(header, parameters, data, to);
    if (!parameters.ok() || !data.ok())
      to.issue(Issue::Kind::Truncated, "shorter than its function needs", message.operation.code);
    sink.message(message);
  }

  static Header read_header(Reader& reader, Sink& sink) {
    Header header;
    reader.skip(1);
    header.rosctr = static_cast<Rosctr>(reader.u8());
    const std::uint16_t redundancy = reader.u16be();
    header.reference = reader.u16be();
    header.parameter_bytes = reader.u16be();
    header.data_bytes = reader.u16be();
    sink.number("protocol_id", kProtocolId);
    sink.number("rosctr", static_cast<std::uint64_t>(header.rosctr));
    sink.number("redundancy_id", redundancy);
    sink.number("pdu_reference", header.reference);
    sink.number("parameter_length", header.parameter_bytes);
    sink.number("data_bytes", header.data_bytes);
    if (acknowledges(header.rosctr)) {
      header.error = reader.u16be();
      sink.number("error_class", header.error >> 8U);
      sink.number("error_code", header.error & 0xffU);
    }
    return header;
  }

  static void job_or_answer(const Header& header, Reader& parameters, Reader& data, Decoding& to) {
    const bool asks = header.rosctr == Rosctr::Job;
    to.message.kind = asks ? Kind::Request : Kind::Response;
    if (parameters.done()) return;  // an acknowledgement without any, or a refusal
    const std::uint8_t function = parameters.u8();
    const Named named = job(function);
    to.sink.number("function", function);
    to.message.operation = {function, named.name};
    to.message.access = named.access;
    if (asks)
      read_job(function, parameters, data, to);
    else
      read_answer(function, parameters, data, to);
  }

  void user_data(Reader& parameters, Reader& data, Side side, Decoding& to) {
    const UserData about = read_user_data(parameters, to);
    to.message.kind = about.type == 4   ? Kind::Request
                      : about.type == 8 ? Kind::Response
                                        : Kind::OneWay;
    const Named named = subfunction(about.group, about.subfunction);
    to.message.operation = {0x100U | about.group, group_name(about.group)};
    to.message.sub_operation = {about.subfunction, named.name};
    to.message.access = named.access;
    if (about.type == 8 && to.message.status.outcome == Outcome::Unknown)
      to.message.status.outcome = Outcome::Ok;
    if (about.group == kModeTransition && about.type == 0)
      to.sink.tell(Fact::Mode, transition_mode(about.subfunction));
    if (data.done()) return;
    // A password is hardly hidden: it is not shown.
    const Show show = about.group == kSecurity ? Show::Nothing : Show::Data;
    const DataItem item = read_item(data, to, show);
    if (about.type == 8 && item.code != kDone && item.code != 0)
      to.fail(item.code, return_name(item.code));
    gather(about, item.bytes, side, to);
  }

  // Answers may come in pieces: those are read when the last is there.
  void gather(const UserData& about, base::ByteView piece, Side side, Decoding& to) {
    Content& kept = content(side);
    const bool follows = kept.open && about.continued && about.unit == kept.unit && about.unit != 0;
    if (about.type != 8 || (!about.more && !follows)) {
      read_user_content(about, piece, to);
      return;
    }
    if (!follows) kept.clear();
    kept.open = true;
    kept.unit = about.unit;
    if (kept.bytes.size() + piece.size() > kMaxContent) {
      if (!kept.overflown) to.issue(Issue::Kind::LeftOut, "user data longer than is kept");
      kept.overflown = true;
    } else {
      kept.bytes.insert(kept.bytes.end(), piece.begin(), piece.end());
    }
    if (about.more) return;
    if (!kept.overflown) read_user_content(about, kept.bytes, to);
    kept.clear();
  }

  static constexpr std::uint64_t kConnectKey = 1U << 17U;

  std::optional<std::uint32_t> unit_;  // rack and slot, as the connection addressed them
  std::array<iso::Assembly, 2> assemblies_;
  std::array<Content, 2> contents_;
  Objects objects_;
};

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<S7Session>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {iso::kPort};

}  // namespace

const Protocol kProtocol = {
    .name = "s7comm",
    .title = "S7 communication",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::s7comm
