#include "dissect/vnc/vnc.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::vnc {

namespace {

constexpr std::size_t kVersion = 12;
constexpr std::size_t kSecret = 16;
// Apple's way: name and password of 64 bytes each, under a key that both agree on.
constexpr std::uint32_t kArd = 30;
constexpr std::size_t kCredentials = 128;
constexpr std::size_t kMaxKey = 1024;
constexpr std::size_t kServerInit = 24;
constexpr std::uint32_t kMaxText = 1U << 20U;
constexpr std::uint32_t kMaxReason = 4096;

// Operations of transactions.
enum Operation : std::uint32_t { kOpen = 1, kLogin = 2, kScreen = 3, kClient = 0x100 };

constexpr Named kSecurity[] = {
    {0, "invalid"}, {1, "none"},   {2, "VNC"},  {5, "RA2"},       {6, "RA2ne"},
    {16, "Tight"},  {17, "Ultra"}, {18, "TLS"}, {19, "VeNCrypt"}, {20, "SASL"},
    {21, "MD5"},    {22, "xvp"},   {30, "ARD"}, {35, "MS-logon"}, {113, "MS-logon II"},
};
static_assert(sorted_by_code(kSecurity));

enum ClientMessage : std::uint8_t {
  kSetPixelFormat = 0,
  kSetEncodings = 2,
  kUpdateRequest = 3,
  kKey = 4,
  kPointer = 5,
  kCutText = 6,
};

// What comes next from one side.
enum class Expect : std::uint8_t {
  Version,
  Security,     // server: what it offers; client: what it chose
  Keys,         // server, of ARD: what both make a secret from
  Challenge,    // server
  Credentials,  // client, of ARD: name and password, encrypted
  Answer,       // client: what the challenge makes of the password
  Result,       // server
  Reason,       // server: why it refuses
  Init,
  Messages,
  Opaque,
};

// "RFB 003.008\n"; 0: it is none. Else the minor version of 3, or 8 for later ones.
int version_of(base::ByteView bytes) {
  const std::string_view text = base::as_text(bytes);
  if (text.size() < kVersion || !text.starts_with("RFB ") || text[7] != '.' || text[11] != '\n')
    return 0;
  int numbers[2] = {0, 0};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t part = 0; part < 2; ++part) {
      const char digit = text[4 + 4 * part + i];
      if (digit < '0' || digit > '9') return 0;
      numbers[part] = numbers[part] * 10 + (digit - '0');
    }
  }
  if (numbers[0] < 3) return 0;
  return numbers[0] > 3 ? 8 : std::max(3, numbers[1]);
}

class VncSession final : public Session {
 public:
  explicit VncSession(const FlowInfo& flow) : server_(flow.server) {}

  Frame frame(Side side, base::ByteView bytes) override {
    return opened_ && side == server_ ? server_frame(bytes) : client_frame(bytes);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    // Whoever says its version first serves, whatever was guessed.
    if (!opened_ && version_of(pdu.bytes) != 0) server_ = pdu.side;
    opened_ = true;
    if (pdu.side == server_)
      take_server(pdu, sink);
    else
      take_client(pdu, sink);
  }

  void gap(Side side) override {
    // In the middle of pictures nothing can be found again; messages of a client can.
    if (side == server_ || client_ != Expect::Messages) {
      server_next_ = Expect::Opaque;
      if (client_ != Expect::Messages) client_ = Expect::Opaque;
    }
  }

 private:
  static Frame sized(std::size_t size, base::ByteView bytes) {
    return bytes.size() < size ? Frame::need(size) : Frame::pdu(size);
  }
  // A length of four bytes, then as many.
  static Frame counted(std::size_t before, std::uint32_t limit, base::ByteView bytes) {
    if (bytes.size() < before + 4) return Frame::need(before + 4);
    const std::uint32_t length = Reader(bytes.subspan(before)).u32be();
    if (length > limit) return Frame::lost();
    return Frame::pdu(before + 4 + length, std::min<std::size_t>(before + 4 + length, 4096));
  }
  static Frame opaque(base::ByteView bytes) {
    return Frame::pdu(bytes.size(), std::min<std::size_t>(bytes.size(), 1));
  }

