#include "dissect/sip/sip.h"

#include <array>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "dissect/headers/headers.h"
#include "dissect/names.h"
#include "dissect/sip/text.h"
#include "dissect/text.h"

namespace dissect::sip {

namespace {

constexpr std::array<Method, 14> kMethods = {{
    {"INVITE", Access::Session},
    {"ACK", Access::Session},
    {"BYE", Access::Session},
    {"CANCEL", Access::Session},
    {"REGISTER", Access::Authentication},
    {"OPTIONS", Access::Discovery},
    {"PRACK", Access::Session},
    {"SUBSCRIBE", Access::Read},
    {"NOTIFY", Access::Read},
    {"PUBLISH", Access::Write},
    {"INFO", Access::Write},
    {"REFER", Access::Session},
    {"MESSAGE", Access::Write},
    {"UPDATE", Access::Session},
}};
constexpr std::uint32_t kAck = 1;
constexpr std::uint32_t kUnknown = 0xffff;

constexpr Named kCodes[] = {
    {100, "trying"},
    {180, "ringing"},
    {181, "call is forwarded"},
    {182, "queued"},
    {183, "session progress"},
    {200, "ok"},
    {202, "accepted"},
    {301, "moved permanently"},
    {302, "moved temporarily"},
    {400, "bad request"},
    {401, "unauthorized"},
    {403, "forbidden"},
    {404, "not found"},
    {405, "method not allowed"},
    {407, "proxy authentication required"},
    {408, "request timeout"},
    {410, "gone"},
    {415, "unsupported media type"},
    {420, "bad extension"},
    {423, "interval too brief"},
    {480, "temporarily unavailable"},
    {481, "call does not exist"},
    {482, "loop detected"},
    {483, "too many hops"},
    {484, "address incomplete"},
    {486, "busy"},
    {487, "request terminated"},
    {488, "not acceptable here"},
    {489, "bad event"},
    {491, "request pending"},
    {500, "server internal error"},
    {501, "not implemented"},
    {503, "service unavailable"},
    {504, "server timeout"},
    {600, "busy everywhere"},
    {603, "decline"},
    {604, "does not exist anywhere"},
    {606, "not acceptable"},
};
static_assert(sorted_by_code(kCodes));

struct Head {
  StartLine start;
  std::string_view call;
  std::string_view from;
  std::string_view to;
  std::string_view agent;
  std::string_view server;
  std::string_view content;
  std::string_view authorization;
  std::uint64_t sequence = 0;
  std::string_view sequence_method;
  std::size_t vias = 0;
};

// The header by its name or its compact form (RFC 3261 section 7.3.3).
struct Shown {
  std::string_view name;
  std::string_view compact;
  std::string_view detail;
  std::string_view Head::* member;
};
constexpr Shown kShown[] = {
    {"Via", "v", "via", nullptr},
    {"From", "f", "from", &Head::from},
    {"To", "t", "to", &Head::to},
    {"Call-ID", "i", "call_id", &Head::call},
    {"Contact", "m", "contact", nullptr},
    {"Content-Type", "c", "content_type", &Head::content},
    {"User-Agent", "", "user_agent", &Head::agent},
    {"Server", "", "server", &Head::server},
    {"Max-Forwards", "", "max_forwards", nullptr},
    {"Expires", "", "expires", nullptr},
    {"Subject", "s", "subject", nullptr},
    {"Allow", "", "allow", nullptr},
    {"Event", "o", "event", nullptr},
    {"Content-Length", "l", "content_length", nullptr},
};

void take_sequence(std::string_view value, Head& head, Sink& sink) {
  const std::size_t blank = value.find(' ');
  const auto number = headers::number(value.substr(0, blank));
  if (!number || blank == std::string_view::npos) {
    sink.issue({Issue::Kind::Malformed, "sequence that cannot be", 0, 0});
    return;
  }
  head.sequence = *number;
  head.sequence_method = value.substr(blank + 1);
  sink.number("sequence", head.sequence);
  sink.shown("sequence_method", head.sequence_method);
}

void take_header(const headers::Header& header, Head& head, Sink& sink) {
  if (headers::is(header.name, "CSeq")) return take_sequence(header.value, head, sink);
  if (headers::is(header.name, "Authorization") ||
      headers::is(header.name, "Proxy-Authorization")) {
    head.authorization = header.value;
    sink.shown("authorization_user", parameter(header.value, "username"));
    sink.shown("authorization_realm", parameter(header.value, "realm"));
    return;
  }
  if (headers::is(header.name, "WWW-Authenticate") ||
      headers::is(header.name, "Proxy-Authenticate")) {
    sink.shown("challenge_realm", parameter(header.value, "realm"));
    return;
  }
  for (const Shown& one : kShown) {
    if (!headers::is(header.name, one.name) &&
        (one.compact.empty() || !headers::is(header.name, one.compact)))
      continue;
    if (one.member != nullptr) head.*one.member = header.value;
    if (one.detail == "via") ++head.vias;
    // An address may have a password in it.
    if (one.detail != "contact" && one.member != &Head::from && one.member != &Head::to)
      sink.shown(one.detail, header.value, 1024);
    return;
  }
}

Head read_head(std::string_view text, Sink& sink) {
  Head head;
  headers::Lines lines(text);
  if (!lines.next()) return head;
  head.start = read_start(lines.here());
  bool bad = false;
  std::size_t count = 0;
  while (lines.next() && !lines.here().empty()) {
    if (++count > kMaxHeaders) {
      sink.issue({Issue::Kind::LeftOut, "more headers than are read", kMaxHeaders, 0});
      break;
    }
    const headers::Header header = headers::header_of(lines.here());
    if (!header.good && !bad)
      sink.issue(
          {Issue::Kind::Malformed, "header that cannot be", static_cast<std::uint32_t>(count), 0});
    bad |= !header.good;
    if (!header.name.empty() && !header.folded) take_header(header, head, sink);
  }
  return head;
}

class SipSession final : public Session {
 public:
  Frame frame(Side /*side*/, base::ByteView bytes) override {
    const std::string_view text = base::as_text(bytes);
    if (text.front() != '\r' && text.front() != '\n') {
      const Match match = match_start(text, "SIP/", kMethods);
      if (match == Match::No) return Frame::lost();
      if (match == Match::Unsure) return Frame::need(bytes.size() + 1);
    }
    return frame_of(text, true);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    const std::string_view text = base::as_text(pdu.bytes);
    if (text.find_first_not_of(std::string_view("\r\n\0", 3)) == std::string_view::npos) return;
    const auto end = headers::end_of(text);
    if (!end) sink.issue({Issue::Kind::Truncated, "ends within its head", 0, 0});
    const std::string_view head_text = text.substr(0, end.value_or(text.size()));
    const Head head = read_head(head_text, sink);
    show(head, sink);
    check(head, sink);
    objects_.begin();
    Message message;
    message.key = std::uint64_t{base::crc32c(base::as_bytes(head.call))} << 32U |
                  (base::crc32c(base::as_bytes(head.sequence_method)) ^
                   static_cast<std::uint32_t>(head.sequence)) |
                  1U;
    message.bytes = static_cast<std::uint32_t>(text.size() - head_text.size());
    if (head.start.request)
      ask(head, message, sink);
    else
      answer(head, message, sink);
    if (headers::is(head.content.substr(0, 15), "application/sdp"))
      read_description(text.substr(head_text.size()), message, objects_, sink);
    sink.message(message);
  }

