#include "dissect/smb/smb.h"

#include <algorithm>
#include <memory>
#include <string>

#include "dissect/message.h"
#include "dissect/reader.h"
#include "dissect/smb/smb1.h"
#include "dissect/smb/smb2.h"
#include "dissect/smb/state.h"
#include "dissect/text.h"

namespace dissect::smb {

namespace {

constexpr std::size_t kFrame = 4;
// Enough for headers, names, logins and remote calls; of file contents, the rest passes by.
constexpr std::size_t kKept = std::size_t{16} << 10U;
constexpr std::size_t kMaxMessage = std::size_t{1} << 24U;

enum SessionType : std::uint8_t {
  kMessage = 0x00,
  kRequest = 0x81,
  kPositive = 0x82,
  kNegative = 0x83,
  kRetarget = 0x84,
  kKeepAlive = 0x85,
};
constexpr std::uint32_t kSessionOperation = 0x200;
constexpr std::uint32_t kEncryptedOperation = 0x210;
constexpr std::uint32_t kCompressedOperation = 0x211;

enum class Version : std::uint8_t { None, One, Two, Encrypted, Compressed };

Version version_of(base::ByteView message) {
  if (message.size() < 4 || message[1] != 'S' || message[2] != 'M' || message[3] != 'B')
    return Version::None;
  switch (message[0]) {
    case 0xff:
      return Version::One;
    case 0xfe:
      return Version::Two;
    case 0xfd:
      return Version::Encrypted;
    case 0xfc:
      return Version::Compressed;
    default:
      return Version::None;
  }
}

// A NetBIOS name as sessions write it: each half of a byte a letter, at most 15 characters and a
// kind. Source: RFC 1001 section 14.1.
std::string netbios_name(Reader& reader) {
  const std::uint8_t length = reader.u8();
  const base::ByteView letters = reader.bytes(length);
  reader.text_z();  // the scope
  if (letters.size() != 32) return {};
  std::string name;
  for (std::size_t i = 0; i + 1 < 30; i += 2) {
    const int high = letters[i] - 'A';
    const int low = letters[i + 1] - 'A';
    if (high < 0 || high > 15 || low < 0 || low > 15) return {};
    name += static_cast<char>(high << 4 | low);
  }
  return printable(name);
}

class SmbSession final : public Session {
 public:
  Frame frame(Side /*side*/, base::ByteView bytes) override {
    if (bytes.size() < kFrame) return Frame::need(kFrame);
    const std::size_t size = std::size_t{bytes[1]} << 16U | std::size_t{bytes[2]} << 8U | bytes[3];
    switch (bytes[0]) {
      case kMessage:
        if (size < 4 || size >= kMaxMessage) return Frame::lost();
        if (bytes.size() < kFrame + 4) return Frame::need(kFrame + 4);
        if (version_of(bytes.subspan(kFrame)) == Version::None) return Frame::lost();
        return Frame::pdu(kFrame + size, std::min(kFrame + size, kKept));
      case kRequest:
        return size == 68 ? Frame::pdu(kFrame + size) : Frame::lost();
      case kPositive:
      case kKeepAlive:
        return size == 0 ? Frame::pdu(kFrame) : Frame::lost();
      case kNegative:
        return size == 1 ? Frame::pdu(kFrame + size) : Frame::lost();
      case kRetarget:
        return size == 6 ? Frame::pdu(kFrame + size) : Frame::lost();
      default:
        return Frame::lost();
    }
  }

