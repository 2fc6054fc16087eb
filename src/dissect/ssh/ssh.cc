#include "dissect/ssh/ssh.h"

#include <array>
#include <string>
#include <string_view>

#include "dissect/fingerprint/fingerprint.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::ssh {

namespace {

// A version's line (RFC 4253 section 4.2), and what a server may say before it.
constexpr std::size_t kMaxLine = 1024;
constexpr std::size_t kMaxLinesBefore = 64;
// RFC 4253 section 6.1 asks for 35000; keys of some methods are longer.
constexpr std::size_t kMaxPacket = 60000;
constexpr std::string_view kMark = "SSH-";

enum Code : std::uint8_t { kDisconnect = 1, kOffer = 20, kNewKeys = 21 };

constexpr std::string_view kLists[] = {
    "kex_algorithms",
    "host_key_algorithms",
    "encryption_client_to_server",
    "encryption_server_to_client",
    "mac_client_to_server",
    "mac_server_to_client",
    "compression_client_to_server",
    "compression_server_to_client",
    "languages_client_to_server",
    "languages_server_to_client",
};

enum class Next : std::uint8_t { Version, Packets, Encrypted };

std::string_view line_of(base::ByteView bytes) {
  std::string_view line = base::as_text(bytes);
  while (line.ends_with('\n') || line.ends_with('\r'))
    line.remove_suffix(1);
  return line;
}

std::string_view system_in(std::string_view software) {
  struct Mark {
    std::string_view mark;
    std::string_view name;
  };
  static constexpr Mark kMarks[] = {
      {"Raspbian", "Raspbian"}, {"Ubuntu", "Ubuntu"},   {"Debian", "Debian"},
      {"FreeBSD", "FreeBSD"},   {"NetBSD", "NetBSD"},   {"Windows", "Windows"},
      {"Cisco", "Cisco IOS"},   {"ROSSSH", "RouterOS"}, {"VxWorks", "VxWorks"}};
  for (const Mark& one : kMarks) {
    if (software.find(one.mark) != std::string_view::npos) return one.name;
  }
  return {};
}

class SshSession final : public Session {
 public:
  explicit SshSession(Side server) : server_(server) {}

  Frame frame(Side side, base::ByteView bytes) override {
    const Half& half = halves_[index(side)];
    switch (half.next) {
      case Next::Version: {
        const std::string_view text = base::as_text(bytes);
        const std::size_t end = text.substr(0, kMaxLine).find('\n');
        if (end != std::string_view::npos) return Frame::pdu(end + 1);
        return text.size() < kMaxLine ? Frame::need() : Frame::lost();
      }
      case Next::Packets: {
        if (bytes.size() < 6) return Frame::need(6);
        Reader reader(bytes);
        const std::uint32_t size = reader.u32be();
        const std::uint8_t padding = reader.u8();
        if (size < 2 || size > kMaxPacket || padding + 1U >= size) return Frame::lost();
        return Frame::pdu(size + 4U);
      }
      case Next::Encrypted:
        return Frame::pdu(bytes.size(), 0);
    }
    return Frame::lost();
  }

  void take(const Pdu& pdu, Sink& sink) override {
    Half& half = halves_[index(pdu.side)];
    if (half.next == Next::Version) {
      line(pdu, half, sink);
    } else if (half.next == Next::Packets) {
      packet(pdu, half, sink);
    }
  }

  // Nothing in the clear follows a gap that could be told from what is encrypted.
  void gap(Side side) override { halves_[index(side)].next = Next::Encrypted; }
  std::optional<std::size_t> resync(Side side, base::ByteView bytes) override {
    halves_[index(side)].next = Next::Encrypted;
    return bytes.empty() ? std::nullopt : std::optional<std::size_t>(0);
  }

 private:
  struct Half {
    Next next = Next::Version;
    std::size_t lines = 0;
  };
  static std::size_t index(Side side) { return side == Side::A ? 0 : 1; }