 private:
  void show(const Head& head, Sink& sink) {
    if (!sink.wants_details()) return;
    const StartLine& start = head.start;
    objects_.begin();
    if (start.request) {
      sink.shown("method", start.method);
      sink.shown("request_uri", without_password(start.target, objects_), 1024);
    } else {
      sink.number("status", start.code);
      sink.shown("reason", start.reason);
    }
    const Address from = read_address(head.from);
    const Address to = read_address(head.to);
    if (!from.user.empty()) sink.shown("from_user", from.user);
    if (!from.host.empty()) sink.shown("from_host", from.host);
    if (!to.user.empty()) sink.shown("to_user", to.user);
    if (!to.host.empty()) sink.shown("to_host", to.host);
  }

  // What each message must have (RFC 3261 section 8.1.1).
  static void check(const Head& head, Sink& sink) {
    if (head.start.version != "SIP/2.0")
      sink.issue({Issue::Kind::Violation, "version that does not exist", 0, 0});
    if (head.call.empty() || head.from.empty() || head.to.empty() || head.vias == 0)
      sink.issue({Issue::Kind::Violation, "a header is missing", 0, 0});
    if (head.start.request && !head.sequence_method.empty() &&
        head.sequence_method != head.start.method)
      sink.issue({Issue::Kind::Violation, "sequence of another method", 0, 0});
    if (!head.start.request && (head.start.code < 100 || head.start.code > 699))
      sink.issue({Issue::Kind::Malformed, "answer without a status", head.start.code, 0});
  }

