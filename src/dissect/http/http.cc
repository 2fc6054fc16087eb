#include "dissect/http/http.h"

#include <algorithm>
#include <array>
#include <string>

#include "dissect/headers/headers.h"
#include "dissect/http/head.h"
#include "dissect/text.h"

namespace dissect::http {

namespace {

// A chunk's size in hexadecimal digits, and what may stand behind it.
constexpr std::size_t kMaxChunkLine = 256;
// Requests under way in one connection whose answers may have no body.
constexpr std::size_t kMaxPipelined = 64;

enum class Next : std::uint8_t {
  Head,
  Length,    // a body of `left_` bytes
  Chunk,     // a line with a size, that many bytes, a line's end
  Trailers,  // lines until a blank one
  Close,     // a body until the end of the connection
  Foreign,   // another protocol, after an upgrade or a tunnel
};

struct Chunk {
  bool complete = false;
  bool good = true;
  std::size_t line = 0;
  std::uint64_t size = 0;
};

Chunk read_chunk(std::string_view text) {
  Chunk chunk;
  std::size_t digits = 0;
  for (; digits < text.size(); ++digits) {
    const char c = text[digits];
    const int value = c >= '0' && c <= '9'                     ? c - '0'
                      : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                               : -1;
    if (value < 0) break;
    chunk.size = chunk.size << 4U | static_cast<unsigned int>(value);
  }
  const std::size_t end = text.substr(0, kMaxChunkLine).find('\n');
  chunk.complete = end != std::string_view::npos;
  chunk.line = end + 1;
  const bool ended = digits < text.size();
  const bool stops = !ended || text[digits] == '\r' || text[digits] == '\n' ||
                     text[digits] == ';' || text[digits] == ' ';
  chunk.good = digits <= 12 && (digits > 0 || !ended) && stops &&
               (chunk.complete || text.size() < kMaxChunkLine);
  return chunk;
}

// What the answers to come belong to.
class Asked {
 public:
  void push(bool no_body, bool tunnel) {
    if (count_ == kMaxPipelined) return;
    entries_[(first_ + count_) % kMaxPipelined] = {no_body, tunnel};
    ++count_;
  }
  struct Entry {
    bool no_body = false;
    bool tunnel = false;
  };
  Entry pop() {
    if (count_ == 0) return {};
    const Entry entry = entries_[first_];
    first_ = (first_ + 1) % kMaxPipelined;
    --count_;
    return entry;
  }
  void clear() { count_ = 0; }

 private:
  std::array<Entry, kMaxPipelined> entries_{};
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

void tell_system(std::string_view text, Sink& sink) {
  const headers::System system = headers::system_of(text);
  sink.tell(Fact::Os, system.name, Confidence::Banner);
  if (!system.version.empty()) {
    std::string version(system.version);
    std::ranges::replace(version, '_', '.');
    sink.tell(Fact::OsVersion, version, Confidence::Banner);
  }
}

// A host that is a name, not an address.
bool names_host(std::string_view host) {
  return !host.empty() && host.front() != '[' &&
         std::ranges::any_of(host.substr(0, host.find(':')),
                             [](char c) { return (c < '0' || c > '9') && c != '.'; });
}

class HttpSession final : public Session {
 public:
  Frame frame(Side side, base::ByteView bytes) override {
    const State& state = states_[index(side)];
    const std::string_view text = base::as_text(bytes);
    switch (state.next) {
      case Next::Head:
        return head_frame(text);
      case Next::Length:
        return Frame::pdu(state.left, 0);
      case Next::Chunk: {
        const Chunk chunk = read_chunk(text);
        if (!chunk.good) return Frame::lost();
        if (!chunk.complete) return Frame::need();
        if (chunk.size == 0) return Frame::pdu(chunk.line);
        return Frame::pdu(chunk.line + chunk.size + 2, chunk.line);
      }
      case Next::Trailers: {
        const std::size_t end = text.find('\n');
        if (end != std::string_view::npos) return Frame::pdu(end + 1);
        return text.size() > kMaxHead ? Frame::lost() : Frame::need();
      }
      case Next::Close:
      case Next::Foreign:
        return Frame::pdu(bytes.size(), 0);
    }
    return Frame::lost();
  }

  void take(const Pdu& pdu, Sink& sink) override {
    State& state = states_[index(pdu.side)];
    switch (state.next) {
      case Next::Head:
        take_head(pdu, state, sink);
        break;
      case Next::Length:
        state.next = Next::Head;
        break;
      case Next::Chunk:
        if (read_chunk(base::as_text(pdu.bytes)).size == 0) state.next = Next::Trailers;
        break;
      case Next::Trailers:
        if (pdu.size <= 2) state.next = Next::Head;
        break;
      case Next::Close:
      case Next::Foreign:
        break;
    }
  }