  Frame server_frame(base::ByteView bytes) const {
    switch (server_next_) {
      case Expect::Version:
        if (bytes.size() < kVersion) return Frame::need(kVersion);
        return version_of(bytes) != 0 ? Frame::pdu(kVersion) : Frame::lost();
      case Expect::Security:
        if (version_ < 7) return sized(4, bytes);
        if (bytes.empty()) return Frame::need(1);
        return sized(std::size_t{1} + bytes[0], bytes);
      case Expect::Challenge:
        return sized(kSecret, bytes);
      case Expect::Keys: {
        // Generator and size, then the prime and the server's key.
        if (bytes.size() < 4) return Frame::need(4);
        const std::size_t size = Reader(bytes.subspan(2)).u16be();
        return size == 0 || size > kMaxKey ? Frame::lost() : sized(4 + 2 * size, bytes);
      }
      case Expect::Result:
        return sized(4, bytes);
      case Expect::Reason:
        return counted(0, kMaxReason, bytes);
      case Expect::Init:
        return counted(kServerInit - 4, kMaxReason, bytes);
      default:
        return opaque(bytes);
    }
  }

  Frame client_frame(base::ByteView bytes) const {
    switch (client_) {
      case Expect::Version:
        if (bytes.size() < kVersion) return Frame::need(kVersion);
        return version_of(bytes) != 0 ? Frame::pdu(kVersion) : Frame::lost();
      case Expect::Security:
      case Expect::Init:
        return sized(1, bytes);
      case Expect::Answer:
        return sized(kSecret, bytes);
      case Expect::Credentials:
        return sized(kCredentials + key_size_, bytes);
      case Expect::Messages:
        return client_message(bytes);
      default:
        return opaque(bytes);
    }
  }

  static Frame client_message(base::ByteView bytes) {
    if (bytes.empty()) return Frame::need(1);
    switch (bytes[0]) {
      case kSetPixelFormat:
        return sized(20, bytes);
      case kSetEncodings: {
        if (bytes.size() < 4) return Frame::need(4);
        return sized(4 + std::size_t{4} * Reader(bytes.subspan(2)).u16be(), bytes);
      }
      case kUpdateRequest:
        return sized(10, bytes);
      case kKey:
        return sized(8, bytes);
      case kPointer:
        return sized(6, bytes);
      case kCutText:
        return counted(4, kMaxText, bytes);
      default:
        return Frame::lost();
    }
  }

  void take_server(const Pdu& pdu, Sink& sink) {
    Reader reader(pdu.bytes);
    switch (server_next_) {
      case Expect::Version:
        server_version(pdu.bytes, sink);
        break;
      case Expect::Security:
        security(reader, sink);
        break;
      case Expect::Keys:
        reader.skip(2);
        key_size_ = reader.u16be();
        sink.number("key_size", key_size_);
        server_next_ = Expect::Result;
        break;
      case Expect::Challenge:
        server_next_ = Expect::Result;
        break;
      case Expect::Result:
        result(reader, sink);
        break;
      case Expect::Reason: {
        const std::uint32_t length = reader.u32be();
        sink.text(
            "reason",
            printable(reader.rest().first(std::min<std::size_t>(length, reader.remaining()))));
        server_next_ = Expect::Opaque;
        client_ = Expect::Opaque;
        break;
      }
      case Expect::Init:
        server_init(reader, sink);
        break;
      default:
        break;
    }
  }

