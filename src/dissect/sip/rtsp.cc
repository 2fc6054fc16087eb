#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/text.h"
#include "dissect/headers/headers.h"
#include "dissect/names.h"
#include "dissect/sip/sip.h"
#include "dissect/sip/text.h"
#include "dissect/text.h"

namespace dissect::sip {

namespace {

constexpr std::array<Method, 12> kMethods = {{
    {"OPTIONS", Access::Discovery},
    {"DESCRIBE", Access::Read},
    {"ANNOUNCE", Access::Write},
    {"SETUP", Access::Session},
    {"PLAY", Access::Read},
    {"PAUSE", Access::Session},
    {"TEARDOWN", Access::Session},
    {"GET_PARAMETER", Access::ConfigRead},
    {"SET_PARAMETER", Access::ConfigWrite},
    {"REDIRECT", Access::Session},
    {"RECORD", Access::Write},
    {"PLAY_NOTIFY", Access::Read},
}};
constexpr std::uint32_t kUnknown = 0xffff;
constexpr std::size_t kInterleaved = 4;  // '$', channel, length

constexpr Named kCodes[] = {
    {100, "continue"},
    {200, "ok"},
    {201, "created"},
    {250, "low on storage"},
    {301, "moved permanently"},
    {302, "moved temporarily"},
    {400, "bad request"},
    {401, "unauthorized"},
    {403, "forbidden"},
    {404, "not found"},
    {405, "method not allowed"},
    {415, "unsupported media type"},
    {451, "parameter not understood"},
    {453, "not enough bandwidth"},
    {454, "session not found"},
    {455, "method not valid in this state"},
    {457, "invalid range"},
    {459, "aggregate operation not allowed"},
    {461, "unsupported transport"},
    {500, "internal server error"},
    {501, "not implemented"},
    {503, "service unavailable"},
    {505, "version not supported"},
    {551, "option not supported"},
};
static_assert(sorted_by_code(kCodes));

struct Head {
  StartLine start;
  std::string_view agent;
  std::string_view server;
  std::string_view content;
  std::string_view authorization;
  std::string_view transport;
  std::uint64_t sequence = 0;
  bool numbered = false;
};

struct Shown {
  std::string_view name;
  std::string_view detail;
  std::string_view Head::* member;
};
constexpr Shown kShown[] = {
    {"User-Agent", "user_agent", &Head::agent},
    {"Server", "server", &Head::server},
    {"Content-Type", "content_type", &Head::content},
    {"Transport", "transport", &Head::transport},
    {"Session", "session", nullptr},
    {"Public", "public", nullptr},
    {"Range", "range", nullptr},
    {"Content-Length", "content_length", nullptr},
};

void take_header(const headers::Header& header, Head& head, Sink& sink) {
  if (headers::is(header.name, "CSeq")) {
    const auto number = headers::number(header.value);
    head.numbered = number.has_value();
    head.sequence = number.value_or(0);
    sink.number("sequence", head.sequence);
    return;
  }
  if (headers::is(header.name, "Authorization")) {
    head.authorization = header.value;
    sink.shown("authorization_scheme", header.value.substr(0, header.value.find(' ')));
    return;
  }
  for (const Shown& one : kShown) {
    if (!headers::is(header.name, one.name)) continue;
    if (one.member != nullptr) head.*one.member = header.value;
    sink.shown(one.detail, header.value, 1024);
    return;
  }
}

Head read_head(std::string_view text, Sink& sink) {
  Head head;
  headers::Lines lines(text);
  if (!lines.next()) return head;
  head.start = read_start(lines.here());
  std::size_t count = 0;
  while (lines.next() && !lines.here().empty()) {
    if (++count > kMaxHeaders) {
      sink.issue({Issue::Kind::LeftOut, "more headers than are read", kMaxHeaders, 0});
      break;
    }
    const headers::Header header = headers::header_of(lines.here());
    if (!header.name.empty() && !header.folded) take_header(header, head, sink);
  }
  return head;
}

// Of "Basic", in base 64 with a password behind it; of "Digest" as a parameter.
std::string user_of(std::string_view authorization) {
  const std::string_view scheme = authorization.substr(0, authorization.find(' '));
  if (headers::is(scheme, "Digest")) return printable(parameter(authorization, "username"));
  if (!headers::is(scheme, "Basic") || authorization.size() < 7) return {};
  auto decoded = base::base64_decode(base::trim(authorization.substr(6)).substr(0, 1024));
  if (!decoded) return {};
  const std::string_view text = base::as_text(*decoded);
  std::string user = printable(text.substr(0, text.find(':')));
  std::ranges::fill(*decoded, std::uint8_t{0});
  return user;
}

class RtspSession final : public Session {
 public:
  Frame frame(Side /*side*/, base::ByteView bytes) override {
    const std::string_view text = base::as_text(bytes);
    if (text.front() == '$') {
      if (bytes.size() < kInterleaved) return Frame::need(kInterleaved);
      const std::size_t size = std::size_t{bytes[2]} << 8U | bytes[3];
      return Frame::pdu(kInterleaved + size, kInterleaved);
    }
    if (text.front() != '\r' && text.front() != '\n') {
      const Match match = match_start(text, "RTSP/", kMethods);
      if (match == Match::No) return Frame::lost();
      if (match == Match::Unsure) return Frame::need(bytes.size() + 1);
    }
    return frame_of(text, false);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    const std::string_view text = base::as_text(pdu.bytes);
    if (text.starts_with('$')) {
      if (pdu.bytes.size() < kInterleaved) return;
      sink.number("channel", pdu.bytes[1]);
      sink.number("channel_length", std::size_t{pdu.bytes[2]} << 8U | pdu.bytes[3]);
      return;
    }
    if (text.find_first_not_of("\r\n") == std::string_view::npos) return;
    const std::size_t end = headers::end_of(text).value_or(text.size());
    const Head head = read_head(text.substr(0, end), sink);
    if (!head.numbered) sink.issue({Issue::Kind::Violation, "message without a sequence", 0, 0});
    objects_.begin();
    Message message;
    message.key = std::uint64_t{1} << 63U | head.sequence;
    message.bytes = static_cast<std::uint32_t>(text.size() - end);
    if (head.start.request)
      ask(head, message, sink);
    else
      answer(head, message, sink);
    if (headers::is(head.content.substr(0, 15), "application/sdp")) {
      read_description(text.substr(end), message, objects_, sink);
      tell_camera(message, sink);
    }
    sink.message(message);
  }