  void take(const Pdu& pdu, Sink& sink) override {
    if (pdu.bytes.size() < kFrame) {
      sink.issue({Issue::Kind::Truncated, "session message ends too early", 0, 0});
      return;
    }
    sink.number("session_type", pdu.bytes[0]);
    sink.number("session_length", pdu.size - kFrame);
    const base::ByteView body = pdu.bytes.subspan(kFrame);
    if (pdu.bytes[0] != kMessage) {
      session(pdu.bytes[0], body, sink);
      return;
    }
    switch (version_of(body)) {
      case Version::One:
        read_smb1(body, state_, sink);
        break;
      case Version::Two:
        read_smb2(body, state_, sink);
        break;
      case Version::Encrypted:
        hidden({kEncryptedOperation, "encrypted"}, body, pdu.size, sink);
        break;
      case Version::Compressed:
        hidden({kCompressedOperation, "compressed"}, body, pdu.size, sink);
        break;
      case Version::None:
        sink.issue({Issue::Kind::Malformed, "message of an unknown version", 0, kFrame});
        break;
    }
  }

 private:
  // Transform headers (MS-SMB2 2.2.41 and 2.2.42).
  static void hidden(Operation operation, base::ByteView body, std::size_t size, Sink& sink) {
    Reader reader(body);
    if (operation.code == kEncryptedOperation) {
      reader.skip(36);
      const std::uint32_t original = reader.u32le();
      reader.skip(4);
      const std::uint64_t session = reader.u64le();
      if (reader) {
        sink.number("smb2_original_size", original);
        sink.number("smb2_transform_session", session);
      }
    } else {
      reader.skip(4);
      sink.number("smb2_uncompressed_size", reader.u32le());
      sink.number("smb2_compression", reader.u16le());
    }
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "transformed message ends too early", 0, kFrame});
      return;
    }
    Message message;
    message.kind = Kind::OneWay;
    message.operation = operation;
    message.access = Access::File;
    message.bytes = static_cast<std::uint32_t>(size);
    sink.message(message);
  }

  static void session(std::uint8_t type, base::ByteView body, Sink& sink) {
    if (type == kKeepAlive) return;
    Message message;
    message.operation = {kSessionOperation, "NetBIOS session"};
    message.access = Access::Session;
    std::string called;
    std::string calling;
    std::array<Object, 2> objects;
    if (type == kRequest) {
      Reader reader(body);
      called = netbios_name(reader);
      calling = netbios_name(reader);
      sink.text("called_name", called);
      sink.text("calling_name", calling);
      if (!calling.empty()) sink.tell(Fact::Hostname, calling, Confidence::Banner);
      message.kind = Kind::Request;
      objects = {Object{"called", called, 0, 0}, Object{"calling", calling, 0, 0}};
      message.objects = objects;
    } else {
      message.kind = Kind::Response;
      const std::uint32_t code = type == kNegative && !body.empty() ? body[0] : 0;
      if (type == kNegative) sink.number("session_error", code);
      message.status = {type == kNegative ? Outcome::Failed : Outcome::Ok, code,
                        type == kRetarget ? std::string_view("retarget") : std::string_view()};
    }
    sink.message(message);
  }

  State state_;
};

Match probe(const Sample& sample) {
  const base::ByteView bytes = sample.bytes;
  if (bytes.empty()) return Match::Unsure;
  if (bytes[0] == kMessage) {
    if (bytes.size() < kFrame + 4)
      return bytes.size() < 6 || bytes[5] == 'S' ? Match::Unsure : Match::No;
    const std::size_t size = std::size_t{bytes[1]} << 16U | std::size_t{bytes[2]} << 8U | bytes[3];
    return version_of(bytes.subspan(kFrame)) != Version::None && size >= 32 ? Match::Yes
                                                                            : Match::No;
  }
  // The rest needs the port, or what follows.
  if (bytes.size() < kFrame)
    return bytes[0] >= kRequest && bytes[0] <= kKeepAlive ? Match::Unsure : Match::No;
  SmbSession session;
  if (session.frame(sample.side, bytes).kind != Frame::Kind::Pdu) return Match::No;
  return bytes[0] == kRequest && bytes.size() > 5 && bytes[4] == 32 ? Match::Yes : Match::Likely;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<SmbSession>();
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {445, 139};

}  // namespace

constinit const Protocol kProtocol{"smb", "SMB", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::smb