  void server_version(base::ByteView bytes, Sink& sink) {
    version_ = version_of(bytes);
    if (version_ == 0) {
      sink.issue({Issue::Kind::Malformed, "version cannot be", 0, 0});
      return;
    }
    const std::string text = printable(base::as_text(bytes).substr(0, kVersion - 1));
    sink.text("server_version", text.substr(4));
    sink.tell(Fact::Software, text, Confidence::Banner);
    const Object objects[] = {{"version", text, 0, 0}};
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {kOpen, "open"};
    message.access = Access::Session;
    message.objects = objects;
    sink.message(message);
    server_next_ = Expect::Security;
  }

  // What the server offers; the oldest version decides itself.
  void security(Reader& reader, Sink& sink) {
    if (version_ < 7) {
      const std::uint32_t type = reader.u32be();
      sink.number("security_type", type);
      chosen(type);
      if (type == 0) server_next_ = Expect::Reason;
      return;
    }
    const std::uint8_t count = reader.u8();
    sink.number("security_types", count);
    if (count == 0) {
      server_next_ = Expect::Reason;
      refuse(0, sink);
      return;
    }
    for (int i = 0; i < count && reader; ++i)
      sink.number("security_type", reader.u8());
    // What follows depends on what the client chooses.
    server_next_ = Expect::Opaque;
  }

  void chosen(std::uint32_t type) {
    security_ = type;
    switch (type) {
      case 1:
        // Before 3.8 there is no result without a password (RFC 6143 section 7.1.2).
        server_next_ = version_ >= 8 ? Expect::Result : Expect::Init;
        client_ = Expect::Init;
        break;
      case 2:
        server_next_ = Expect::Challenge;
        client_ = Expect::Answer;
        break;
      case kArd:
        server_next_ = Expect::Keys;
        client_ = Expect::Credentials;
        break;
      default:
        server_next_ = Expect::Opaque;
        client_ = Expect::Opaque;
        break;
    }
  }

  static void refuse(std::uint32_t code, Sink& sink) {
    Message message;
    message.kind = Kind::Response;
    message.operation = {kLogin, "login"};
    message.access = Access::Authentication;
    message.status = {Outcome::Failed, code, code == 2 ? "too many attempts" : "refused"};
    sink.message(message);
  }

  void result(Reader& reader, Sink& sink) {
    const std::uint32_t code = reader.u32be();
    sink.number("login_result", code);
    if (code != 0) {
      refuse(code, sink);
      server_next_ = version_ >= 8 && code == 1 ? Expect::Reason : Expect::Opaque;
      client_ = Expect::Opaque;
      return;
    }
    Message message;
    message.kind = Kind::Response;
    message.operation = {kLogin, "login"};
    message.access = Access::Authentication;
    message.status = {Outcome::Ok, 0, {}};
    sink.message(message);
    server_next_ = Expect::Init;
    if (client_ == Expect::Opaque) client_ = Expect::Init;
  }