  void line(const Pdu& pdu, Half& half, Sink& sink) {
    const std::string_view text = line_of(pdu.bytes);
    if (!text.starts_with(kMark)) {
      if (++half.lines > kMaxLinesBefore) half.next = Next::Encrypted;
      return;
    }
    if (pdu.size > 255)
      sink.issue({Issue::Kind::Violation, "version longer than 255 bytes",
                  static_cast<std::uint32_t>(pdu.size)});
    const std::string version = printable(text, kMaxLine);
    sink.text("protocol", version);
    const std::string_view rest = std::string_view(version).substr(kMark.size());
    const std::size_t dash = rest.find('-');
    const std::string_view number = rest.substr(0, dash);
    const std::string_view software =
        dash == std::string_view::npos ? std::string_view{} : rest.substr(dash + 1);
    if (dash == std::string_view::npos)
      sink.issue({Issue::Kind::Malformed, "version without software"});
    sink.tell(Fact::Software, software, Confidence::Banner);
    sink.tell(Fact::Os, system_in(software), Confidence::Banner);
    half.next = number == "2.0" || number == "1.99" ? Next::Packets : Next::Encrypted;
    if (half.next == Next::Encrypted) sink.issue({Issue::Kind::Unsupported, "version 1"});
    if (pdu.side == server_) return;
    const Object object{"software", software};
    Message message;
    message.kind = Kind::Request;
    message.operation = {1, "session"};
    message.access = Access::Session;
    message.objects = {&object, 1};
    sink.message(message);
  }

  void packet(const Pdu& pdu, Half& half, Sink& sink) {
    Reader reader(pdu.bytes);
    const std::uint32_t size = reader.u32be();
    const std::uint8_t padding = reader.u8();
    const Reader payload = reader.sub(size - padding - 1U);
    if (!reader || payload.done()) {
      sink.issue({Issue::Kind::Malformed, "packet without a message", size});
      return;
    }
    Reader body = payload;
    const std::uint8_t code = body.u8();
    sink.number("packet_length", size);
    sink.number("padding_length", padding);
    sink.number("message_code", code);
    if (code == kOffer) {
      offer(pdu, body, sink);
    } else if (code == kNewKeys) {
      half.next = Next::Encrypted;
      if (pdu.side == server_) answer({Outcome::Ok, 0, {}}, sink);
    } else if (code == kDisconnect) {
      const std::uint32_t reason = body.u32be();
      sink.number("disconnect_reason", reason);
      if (pdu.side == server_) answer({Outcome::Failed, reason, "disconnected"}, sink);
    }
  }

  static void answer(Status status, Sink& sink) {
    Message message;
    message.kind = Kind::Response;
    message.operation = {1, "session"};
    message.access = Access::Session;
    message.status = status;
    sink.message(message);
  }

  void offer(const Pdu& pdu, Reader body, Sink& sink) const {
    sink.bytes("cookie", body.bytes(16));
    std::array<std::string_view, std::size(kLists)> lists;
    for (std::size_t i = 0; i < std::size(kLists); ++i) {
      lists[i] = body.text(body.u32be());
      if (body && sink.wants_details()) sink.text(kLists[i], printable(lists[i], 4096));
    }
    if (!body) {
      sink.issue({Issue::Kind::Truncated, "offer ends within its lists"});
      return;
    }
    // The algorithms of the direction in which this side sends.
    const std::size_t way = pdu.side == server_ ? 1 : 0;
    std::string text;
    for (const std::size_t list : {std::size_t{0}, 2 + way, 4 + way, 6 + way}) {
      if (!text.empty()) text += ';';
      text += lists[list];
    }
    const std::string print = fingerprint::md5(text);
    sink.text(way == 1 ? "hassh_server" : "hassh", print);
    const Object objects[] = {{way == 1 ? "hassh server" : "hassh", print}};
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {kOffer, "algorithms"};
    message.access = Access::Session;
    message.objects = objects;
    sink.message(message);
  }

  Side server_;
  Half halves_[2];
};

Match probe(const Sample& sample) {
  const std::string_view text = base::as_text(sample.bytes);
  if (text.size() < kMark.size()) return kMark.starts_with(text) ? Match::Unsure : Match::No;
  if (!text.starts_with(kMark)) return Match::No;
  if (text.size() < 8) return Match::Unsure;
  return (text[4] == '1' || text[4] == '2') && text[5] == '.' ? Match::Yes : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<SshSession>(flow.server);
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {22, 2222};

}  // namespace

constinit const Protocol kProtocol{"ssh", "SSH", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::ssh
