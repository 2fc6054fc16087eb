#include "dissect/fox/fox.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "dissect/fox/frame.h"
#include "dissect/objects.h"
#include "dissect/text.h"

namespace dissect::fox {

namespace {

// What is shown of a message; longer ones are passed by.
constexpr std::size_t kKeep = 16U << 10U;

struct Command {
  std::string_view channel;  // empty: any
  std::string_view name;
  Access access;
};
constexpr Command kCommands[] = {
    {"fox", "hello", Access::Discovery},
    {"fox", "challenge", Access::Authentication},
    {"fox", "login", Access::Authentication},
    {"fox", "authenticate", Access::Authentication},
    {"fox", "authMethod", Access::Authentication},
    {"fox", "welcome", Access::Authentication},
    {"fox", "rejected", Access::Authentication},
    {"fox", "close", Access::Session},
    {"fox", "keepAlive", Access::None},
    {"file", "open", Access::File},
    {"file", "read", Access::File},
    {"file", "write", Access::File},
    {"file", "list", Access::File},
    {"file", "delete", Access::File},
    {"file", "mkdir", Access::File},
    {"file", "rename", Access::File},
    {"alarm", "", Access::Alarm},
    {"provision", "", Access::ConfigWrite},
    {"backup", "", Access::ProgramUpload},
    {"", "add", Access::ConfigWrite},
    {"", "copy", Access::ConfigWrite},
    {"", "delete", Access::ConfigWrite},
    {"", "get", Access::Read},
    {"", "install", Access::ProgramDownload},
    {"", "invoke", Access::Write},
    {"", "load", Access::Read},
    {"", "query", Access::Read},
    {"", "read", Access::Read},
    {"", "reboot", Access::Reset},
    {"", "remove", Access::ConfigWrite},
    {"", "rename", Access::ConfigWrite},
    {"", "reorder", Access::ConfigWrite},
    {"", "resolve", Access::Read},
    {"", "restart", Access::Reset},
    {"", "save", Access::ConfigWrite},
    {"", "set", Access::Write},
    {"", "start", Access::Start},
    {"", "stop", Access::Stop},
    {"", "sub", Access::Read},
    {"", "sync", Access::Write},
    {"", "unsub", Access::Session},
    {"", "write", Access::Write},
};

const Command* command_of(const Header& header) {
  const auto* const found = std::ranges::find_if(kCommands, [&](const Command& one) {
    return (one.channel.empty() || one.channel == header.channel) &&
           (one.name.empty() || one.name == header.command);
  });
  return found == std::end(kCommands) ? nullptr : found;
}

struct Told {
  std::string_view name;
  Fact fact;
  Confidence confidence;
};
// Of a hello: who sends it.
constexpr Told kTold[] = {
    {"station.name", Fact::Name, Confidence::Protocol},
    {"hostId", Fact::Serial, Confidence::Protocol},
    {"os.name", Fact::Os, Confidence::Protocol},
    {"os.version", Fact::OsVersion, Confidence::Protocol},
};

bool an_address(std::string_view text) {
  return std::ranges::all_of(text,
                             [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == ':'; });
}

Match probe(const Sample& sample) {
  Lines lines(sample.bytes);
  Header header;
  if (sample.bytes.empty()) return Match::Unsure;
  switch (lines.header(header)) {
    case Lines::Step::Pair:
      return Match::Yes;
    case Lines::Step::Wait:
      return Match::Unsure;
    default:
      return Match::No;
  }
}

class FoxSession final : public Session {
 public:
  Frame frame(Side, base::ByteView bytes) override {
    Lines lines(bytes);
    Header header;
    Lines::Step step = lines.header(header);
    Pair pair;
    while (step == Lines::Step::Pair || step == Lines::Step::Open || step == Lines::Step::Close)
      step = lines.next(pair);
    if (step == Lines::Step::End) return Frame::pdu(lines.offset(), kKeep);
    if (step == Lines::Step::Wait && bytes.size() < kMaxPdu) return Frame::need();
    return Frame::lost();
  }