  void server_init(Reader& reader, Sink& sink) {
    const std::uint16_t width = reader.u16be();
    const std::uint16_t height = reader.u16be();
    sink.number("width", width);
    sink.number("height", height);
    pixel_format(reader, "server_bits_per_pixel", "server_depth", sink);
    const std::uint32_t length = reader.u32be();
    const std::string name =
        printable(reader.rest().first(std::min<std::size_t>(length, reader.remaining())));
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "description of the screen ends too early", 0, 0});
      return;
    }
    sink.number("name_length", length);
    sink.text("name", name);
    sink.tell(Fact::Name, name, Confidence::Banner);
    const Object objects[] = {{"screen", name, 0, 0}};
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {kScreen, "screen"};
    message.access = Access::Session;
    message.objects = objects;
    sink.message(message);
    server_next_ = Expect::Opaque;
    client_ = Expect::Messages;
  }

  static void pixel_format(Reader& reader, std::string_view bits, std::string_view depth,
                           Sink& sink) {
    sink.number(bits, reader.u8());
    sink.number(depth, reader.u8());
    reader.skip(14);
  }

  void take_client(const Pdu& pdu, Sink& sink) {
    Reader reader(pdu.bytes);
    switch (client_) {
      case Expect::Version: {
        const int version = version_of(pdu.bytes);
        sink.text("client_version", printable(base::as_text(pdu.bytes).substr(4, kVersion - 5)));
        // The client's choice, which is no later than the server's.
        if (version != 0) version_ = version_ == 0 ? version : std::min(version_, version);
        // Version 3.3 leaves the choice to the server.
        client_ = version_ < 7 ? Expect::Opaque : Expect::Security;
        break;
      }
      case Expect::Security:
        choose(reader.u8(), sink);
        break;
      case Expect::Answer:
      case Expect::Credentials:
        login(sink);
        client_ = Expect::Init;
        break;
      case Expect::Init:
        sink.number("shared", reader.u8());
        client_ = Expect::Messages;
        break;
      case Expect::Messages:
        client(reader, pdu, sink);
        break;
      default:
        break;
    }
  }

  void choose(std::uint8_t type, Sink& sink) {
    sink.number("chosen_security_type", type);
    chosen(type);
    // Of those with a challenge, its answer is the login.
    if (type != 2 && type != kArd) login(sink);
  }

  void login(Sink& sink) const {
    Message message;
    message.kind = Kind::Request;
    message.operation = {kLogin, "login"};
    message.sub_operation = {security_, name_of(kSecurity, security_)};
    message.access = Access::Authentication;
    sink.message(message);
  }

  static void client(Reader& reader, const Pdu& pdu, Sink& sink) {
    const std::uint8_t type = reader.u8();
    sink.number("client_message", type);
    Message message;
    message.kind = Kind::OneWay;
    message.bytes = static_cast<std::uint32_t>(pdu.size);
    switch (type) {
      case kSetPixelFormat:
        reader.skip(3);
        pixel_format(reader, "client_bits_per_pixel", "client_depth", sink);
        return;
      case kSetEncodings: {
        reader.skip(1);
        const std::uint16_t count = reader.u16be();
        sink.number("encodings", count);
        for (int i = 0; i < count && i < 256 && reader; ++i)
          sink.number("encoding", reader.u32be());
        return;
      }
      case kUpdateRequest:
        sink.number("incremental", reader.u8());
        sink.number("update_x", reader.u16be());
        sink.number("update_y", reader.u16be());
        sink.number("update_width", reader.u16be());
        sink.number("update_height", reader.u16be());
        message.operation = {kClient | type, "look"};
        message.access = Access::Read;
        break;
      case kKey:
        sink.number("key_down", reader.u8());
        message.operation = {kClient | type, "type"};
        message.access = Access::Write;
        break;
      case kPointer:
        reader.skip(1);
        sink.number("pointer_x", reader.u16be());
        sink.number("pointer_y", reader.u16be());
        message.operation = {kClient | type, "point"};
        message.access = Access::Write;
        break;
      default:
        reader.skip(3);
        sink.number("text_length", reader.u32be());
        message.operation = {kClient | type, "paste"};
        message.access = Access::Write;
        break;
    }
    sink.message(message);
  }

  Side server_;
  bool opened_ = false;
  int version_ = 0;
  std::uint32_t security_ = 0;
  std::size_t key_size_ = 0;
  Expect server_next_ = Expect::Version;
  Expect client_ = Expect::Version;
};

Match probe(const Sample& sample) {
  const std::string_view text = base::as_text(sample.bytes);
  constexpr std::string_view kBegin = "RFB 0";
  if (text.size() < kVersion)
    return kBegin.starts_with(text.substr(0, kBegin.size())) ? Match::Unsure : Match::No;
  return version_of(sample.bytes) != 0 ? Match::Yes : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<VncSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {5900, 5901, 5902, 5903};

}  // namespace

constinit const Protocol kProtocol{"vnc", "VNC", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::vnc