  void gap(Side side) override {
    State& state = states_[index(side)];
    if (state.next != Next::Foreign) state = {};
    asked_.clear();
  }

  std::optional<std::size_t> resync(Side side, base::ByteView bytes) override {
    State& state = states_[index(side)];
    if (state.next == Next::Foreign)
      return bytes.empty() ? std::nullopt : std::optional<std::size_t>(0);
    state = {};
    const std::string_view text = base::as_text(bytes);
    // Heads begin where a line does.
    for (std::size_t at = 0; at < text.size();) {
      const Match match = match_start(text.substr(at));
      if (match == Match::Yes || (match == Match::Unsure && text.size() - at > 3)) return at;
      const std::size_t end = text.find('\n', at);
      if (end == std::string_view::npos) break;
      at = end + 1;
    }
    return std::nullopt;
  }

 private:
  struct State {
    Next next = Next::Head;
    std::size_t left = 0;
  };
  static std::size_t index(Side side) { return side == Side::A ? 0 : 1; }

  static Frame head_frame(std::string_view text) {
    // Blank lines before a request are passed by (RFC 9112 section 2.2).
    if (text.starts_with('\n')) return Frame::pdu(1);
    if (text.starts_with("\r\n")) return Frame::pdu(2);
    if (text == "\r") return Frame::need();
    switch (match_start(text)) {
      case Match::No:
      case Match::Likely:
        return Frame::lost();
      case Match::Unsure:
        return Frame::need();
      case Match::Yes:
        break;
    }
    const auto end = headers::end_of(text.substr(0, kMaxHead));
    if (end) return Frame::pdu(*end);
    return text.size() < kMaxHead ? Frame::need() : Frame::pdu(kMaxHead);
  }

  void take_head(const Pdu& pdu, State& state, Sink& sink) {
    const std::string_view text = base::as_text(pdu.bytes);
    if (text == "\n" || text == "\r\n") return;
    if (text.size() >= kMaxHead && !headers::end_of(text))
      sink.issue({Issue::Kind::LeftOut, "head longer than is read", kMaxHead});
    const Head head = read_head(text, sink);
    if (head.request) {
      take_request(head, text.size(), state, sink);
    } else {
      take_answer(head, text.size(), pdu.side, state, sink);
    }
  }

  static void body(const Head& head, bool answer, State& state) {
    if (head.chunked) {
      state.next = Next::Chunk;
    } else if (head.length) {
      state.left = static_cast<std::size_t>(*head.length);
      state.next = state.left > 0 ? Next::Length : Next::Head;
    } else {
      state.next = answer ? Next::Close : Next::Head;
    }
  }

  void take_request(const Head& head, std::size_t size, State& state, Sink& sink) {
    const std::string_view name = head.method ? method(*head.method).name : std::string_view{};
    asked_.push(name == "HEAD", name == "CONNECT");
    body(head, false, state);

    const std::string user = user_of(head.authorization);
    sink.tell(Fact::User, user, Confidence::Banner);
    if (!user.empty()) sink.text("user", user);
    if (!head.agent.empty()) {
      sink.tell(Fact::Software, printable(head.agent), Confidence::Banner);
      tell_system(head.agent, sink);
    }
    if (names_host(head.host)) tell_host(head.host, sink);
    tell_request(head, size, sink);
  }

  static void tell_host(std::string_view host, Sink& sink) {
    const std::string name = printable(host.substr(0, host.find(':')));
    Evidence one;
    one.about = About::Receiver;
    one.fact = Fact::Hostname;
    one.confidence = Confidence::Banner;
    one.value = name;
    sink.evidence(one);
  }

  static void tell_request(const Head& head, std::size_t size, Sink& sink) {
    const std::string path = printable(path_of(head.target), 512);
    const std::string host = printable(head.host);
    const std::string agent = printable(head.agent);
    const std::string action = printable(head.soap_action);
    std::array<Object, 5> objects;
    std::size_t count = 0;
    objects[count++] = {"path", path};
    if (!host.empty()) objects[count++] = {"host", host};
    if (!agent.empty()) objects[count++] = {"user agent", agent};
    if (!action.empty()) objects[count++] = {"SOAP action", action};
    objects[count++] = {"header bytes", {}, size, head.headers};
    Message message;
    message.kind = Kind::Request;
    if (head.method) {
      message.operation = {*head.method, method(*head.method).name};
      message.access = method(*head.method).access;
    }
    if (!head.authorization.empty()) message.sub_operation = {1, "with credentials"};
    message.objects = {objects.data(), count};
    message.bytes =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(head.length.value_or(0), UINT32_MAX));
    sink.message(message);
  }

