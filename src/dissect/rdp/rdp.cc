#include "dissect/rdp/rdp.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "dissect/ber/ber.h"
#include "dissect/iso/iso.h"
#include "dissect/names.h"
#include "dissect/rdp/settings.h"
#include "dissect/reader.h"
#include "dissect/text.h"
#include "dissect/tls/tls.h"

namespace dissect::rdp {

namespace {

constexpr std::size_t kTpkt = 4;
// Of a connect request or its answer, up to what they carry.
constexpr std::size_t kConnect = 11;
constexpr std::size_t kNegotiation = 8;
constexpr std::uint16_t kPort = 3389;

enum Negotiation : std::uint8_t { kAsk = 1, kChosen = 2, kFailure = 3 };
enum Operation : std::uint32_t { kConnectOperation = 1, kSettings = 2, kDisconnect = 3 };

constexpr Named kProtocols[] = {
    {0, "RDP"}, {1, "TLS"}, {2, "CredSSP"}, {4, "RDSTLS"}, {8, "CredSSP early"}, {16, "RDS AAD"},
};
static_assert(sorted_by_code(kProtocols));

constexpr Named kFailures[] = {
    {1, "TLS required"},     {2, "TLS not allowed"},
    {3, "no certificate"},   {4, "inconsistent flags"},
    {5, "CredSSP required"}, {6, "TLS with user authentication required"},
};
static_assert(sorted_by_code(kFailures));

constexpr Named kEncryption[] = {
    {0, "none"}, {1, "RC4 40 bit"}, {2, "RC4 128 bit"}, {8, "RC4 56 bit"}, {16, "FIPS"},
};
static_assert(sorted_by_code(kEncryption));

bool is_tls(base::ByteView bytes) {
  return bytes.size() >= 2 && bytes[0] >= 0x14 && bytes[0] <= 0x17 && bytes[1] == 3;
}

// What a TPKT carries: what a connect request has behind its header, or data.
struct Carried {
  iso::Tpdu type = iso::Tpdu::Error;
  base::ByteView content;
};

// Connect requests carry texts where other protocols have parameters.
Carried open_tpkt(base::ByteView tpkt) {
  Carried carried;
  if (tpkt.size() < kTpkt + 3) return carried;
  const std::size_t end = kTpkt + 1 + tpkt[kTpkt];
  const std::uint8_t type = tpkt[kTpkt + 1] >> 4U;
  if (type == static_cast<std::uint8_t>(iso::Tpdu::ConnectRequest) ||
      type == static_cast<std::uint8_t>(iso::Tpdu::ConnectConfirm)) {
    carried.type = static_cast<iso::Tpdu>(type);
    if (end >= kConnect && end <= tpkt.size())
      carried.content = tpkt.subspan(kConnect, end - kConnect);
  } else if (type == static_cast<std::uint8_t>(iso::Tpdu::Data)) {
    carried.type = iso::Tpdu::Data;
    if (end <= tpkt.size()) carried.content = tpkt.subspan(end);
  }
  return carried;
}

// The negotiation at the end of a connect request or its answer.
bool negotiates(base::ByteView content) {
  if (content.size() < kNegotiation) return false;
  const base::ByteView tail = content.last(kNegotiation);
  return tail[0] >= kAsk && tail[0] <= kFailure && tail[2] == kNegotiation && tail[3] == 0;
}

enum class Mcs : std::uint8_t { None, Initial, Response };
Mcs mcs_of(base::ByteView data) {
  if (data.size() < 2 || data[0] != 0x7f) return Mcs::None;
  return data[1] == 0x65 ? Mcs::Initial : data[1] == 0x66 ? Mcs::Response : Mcs::None;
}

class RdpSession final : public Session {
 public:
  explicit RdpSession(const FlowInfo& flow) : tls_(tls::kProtocol.open(flow)) {}

  Frame frame(Side side, base::ByteView bytes) override {
    if (bytes.size() < 2) return Frame::need(2);
    if (bytes[0] == 3 && bytes[1] == 0) return iso::frame(bytes);
    if (is_tls(bytes)) return tls_->frame(side, bytes);
    // The short form, once settings were told (MS-RDPBCGR 2.2.8.1.2 and 2.2.9.1.2).
    if (!settled_ || (bytes[0] & 0x03U) != 0) return Frame::lost();
    std::size_t size = bytes[1];
    if ((bytes[1] & 0x80U) != 0) {
      if (bytes.size() < 3) return Frame::need(3);
      size = std::size_t{bytes[1] & 0x7fU} << 8U | bytes[2];
    }
    return size < 3 ? Frame::lost() : Frame::pdu(size, 3);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    if (is_tls(pdu.bytes)) {
      tls_->take(pdu, sink);
      return;
    }
    if (pdu.bytes.empty() || pdu.bytes[0] != 3) return;
    const Carried carried = open_tpkt(pdu.bytes);
    if (sink.wants_details()) {
      sink.number("tpkt_length", pdu.size);
      sink.number("cotp_type", static_cast<std::uint64_t>(carried.type));
    }
    switch (carried.type) {
      case iso::Tpdu::ConnectRequest:
        connect(carried.content, sink);
        break;
      case iso::Tpdu::ConnectConfirm:
        confirm(carried.content, sink);
        break;
      case iso::Tpdu::Data:
        data(carried.content, sink);
        break;
      default:
        break;
    }
  }

  void gap(Side side) override { tls_->gap(side); }

