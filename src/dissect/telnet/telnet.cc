#include "dissect/telnet/telnet.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "dissect/objects.h"
#include "dissect/reader.h"
#include "dissect/telnet/login.h"
#include "dissect/telnet/options.h"
#include "dissect/text.h"

namespace dissect::telnet {

namespace {

// A sub-negotiation that is longer is none.
constexpr std::size_t kMaxSub = 2048;
constexpr std::uint32_t kLogin = 1;
constexpr std::uint32_t kLine = 2;

struct Piece {
  enum class Kind : std::uint8_t { Cut, Data, Sign, Option, Sub };
  Kind kind = Kind::Cut;
  std::size_t size = 0;
};

// What stands at the beginning; Cut: it goes on beyond the bytes.
Piece next_piece(base::ByteView bytes) {
  if (bytes.empty()) return {};
  if (bytes[0] != kIac) {
    const auto end = std::ranges::find(bytes, kIac);
    return {Piece::Kind::Data, static_cast<std::size_t>(end - bytes.begin())};
  }
  if (bytes.size() < 2) return {};
  const std::uint8_t sign = bytes[1];
  if (sign == kIac) return {Piece::Kind::Data, 2};
  if (sign >= kWill && sign <= kDont)
    return bytes.size() < 3 ? Piece{} : Piece{Piece::Kind::Option, 3};
  if (sign != kSub) return {Piece::Kind::Sign, 2};
  for (std::size_t at = 2; at + 1 < bytes.size() && at < kMaxSub; ++at) {
    if (bytes[at] != kIac) continue;
    if (bytes[at + 1] == kEndOfSub) return {Piece::Kind::Sub, at + 2};
    ++at;
  }
  // Without an end it is only a sign.
  return bytes.size() >= kMaxSub ? Piece{Piece::Kind::Sign, 2} : Piece{};
}

class TelnetSession final : public Session {
 public:
  explicit TelnetSession(const FlowInfo& flow) : server_(flow.server) {}

  // As many pieces as are whole.
  Frame frame(Side /*side*/, base::ByteView bytes) override {
    std::size_t size = 0;
    while (size < bytes.size() && size < kMaxPdu) {
      const Piece piece = next_piece(bytes.subspan(size));
      if (piece.kind == Piece::Kind::Cut) break;
      size = std::min(size + piece.size, kMaxPdu);
    }
    return size == 0 ? Frame::need(bytes.size() + 1) : Frame::pdu(size);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    base::ByteView rest = pdu.bytes;
    bool data = false;
    while (!rest.empty()) {
      Piece piece = next_piece(rest);
      // A message that stands for itself may end anywhere.
      if (piece.kind == Piece::Kind::Cut) piece.size = rest.size();
      const base::ByteView bytes = rest.first(std::min(piece.size, rest.size()));
      rest = rest.subspan(bytes.size());
      if (piece.kind == Piece::Kind::Data) {
        data = true;
        text(pdu.side, base::as_text(bytes), sink);
      } else if (piece.kind == Piece::Kind::Cut) {
        sink.issue({Issue::Kind::Truncated, "ends within a command", 0, 0});
      } else {
        sign(piece, bytes, sink);
      }
    }
    if (data) finish_line(pdu.side, sink);
  }

  // Any byte may be the first of a piece.
  std::optional<std::size_t> resync(Side /*side*/, base::ByteView bytes) override {
    return bytes.empty() ? std::nullopt : std::optional<std::size_t>(0);
  }

 private:
  void sign(const Piece& piece, base::ByteView bytes, Sink& sink) {
    const std::uint8_t sign = bytes[1];
    sink.number("command", sign);
    if (piece.kind == Piece::Kind::Sign) {
      if (sign_name(sign).empty() || sign == kSub)
        sink.issue({Issue::Kind::Malformed, "command that does not exist", sign, 0});
      return;
    }
    const std::uint8_t option = bytes[2];
    sink.number("option", option);
    if (option_name(option).empty())
      sink.issue({Issue::Kind::Unsupported, "option that is not registered", option, 0});
    objects_.begin();
    Message message;
    message.operation = {sign, sign_name(sign)};
    message.sub_operation = {option, option_name(option)};
    message.access = Access::Session;
    if (piece.kind == Piece::Kind::Sub) {
      const base::ByteView body =
          bytes.size() >= 5 ? bytes.subspan(3, bytes.size() - 5) : base::ByteView();
      // The end of the sub-negotiation, which is a command of its own.
      sink.number("command", kEndOfSub);
      const Told told = read_sub(option, body, sink);
      if (!told.terminal.empty())
        objects_.add(message, sink, {"terminal", objects_.shown(told.terminal), 0, 0});
      if (!told.user.empty()) {
        objects_.add(message, sink, {"user", objects_.shown(told.user), 0, 0});
        sink.tell(Fact::User, printable(told.user), Confidence::Banner);
      }
    }
    sink.message(message);
  }