  void take_answer(const Head& head, std::size_t, Side side, State& state, Sink& sink) {
    const bool interim = head.code >= 100 && head.code < 200 && head.code != 101;
    if (!head.server.empty()) {
      sink.tell(Fact::Software, printable(head.server), Confidence::Banner);
      tell_system(head.server, sink);
    }
    sink.tell(Fact::Software, printable(head.powered_by), Confidence::Banner);
    if (interim) return;
    const Asked::Entry asked = asked_.pop();
    const bool tunnel = head.code == 101 || (asked.tunnel && head.code >= 200 && head.code < 300);
    if (tunnel) {
      state.next = Next::Foreign;
      states_[index(other(side))].next = Next::Foreign;
    } else if (!asked.no_body && head.code != 204 && head.code != 304) {
      body(head, true, state);
    }
    Message message;
    message.kind = Kind::Response;
    message.status = {head.code >= 400 ? Outcome::Failed : Outcome::Ok, head.code,
                      reason_of(head.code)};
    message.bytes =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(head.length.value_or(0), UINT32_MAX));
    sink.message(message);
  }

  State states_[2];
  Asked asked_;
};

Match probe(const Sample& sample) {
  return match_start(base::as_text(sample.bytes));
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<HttpSession>();
}

class SsdpSession final : public Session {
 public:
  void take(const Pdu& pdu, Sink& sink) override {
    const std::string_view text = base::as_text(pdu.bytes);
    if (!headers::end_of(text))
      sink.issue({Issue::Kind::Truncated, "message without its last line"});
    const Head head = read_head(text, sink);
    if (!head.server.empty()) {
      sink.tell(Fact::Software, printable(head.server), Confidence::Banner);
      tell_system(head.server, sink);
    }
    tell_type(head.search_target, sink);
    const std::string target = printable(head.search_target);
    const std::string location = shown_target(head.location);
    const Object objects[] = {{"target", target}, {"location", location}};
    Message message;
    message.access = Access::Discovery;
    message.objects = {objects, location.empty() ? 1U : 2U};
    if (head.request) {
      if (head.method) message.operation = {*head.method, method(*head.method).name};
      message.kind = pdu.to.ip.group() ? Kind::OneWay : Kind::Request;
      if (head.notification == "ssdp:byebye") message.sub_operation = {1, "leaves"};
    } else {
      message.kind = Kind::Response;
      message.status = {head.code >= 400 ? Outcome::Failed : Outcome::Ok, head.code,
                        reason_of(head.code)};
    }
    sink.message(message);
  }

 private:
  static void tell_type(std::string_view target, Sink& sink) {
    if (target.find(":device:InternetGatewayDevice:") != std::string_view::npos) {
      sink.tell(Fact::Type, "router", Confidence::Neighbor);
    } else if (target.find(":device:Printer:") != std::string_view::npos) {
      sink.tell(Fact::Type, "printer", Confidence::Neighbor);
    } else if (target.find(":device:MediaRenderer:") != std::string_view::npos) {
      sink.tell(Fact::Type, "media player", Confidence::Neighbor);
    }
  }
};

Match probe_ssdp(const Sample& sample) {
  const std::string_view text = base::as_text(sample.bytes);
  if (text.starts_with("NOTIFY * HTTP/1.") || text.starts_with("M-SEARCH * HTTP/1."))
    return Match::Yes;
  return text.starts_with("HTTP/1.1 200") && text.find("\nUSN:") != std::string_view::npos
             ? Match::Yes
             : Match::No;
}

std::unique_ptr<Session> open_ssdp(const FlowInfo&) {
  return std::make_unique<SsdpSession>();
}

constexpr Transport kTcp[] = {Transport::Tcp};
constexpr Transport kUdp[] = {Transport::Udp};
constexpr std::uint16_t kPorts[] = {80, 8080, 8000, 8008, 3128, 5985};
constexpr std::uint16_t kSsdpPorts[] = {1900};

}  // namespace

constinit const Protocol kProtocol{"http", "HTTP", false, kTcp, kPorts, {}, probe, open};
constinit const Protocol kSsdp{"ssdp", "SSDP", false, kUdp, kSsdpPorts, {}, probe_ssdp, open_ssdp};

}  // namespace dissect::http