  // A stream's packet may look like anything; a message begins a line.
  std::optional<std::size_t> resync(Side /*side*/, base::ByteView bytes) override {
    const std::string_view text = base::as_text(bytes);
    for (std::size_t at = 0; at < text.size(); ++at) {
      const char c = text[at];
      if (c != 'R' && (c < 'A' || c > 'T')) continue;
      if (match_start(text.substr(at), "RTSP/", kMethods) == Match::Yes) return at;
    }
    return std::nullopt;
  }

 private:
  void ask(const Head& head, Message& message, Sink& sink) {
    const auto code = method_of(kMethods, head.start.method);
    const std::string_view target = without_password(head.start.target, objects_);
    sink.shown("method", head.start.method);
    sink.shown("url", target, 1024);
    message.kind = Kind::Request;
    message.operation = {code.value_or(kUnknown), code ? kMethods[*code].name : ""};
    message.access = code ? kMethods[*code].access : Access::None;
    objects_.add(message, sink, {"url", target, 0, 0});
    if (!head.transport.empty())
      objects_.add(message, sink, {"transport", objects_.shown(head.transport, 128), 0, 0});
    if (!head.agent.empty()) sink.tell(Fact::Software, printable(head.agent), Confidence::Banner);
    if (head.authorization.empty()) return;
    message.sub_operation = {1, "with credentials"};
    const std::string user = user_of(head.authorization);
    if (user.empty()) return;
    sink.text("user", user);
    objects_.add(message, sink, {"user", objects_.compose({user}), 0, 0});
    sink.tell(Fact::User, user, Confidence::Banner);
  }

  static void answer(const Head& head, Message& message, Sink& sink) {
    const std::uint16_t code = head.start.code;
    sink.number("status", code);
    sink.shown("reason", head.start.reason);
    message.kind = Kind::Response;
    message.last = code >= 200;
    message.status = {code >= 300 ? Outcome::Failed : Outcome::Ok, code, name_of(kCodes, code)};
    if (code < 100 || code > 599)
      sink.issue({Issue::Kind::Malformed, "answer without a status", code, 0});
    if (!head.server.empty()) sink.tell(Fact::Software, printable(head.server), Confidence::Banner);
  }

  // Who describes a stream of pictures takes them, or records them.
  static void tell_camera(const Message& message, Sink& sink) {
    const bool video = std::ranges::any_of(message.objects, [](const Object& one) {
      return one.space == "media" && one.name == "video";
    });
    if (video && message.kind == Kind::Response) sink.tell(Fact::Type, "camera", Confidence::Guess);
  }

  Objects objects_;
};

Match probe(const Sample& sample) {
  if (sample.bytes.empty()) return Match::No;
  return match_start(base::as_text(sample.bytes), "RTSP/", kMethods);
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<RtspSession>();
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {554, 8554};

}  // namespace

constinit const Protocol kRtsp{"rtsp", "RTSP", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::sip
