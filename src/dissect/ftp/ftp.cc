#include "dissect/ftp/ftp.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/text.h"
#include "dissect/ftp/commands.h"
#include "dissect/headers/headers.h"
#include "dissect/objects.h"
#include "dissect/text.h"

namespace dissect::ftp {

namespace {

// Nobody asks for more in a line; what is longer is cut here and told.
constexpr std::size_t kMaxLine = 4096;
// A path that is longer than most systems allow.
constexpr std::size_t kMaxArgument = 1024;

constexpr std::uint16_t kPort = 21;
constexpr std::uint32_t kUser = 0;
constexpr std::uint32_t kGreeting = 0xfffe;
constexpr std::uint32_t kUnknown = 0xffff;

std::string_view line_of(base::ByteView bytes) {
  std::string_view line = base::as_text(bytes);
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// Three digits that are a reply's (RFC 959 section 4.2), and what may stand behind them.
bool starts_reply(std::string_view line) {
  return line.size() >= 3 && line[0] >= '1' && line[0] <= '6' && line[1] >= '0' && line[1] <= '5' &&
         digit(line[2]) && (line.size() == 3 || line[3] == ' ' || line[3] == '-');
}

struct Asking {
  std::string_view word;
  std::string_view argument;
};
Asking split(std::string_view line) {
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return {line, {}};
  return {line.substr(0, blank), line.substr(blank + 1)};
}

class FtpSession final : public Session {
 public:
  Frame frame(Side /*side*/, base::ByteView bytes) override {
    if (encrypted_) return Frame::pdu(bytes.size(), 0);
    const std::size_t end = base::as_text(bytes).substr(0, kMaxLine).find('\n');
    if (end != std::string_view::npos) return Frame::pdu(end + 1);
    return bytes.size() < kMaxLine ? Frame::need(bytes.size() + 1) : Frame::pdu(kMaxLine);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    if (encrypted_) return;
    Half& half = halves_[index(pdu.side)];
    const bool ended = pdu.bytes.empty() || pdu.bytes.back() == '\n';
    const bool goes_on = half.cut;
    half.cut = !ended;
    if (goes_on) return;
    if (!ended) sink.issue({Issue::Kind::LeftOut, "line longer than is read", kMaxLine, 0});
    // Telnet's signs may stand before a command (RFC 959 section 4.1.3, ABOR).
    base::ByteView bytes = pdu.bytes;
    while (bytes.size() >= 2 && bytes[0] == 0xff && bytes[1] >= 0xf0)
      bytes = bytes.subspan(2);
    const std::string_view line = line_of(bytes);
    if (half.replying != 0 || starts_reply(line)) {
      reply(line, half, sink);
    } else if (!line.empty()) {
      ask(line, sink);
    }
  }

  void gap(Side side) override {
    halves_[index(side)] = {};
    asked_ = false;
  }

  std::optional<std::size_t> resync(Side /*side*/, base::ByteView bytes) override {
    if (encrypted_) return bytes.empty() ? std::nullopt : std::optional<std::size_t>(0);
    const std::size_t end = base::as_text(bytes).find('\n');
    if (end == std::string_view::npos || end + 1 >= bytes.size()) return std::nullopt;
    return end + 1;
  }

 private:
  struct Half {
    bool cut = false;            // within a line that is too long
    std::uint32_t replying = 0;  // code of a reply of several lines (RFC 959 section 4.2)
  };
  static std::size_t index(Side side) { return side == Side::A ? 0 : 1; }

  void ask(std::string_view line, Sink& sink) {
    const Asking asking = split(line);
    const auto code = command_of(asking.word);
    const Command what = code ? command(*code) : Command{};
    const std::string_view argument = what.secret ? std::string_view{} : asking.argument;
    sink.shown("command", asking.word, 16);
    if (!what.secret && !argument.empty()) sink.shown("argument", argument, kMaxArgument);
    if (what.secret) sink.number("secret_length", asking.argument.size());
    if (asking.argument.size() > kMaxArgument)
      sink.issue({Issue::Kind::Violation, "argument longer than any path",
                  static_cast<std::uint32_t>(asking.argument.size()), 0});
    objects_.begin();
    Message message;
    message.kind = Kind::Request;
    message.operation = {code.value_or(kUnknown), what.name};
    message.access = what.access;
    message.bytes = static_cast<std::uint32_t>(line.size());
    if (!code) sink.issue({Issue::Kind::Unsupported, "command that is not known", 0, 0});
    if (code == kUser) user_ = printable(argument, 64);
    tell_objects(what, asking, argument, message, sink);
    asked_ = true;
    sink.message(message);
  }

  void tell_objects(const Command& what, const Asking& asking, std::string_view argument,
                    Message& message, Sink& sink) {
    if (!what.object.empty() && !argument.empty())
      objects_.add(message, sink, {what.object, objects_.shown(argument, 512), 0, 0});
    // Who the password is for.
    if (what.name == "PASS" && !user_.empty()) objects_.add(message, sink, {"user", user_, 0, 0});
    if (what.name == "PORT") tell_end(data_end(asking.argument), message, sink);
    if (what.name == "EPRT") tell_end(extended_end(asking.argument), message, sink);
  }

  void tell_end(const DataEnd& end, Message& message, Sink& sink) {
    if (!end.good) {
      sink.issue({Issue::Kind::Malformed, "data connection to nowhere", 0, 0});
      return;
    }
    std::string address(end.address);
    std::ranges::replace(address, ',', '.');
    sink.number("data_port", end.port);
    if (!address.empty()) sink.text("data_address", printable(address));
    objects_.add(message, sink,
                 {"data port", objects_.compose({printable(address, 64)}), end.port, 1});
  }

  void reply(std::string_view line, Half& half, Sink& sink) {
    const bool coded = starts_reply(line);
    const std::uint32_t code =
        coded ? static_cast<std::uint32_t>(headers::number(line.substr(0, 3)).value_or(0)) : 0;
    if (half.replying != 0 && (code != half.replying || (line.size() > 3 && line[3] == '-'))) {
      sink.shown("reply_line", line, kMaxArgument);
      return;
    }
    const bool several = half.replying == 0 && line.size() > 3 && line[3] == '-';
    const std::string_view text = line.size() > 4 ? line.substr(4) : std::string_view{};
    sink.number("code", code);
    sink.shown("text", text, kMaxArgument);
    if (half.replying == 0) tell_system(code, text, sink);
    half.replying = several ? code : 0;
    if (several) return;
    tell_reply(code, text, line.size(), sink);
    encrypted_ = code == 234;
  }

  void tell_reply(std::uint32_t code, std::string_view text, std::size_t size, Sink& sink) {
    objects_.begin();
    Message message;
    message.kind = Kind::Response;
    if (code == 220 && !asked_) {
      message.kind = Kind::OneWay;
      message.operation = {kGreeting, "greeting"};
      message.access = Access::Session;
    }
    // 1yz: another will follow.
    message.last = code >= 200;
    message.status = {code >= 400 ? Outcome::Failed : Outcome::Ok, code, reply_name(code)};
    message.bytes = static_cast<std::uint32_t>(size);
    if (code == 227) tell_end(data_end(text), message, sink);
    if (code == 229 && text.find('(') != std::string_view::npos)
      tell_end(extended_end(text.substr(text.find('(') + 1)), message, sink);
    if (code == 230 && !user_.empty()) tell_user(sink);
    sink.message(message);
  }

  void tell_user(Sink& sink) const {
    Evidence one;
    one.about = About::Receiver;
    one.fact = Fact::User;
    one.confidence = Confidence::Banner;
    one.value = user_;
    sink.evidence(one);
  }

  static void tell_system(std::uint32_t code, std::string_view text, Sink& sink) {
    if (code == 220) {
      sink.tell(Fact::Software, printable(text), Confidence::Banner);
    } else if (code == 215) {
      if (text.starts_with("Windows_NT"))
        sink.tell(Fact::Os, "Windows", Confidence::Banner);
      else if (text.find("VxWorks") != std::string_view::npos)
        sink.tell(Fact::Os, "VxWorks", Confidence::Banner);
      sink.shown("system", text);
    }
  }

  Half halves_[2];
  bool encrypted_ = false;
  bool asked_ = false;  // a command was seen
  std::string user_;
  Objects objects_;
};

// Words that other protocols in lines have, too: USER, RETR, QUIT (POP3, SMTP, NNTP) ...
constexpr std::string_view kShared[] = {"USER", "PASS", "QUIT", "HELP", "NOOP", "LIST",
                                        "STAT", "AUTH", "MODE", "HOST", "RETR", "DELE"};

template <std::size_t count>
bool is_one_of(const std::string_view (&words)[count], std::string_view word) {
  return std::ranges::any_of(
      words, [word](std::string_view one) { return base::equal_ignore_case(one, word); });
}

// Off FTP's port, a single line of words is not enough where mail and news would say the same.
Match probe_command(std::string_view line, std::string_view reply, bool on_port) {
  const Asking asking = split(line);
  if (!command_of(asking.word)) return Match::No;
  const bool shared = is_one_of(kShared, asking.word);
  if (reply.size() < 4) {
    if (shared) return on_port ? Match::Likely : Match::Unsure;
    return on_port ? Match::Yes : Match::Likely;
  }
  if (!starts_reply(reply.substr(0, 4))) return Match::No;
  if (!shared) return Match::Yes;
  const bool greeted = reply.starts_with("220") && reply.find("SMTP") == std::string_view::npos;
  if (greeted && base::equal_ignore_case(asking.word, "USER")) return Match::Yes;
  return on_port ? Match::Likely : Match::Unsure;
}

// Mail and news answer with the same numbers (RFC 5321 section 4.2, RFC 3977 section 3.2): only
// some are FTP's alone. What the other side asked for says more.
Match probe_reply(std::string_view line, std::string_view asked, bool on_port) {
  const std::string lower = base::to_lower(line.substr(0, 256));
  const std::string_view text(lower);
  if (text.find("smtp") != std::string_view::npos || text.find("mail") != std::string_view::npos)
    return Match::No;
  const std::size_t end = asked.find_first_of(" \r\n");
  if (end != std::string_view::npos && !command_of(asked.substr(0, end))) return Match::No;
  if (text.starts_with("220") && text.find("ftp") != std::string_view::npos) return Match::Yes;
  if (text.starts_with("227 ") && data_end(text).good) return Match::Yes;
  constexpr std::string_view kOwn[] = {"331", "230", "150", "226"};
  constexpr std::string_view kCommon[] = {"220", "530", "250", "200"};
  const std::string_view code = text.substr(0, 3);
  if (is_one_of(kOwn, code)) return Match::Likely;
  if (!is_one_of(kCommon, code)) return Match::No;
  return on_port ? Match::Likely : Match::Unsure;
}

Match probe(const Sample& sample) {
  const std::string_view text = base::as_text(sample.bytes);
  if (text.empty()) return Match::No;
  const std::size_t end = text.substr(0, kMaxLine).find('\n');
  const std::string_view line = text.substr(0, end);
  // Lines begin with letters or a number; 8-bit names are not the first thing that is said. What
  // follows a number may be anything: "220 (vsFTPd 3.0.3)".
  const std::string_view head = line.substr(0, 4);
  const bool letters = std::ranges::all_of(head, [](char c) {
    return digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == ' ' || c == '-' ||
           c == '\r';
  });
  if (!letters) return Match::No;
  if (end == std::string_view::npos) return text.size() < kMaxLine ? Match::Unsure : Match::No;
  const std::string_view whole = line_of(base::as_bytes(text.substr(0, end + 1)));
  const std::string_view reply = base::as_text(sample.reply);
  const bool on_port = sample.flow.a.port == kPort || sample.flow.b.port == kPort;
  return starts_reply(whole) ? probe_reply(whole, reply, on_port)
                             : probe_command(whole, reply, on_port);
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<FtpSession>();
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {kPort};

}  // namespace

constinit const Protocol kProtocol{"ftp", "FTP", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::ftp