  void text(Side side, std::string_view text, Sink& sink) {
    if (side == server_) {
      sink.shown("data", text, 4096);
      tell_banner(text, sink);
      outcome(login_.server(text), sink);
      return;
    }
    if (login_.secret()) {
      sink.number("secret_length", text.size());
    } else {
      sink.shown("data", text, 4096);
    }
    // The end of a line may come by itself, after what it ends.
    const bool more =
        text.find_first_not_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
    if (typed_ > 0 || more) typed_ += static_cast<std::uint32_t>(text.size());
    if (login_.client(text) == Login::Step::Asked) ask(sink);
    line_ |= login_.typed();
  }

  void finish_line(Side side, Sink& sink) {
    if (side == server_ || !line_) return;
    line_ = false;
    Message message;
    message.operation = {kLine, "line"};
    message.bytes = typed_;
    typed_ = 0;
    sink.message(message);
  }

  void ask(Sink& sink) {
    objects_.begin();
    Message message;
    message.kind = Kind::Request;
    message.key = kLogin;
    message.operation = {kLogin, "login"};
    message.access = Access::Authentication;
    if (!login_.user().empty()) {
      sink.text("user", login_.user());
      objects_.add(message, sink, {"user", login_.user(), 0, 0});
    }
    typed_ = 0;
    sink.message(message);
  }

  void outcome(Login::Step step, Sink& sink) {
    if (step == Login::Step::None) return;
    const bool in = step == Login::Step::In;
    Message message;
    message.kind = Kind::Response;
    message.key = kLogin;
    message.operation = {kLogin, "login"};
    message.access = Access::Authentication;
    message.status = {in ? Outcome::Ok : Outcome::Failed, in ? 0U : 1U, in ? "" : "refused"};
    if (in && !login_.user().empty()) {
      Evidence one;
      one.about = About::Receiver;
      one.fact = Fact::User;
      one.confidence = Confidence::Banner;
      one.value = login_.user();
      sink.evidence(one);
    }
    sink.message(message);
  }

  // The first line that a server says, before anybody logs in, is what it calls itself.
  void tell_banner(std::string_view text, Sink& sink) {
    if (greeted_ || !login_.before()) return;
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      const std::string line = printable(text.substr(0, end).substr(0, text.find('\r')));
      text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
      if (line.empty()) continue;
      greeted_ = true;
      // A prompt is none, and what is not text neither.
      if (line.size() > 3 && !line.ends_with(':') && line.find("\\x") == std::string::npos)
        sink.tell(Fact::Software, line, Confidence::Banner);
      return;
    }
  }

  Side server_;
  Login login_;
  bool greeted_ = false;
  bool line_ = false;
  std::uint32_t typed_ = 0;
  Objects objects_;
};

bool is_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 0x20 && c < 0x7f) || c == '\r' || c == '\n' || c == '\t' || c == '\b' ||
           c == 0x1b || c == '\0';
  });
}

// Negotiations of registered options, one behind the other, and text behind them.
Match probe(const Sample& sample) {
  base::ByteView rest = sample.bytes;
  if (rest.empty()) return Match::No;
  std::size_t options = 0;
  while (!rest.empty() && rest[0] == kIac) {
    const Piece piece = next_piece(rest);
    if (piece.kind == Piece::Kind::Cut) {
      const bool may = rest.size() < 2 ||
                       (rest[1] >= kSub && (rest.size() < 3 || !option_name(rest[2]).empty()));
      return !may ? Match::No : options > 0 ? Match::Yes : Match::Unsure;
    }
    if (piece.kind != Piece::Kind::Option && piece.kind != Piece::Kind::Sub) break;
    if (option_name(rest[2]).empty()) return Match::No;
    ++options;
    rest = rest.subspan(piece.size);
  }
  if (options > 0)
    return is_text(base::as_text(rest.first(std::min<std::size_t>(rest.size(), 16)))) ||
                   rest[0] == kIac
               ? Match::Yes
               : Match::No;
  // Nothing but text: only the port can say that it is not something else.
  const bool port = sample.flow.a.port == 23 || sample.flow.b.port == 23;
  return port && is_text(base::as_text(rest)) ? Match::Likely : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<TelnetSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {23, 2323};

}  // namespace

constinit const Protocol kProtocol{"telnet", "Telnet", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::telnet