  void take(const Pdu& pdu, Sink& sink) override {
    Lines lines(pdu.bytes);
    Header header;
    if (lines.header(header) != Lines::Step::Pair) {
      sink.issue({Issue::Kind::Malformed, "header that cannot be", 0, 0});
      return;
    }
    show(header, sink);
    software_.clear();
    objects_.begin();
    Message message = message_of(header);
    message.bytes = static_cast<std::uint32_t>(pdu.size);
    Pair pair;
    std::size_t depth = 1;
    Lines::Step step = lines.next(pair);
    for (; step < Lines::Step::End; step = lines.next(pair)) {
      if (step == Lines::Step::Open) ++depth;
      if (step == Lines::Step::Close) --depth;
      if (step == Lines::Step::Pair) take_pair(header, pair, depth, message, sink);
    }
    if (step != Lines::Step::End && pdu.bytes.size() == pdu.size) {
      sink.issue({Issue::Kind::Malformed, "line that cannot be", 0,
                  static_cast<std::uint32_t>(lines.offset())});
    }
    sink.tell(Fact::Software, software_);
    sink.message(message);
  }

 private:
  static void show(const Header& header, Sink& sink) {
    if (!sink.wants_details()) return;
    sink.text("kind", {&header.kind, 1});
    sink.number("number", header.number);
    if (header.answers) sink.number("answers", *header.answers);
    sink.text("channel", header.channel);
    sink.text("command", header.command);
  }

  Message message_of(const Header& header) {
    Message message;
    const bool answers = header.kind == 'r' || header.kind == 'e';
    message.kind = answers ? Kind::Response : header.kind == 's' ? Kind::Request : Kind::OneWay;
    message.key = (answers ? header.answers.value_or(0) : header.number) + 1;
    if (header.kind == 'e') message.status = {Outcome::Failed, 1, "error"};
    if (header.kind == 'r') message.status = {Outcome::Ok, 0, {}};
    const Command* const known = command_of(header);
    // Commands are words: their number is ours, so that unknown ones stay apart.
    message.operation.code = base::crc32c(base::as_bytes(header.command));
    if (known != nullptr) {
      message.access = known->access;
      message.operation.name = known->name;
    }
    if (header.channel == "fox" && header.command == "rejected")
      message.status = {Outcome::Failed, 1, "rejected"};
    if (header.channel == "fox" && header.command == "welcome")
      message.status = {Outcome::Ok, 0, {}};
    return message;
  }

  void take_pair(const Header& header, const Pair& pair, std::size_t depth, Message& message,
                 Sink& sink) {
    if (sink.wants_details()) {
      name_.assign("value.");
      name_ += printable(pair.name);
      // Names are the sender's; what logs in stays with it.
      const bool secret = header.channel == "fox" && header.command != "hello" && pair.counted;
      if (pair.counted) {
        if (!secret) sink.bytes(name_, base::as_bytes(pair.value));
      } else {
        sink.text(name_, printable(pair.value));
      }
    }
    if (depth != 1 || pair.type != "s") return;
    if (header.channel == "fox") return identity(header, pair, sink);
    if (pair.name != "path" && pair.name != "ord" && pair.name != "name" && pair.name != "handle")
      return;
    const std::string shown = printable(pair.value, 128);
    objects_.add(message, sink, {"path", objects_.compose({shown}), 0, 0});
  }

  void identity(const Header& header, const Pair& pair, Sink& sink) {
    const std::string value = printable(pair.value);
    if (pair.name == "username" || pair.name == "user") return sink.tell(Fact::User, value);
    if (header.command != "hello") return;
    for (const Told& one : kTold) {
      if (one.name == pair.name) sink.tell(one.fact, value, one.confidence);
    }
    if (pair.name == "hostName" && !an_address(value)) sink.tell(Fact::Hostname, value);
    if (pair.name == "app.name") software_ = "Niagara " + value;
    if (pair.name == "app.version" && !software_.empty()) software_ += " " + value;
  }

  Objects objects_;
  std::string software_;
  std::string name_;
};

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<FoxSession>();
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {1911, 3011};

}  // namespace

const Protocol kProtocol = {
    .name = "niagara-fox",
    .title = "Niagara Fox",
    .industrial = true,
    .transports = kTransports,
    .ports = kPorts,
    .selectors = {},
    .probe = probe,
    .open = open,
};

}  // namespace dissect::fox