  void ask(const Head& head, Message& message, Sink& sink) {
    const auto code = method_of(kMethods, head.start.method);
    message.operation = {code.value_or(kUnknown), code ? kMethods[*code].name : ""};
    message.access = code ? kMethods[*code].access : Access::None;
    // Nobody answers an ACK.
    message.kind = code == kAck ? Kind::OneWay : Kind::Request;
    objects_.add(message, sink, {"uri", without_password(head.start.target, objects_), 0, 0});
    add_address("from", head.from, message, sink);
    add_address("to", head.to, message, sink);
    if (!head.agent.empty()) sink.tell(Fact::Software, printable(head.agent), Confidence::Banner);
    if (head.authorization.empty()) return;
    message.sub_operation = {1, "with credentials"};
    const std::string_view user = parameter(head.authorization, "username");
    if (user.empty()) return;
    objects_.add(message, sink, {"user", objects_.shown(user, 64), 0, 0});
    sink.tell(Fact::User, printable(user), Confidence::Banner);
  }

  void add_address(std::string_view space, std::string_view value, Message& message, Sink& sink) {
    const Address address = read_address(value);
    if (address.host.empty() && address.user.empty()) return;
    objects_.add(message, sink,
                 {space,
                  objects_.compose({objects_.shown(address.user, 64),
                                    address.user.empty() || address.host.empty() ? "" : "@",
                                    objects_.shown(address.host, 64)}),
                  0, 0});
  }

  static void answer(const Head& head, Message& message, Sink& sink) {
    const std::uint16_t code = head.start.code;
    const auto method = method_of(kMethods, head.sequence_method);
    message.kind = Kind::Response;
    message.operation = {method.value_or(kUnknown), method ? kMethods[*method].name : ""};
    // 1xx: another will follow.
    message.last = code >= 200;
    message.status = {code >= 300 ? Outcome::Failed : Outcome::Ok, code, name_of(kCodes, code)};
    const std::string_view software = head.server.empty() ? head.agent : head.server;
    if (!software.empty()) sink.tell(Fact::Software, printable(software), Confidence::Banner);
  }

  Objects objects_;
};

Match probe(const Sample& sample) {
  if (sample.bytes.empty()) return Match::No;
  const Match match = match_start(base::as_text(sample.bytes), "SIP/", kMethods);
  // A datagram is all there is.
  return match == Match::Unsure && sample.flow.transport != Transport::Tcp ? Match::No : match;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<SipSession>();
}

constexpr Transport kTransports[] = {Transport::Udp, Transport::Tcp};
constexpr std::uint16_t kPorts[] = {5060};

}  // namespace

constinit const Protocol kProtocol{"sip", "SIP", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::sip