 private:
  static void connect(base::ByteView content, Sink& sink) {
    const std::string_view text = base::as_text(content);
    constexpr std::string_view kCookie = "Cookie: mstshash=";
    std::string user;
    if (text.starts_with("Cookie: ")) {
      const std::size_t end = std::min(text.find("\r\n"), text.size());
      sink.text("cookie", printable(text.substr(0, end)));
      if (text.starts_with(kCookie))
        user = printable(text.substr(kCookie.size(), end - kCookie.size()));
    }
    Message message;
    message.kind = Kind::Request;
    message.operation = {kConnectOperation, "connect"};
    message.access = Access::Session;
    if (negotiates(content)) negotiation(content, sink);
    const Object objects[] = {{"user", user, 0, 0}};
    if (!user.empty()) message.objects = objects;
    sink.tell(Fact::User, user, Confidence::Banner);
    sink.message(message);
  }

  static std::uint32_t negotiation(base::ByteView content, Sink& sink) {
    Reader reader(content.last(kNegotiation));
    const std::uint8_t type = reader.u8();
    const std::uint8_t flags = reader.u8();
    const std::uint16_t length = reader.u16le();
    const std::uint32_t value = reader.u32le();
    sink.number("negotiation_type", type);
    sink.number(type == kAsk      ? "request_flags"
                : type == kChosen ? "response_flags"
                                  : "failure_flags",
                flags);
    sink.number("negotiation_length", length);
    sink.number(type == kAsk      ? "requested_protocols"
                : type == kChosen ? "selected_protocol"
                                  : "failure_code",
                value);
    return value;
  }

  static void confirm(base::ByteView content, Sink& sink) {
    Message message;
    message.kind = Kind::Response;
    message.operation = {kConnectOperation, "connect"};
    message.access = Access::Session;
    message.status = {Outcome::Ok, 0, {}};
    message.sub_operation = {0, "RDP"};
    if (negotiates(content)) {
      const std::uint32_t value = negotiation(content, sink);
      if (content.last(kNegotiation)[0] == kFailure) {
        message.status = {Outcome::Failed, value, name_of(kFailures, value)};
        message.sub_operation = {};
      } else {
        message.sub_operation = {value, name_of(kProtocols, value)};
      }
    }
    sink.message(message);
  }

  void data(base::ByteView content, Sink& sink) {
    const Mcs mcs = mcs_of(content);
    if (mcs == Mcs::None) {
      // Domain PDUs of T.125 in packed encoding: their kind is in the upper six bits.
      constexpr std::uint8_t kUltimatum = 8;
      if (content.size() == 2 && content[0] >> 2U == kUltimatum) {
        Message message;
        message.kind = Kind::OneWay;
        message.operation = {kDisconnect, "disconnect"};
        message.access = Access::Session;
        sink.message(message);
      }
      return;
    }
    settled_ = true;
    const Settings settings = read_settings(content, sink);
    if (!settings.good)
      sink.issue({Issue::Kind::Malformed, "connection without settings", content[1], 0});
    std::array<Object, 1 + Settings::kMaxChannels> objects;
    std::size_t count = 0;
    Message message;
    message.operation = {kSettings, "settings"};
    message.access = Access::Session;
    if (mcs == Mcs::Initial) {
      message.kind = Kind::Request;
      if (!settings.computer.empty()) objects[count++] = {"computer", settings.computer, 0, 0};
      for (std::size_t i = 0; i < settings.channel_count; ++i)
        objects[count++] = {"channel", settings.channels[i], 0, 0};
      message.objects = {objects.data(), count};
    } else {
      message.kind = Kind::Response;
      message.sub_operation = {settings.encryption, name_of(kEncryption, settings.encryption)};
      response_status(content, message, sink);
    }
    sink.message(message);
  }

  // The first part of a Connect-Response is its result.
  static void response_status(base::ByteView content, Message& message, Sink& sink) {
    message.status = {Outcome::Ok, 0, {}};
    const auto whole = ber::first(content);
    if (!whole) return;
    const auto result = ber::first(whole->value);
    if (!result || !result->universal(ber::kEnumerated)) return;
    const auto code = ber::natural(result->value);
    if (!code) return;
    sink.number("connect_result", *code);
    if (*code != 0)
      message.status = {Outcome::Failed, static_cast<std::uint32_t>(*code), "refused"};
  }

  std::unique_ptr<Session> tls_;
  bool settled_ = false;
};

Match probe(const Sample& sample) {
  const base::ByteView bytes = sample.bytes;
  if (bytes.empty() || bytes[0] != 3) return bytes.empty() ? Match::Unsure : Match::No;
  const Frame frame = iso::frame(bytes);
  if (frame.kind == Frame::Kind::Lost) return Match::No;
  if (frame.kind != Frame::Kind::Pdu) return Match::Unsure;
  const base::ByteView whole = bytes.first(std::min(frame.size, bytes.size()));
  const Carried carried = open_tpkt(whole);
  const bool on_port = sample.flow.a.port == kPort || sample.flow.b.port == kPort;
  switch (carried.type) {
    case iso::Tpdu::ConnectRequest:
    case iso::Tpdu::ConnectConfirm:
      if (base::as_text(carried.content).starts_with("Cookie: ")) return Match::Yes;
      if (negotiates(carried.content)) return Match::Yes;
      if (on_port) return Match::Yes;
      return carried.content.empty() ? Match::Unsure : Match::No;
    case iso::Tpdu::Data:
      // Others have presentations or S7 in their data.
      if (mcs_of(carried.content) == Mcs::None) return Match::No;
      if (!find_blocks(carried.content).empty()) return Match::Yes;
      return bytes.size() < frame.size ? Match::Unsure : Match::No;
    default:
      return Match::No;
  }
}

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<RdpSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {kPort};

}  // namespace

constinit const Protocol kProtocol{"rdp", "RDP", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::rdp
