#include "dissect/tls/tls.h"

#include <algorithm>
#include <string>

#include "dissect/fingerprint/fingerprint.h"
#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/text.h"
#include "dissect/tls/certificate.h"
#include "dissect/tls/hello.h"

namespace dissect::tls {

namespace {

constexpr std::size_t kHeader = 5;
// What a record may hold, with what encryption adds (RFC 5246 section 6.2.3).
constexpr std::size_t kMaxRecord = (16U << 10U) + 2048;
// A handshake's message over several records; longer ones are passed by.
constexpr std::size_t kMaxHandshake = 48U << 10U;
constexpr std::size_t kMaxCertificates = 8;

enum Content : std::uint8_t {
  kChangeCipher = 20,
  kAlert = 21,
  kHandshake = 22,
  kApplicationData = 23,
  kHeartbeat = 24
};
enum Handshake : std::uint8_t { kClientHello = 1, kServerHello = 2, kCertificate = 11 };

constexpr Named kAlerts[] = {
    {0, "close notify"},
    {10, "unexpected message"},
    {20, "bad record mac"},
    {21, "decryption failed"},
    {22, "record overflow"},
    {30, "decompression failure"},
    {40, "handshake failure"},
    {41, "no certificate"},
    {42, "bad certificate"},
    {43, "unsupported certificate"},
    {44, "certificate revoked"},
    {45, "certificate expired"},
    {46, "certificate unknown"},
    {47, "illegal parameter"},
    {48, "unknown ca"},
    {49, "access denied"},
    {50, "decode error"},
    {51, "decrypt error"},
    {70, "protocol version"},
    {71, "insufficient security"},
    {80, "internal error"},
    {86, "inappropriate fallback"},
    {90, "user canceled"},
    {100, "no renegotiation"},
    {109, "missing extension"},
    {110, "unsupported extension"},
    {112, "unrecognized name"},
    {113, "bad certificate status"},
    {115, "unknown psk identity"},
    {116, "certificate required"},
    {120, "no application protocol"},
};
static_assert(sorted_by_code(kAlerts));

struct RecordHead {
  std::uint8_t type = 0;
  std::uint16_t version = 0;
  std::uint16_t size = 0;

  bool good() const {
    return type >= kChangeCipher && type <= kHeartbeat && version >= 0x0300 && version <= 0x0304 &&
           size <= kMaxRecord && (size > 0 || type == kApplicationData) &&
           (type != kChangeCipher || size == 1);
  }
};

RecordHead read_head(base::ByteView bytes) {
  Reader reader(bytes);
  RecordHead head;
  head.type = reader.u8();
  head.version = reader.u16be();
  head.size = reader.u16be();
  return head;
}

class TlsSession final : public Session {
 public:
  Frame frame(Side side, base::ByteView bytes) override {
    if (bytes.size() < kHeader) {
      const bool may = bytes.empty() || (bytes[0] >= kChangeCipher && bytes[0] <= kHeartbeat);
      return may ? Frame::need(kHeader) : Frame::lost();
    }
    const RecordHead head = read_head(bytes);
    if (!head.good()) return Frame::lost();
    const std::size_t size = kHeader + head.size;
    const bool passed = head.type == kApplicationData || head.type == kHeartbeat;
    // Of what is encrypted, only enough to see that it is.
    const bool encrypted = halves_[index(side)].encrypted && head.type != kHandshake;
    return Frame::pdu(size, passed || encrypted ? std::min(size, kHeader + 4) : SIZE_MAX);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    const RecordHead head = read_head(pdu.bytes);
    sink.number("content_type", head.type);
    sink.number("record_version", head.version);
    sink.number("record_length", head.size);
    const base::ByteView body = pdu.bytes.subspan(std::min(kHeader, pdu.bytes.size()));
    Half& half = halves_[index(pdu.side)];
    switch (head.type) {
      case kChangeCipher:
        half.encrypted = true;
        half.waiting.clear();
        break;
      case kAlert:
        if (!half.encrypted && body.size() == 2) alert(body, sink);
        break;
      case kHandshake:
        // A client that was told to try again says hello after it has changed, too.
        if (!half.encrypted || hello_again(body)) handshake(body, half, sink);
        break;
      default:
        break;
    }
  }

  void gap(Side side) override { halves_[index(side)].waiting.clear(); }

 private:
  struct Half {
    bool encrypted = false;
    base::ByteVec waiting;    // the beginning of a message whose rest is in records to come
    std::size_t to_skip = 0;  // of a message that is too long
  };
  static std::size_t index(Side side) { return side == Side::A ? 0 : 1; }

  static bool hello_again(base::ByteView body) {
    Reader reader(body);
    return reader.u8() == kClientHello && reader.u24be() + 4 == body.size();
  }

  void handshake(base::ByteView body, Half& half, Sink& sink) {
    if (half.to_skip > 0) {
      const std::size_t skipped = std::min(half.to_skip, body.size());
      half.to_skip -= skipped;
      body = body.subspan(skipped);
    }
    if (!half.waiting.empty()) {
      half.waiting.insert(half.waiting.end(), body.begin(), body.end());
      base::ByteVec whole;
      whole.swap(half.waiting);
      messages(whole, half, sink);
      return;
    }
    messages(body, half, sink);
  }

  void messages(base::ByteView bytes, Half& half, Sink& sink) {
    while (!bytes.empty()) {
      Reader reader(bytes);
      const std::uint8_t type = reader.u8();
      const std::uint32_t size = reader.u24be();
      if (reader && size > kMaxHandshake) {
        sink.issue({Issue::Kind::LeftOut, "handshake's message longer than is read", size});
        half.to_skip = size > reader.remaining() ? size - reader.remaining() : 0;
        bytes = bytes.subspan(std::min<std::size_t>(bytes.size(), size + 4U));
        continue;
      }
      if (!reader || reader.remaining() < size) {
        half.waiting.assign(bytes.begin(), bytes.end());
        return;
      }
      message(type, reader.bytes(size), sink);
      bytes = bytes.subspan(size + 4U);
    }
  }

  void message(std::uint8_t type, base::ByteView body, Sink& sink) {
    sink.number("handshake_type", type);
    sink.number("handshake_length", body.size());
    switch (type) {
      case kClientHello:
        client_hello(body, sink);
        break;
      case kServerHello:
        server_hello(body, sink);
        break;
      case kCertificate:
        certificates(body, sink);
        break;
      default:
        break;
    }
  }

  void client_hello(base::ByteView body, Sink& sink) {
    Hello hello;
    read_hello(body, true, hello, sink);
    if (!hello.good) return;
    session_.assign(hello.session_id.begin(), hello.session_id.end());
    asked_ = true;
    const std::string name = printable(hello.server_name);
    const std::string text = ja3_text(hello);
    const std::string old_print = fingerprint::md5(text);
    const std::string print = ja4(hello);
    sink.text("ja3_text", text);
    sink.text("ja3", old_print);
    sink.text("ja4", print);
    if (!name.empty()) {
      Evidence one;
      one.about = About::Receiver;
      one.fact = Fact::Hostname;
      one.confidence = Confidence::Banner;
      one.value = name;
      sink.evidence(one);
    }
    const std::string application = printable(hello.application);
    const Object objects[] = {
        {"server name", name}, {"ja4", print}, {"ja3", old_print}, {"application", application}};
    Message message;
    message.kind = Kind::Request;
    message.operation = {kClientHello, "handshake"};
    message.access = Access::Session;
    message.objects = {objects, application.empty() ? 3U : 4U};
    sink.message(message);
  }

  void server_hello(base::ByteView body, Sink& sink) {
    Hello hello;
    read_hello(body, false, hello, sink);
    if (!hello.good) return;
    const std::string text = ja3_text(hello);
    sink.text("ja3s_text", text);
    sink.text("ja3s", fingerprint::md5(text));
    // Up to TLS 1.2 the number of a session that goes on is sent back (RFC 5246 section 7.4.1.3);
    // after that a key from before is chosen. 1.3 sends the number back always.
    const bool same = !hello.session_id.empty() && std::ranges::equal(hello.session_id, session_);
    const bool resumed = hello.version >= 0x0304 ? hello.shared_key : same;
    sink.number("resumed", resumed ? 1 : 0);
    if (hello.retry) sink.number("retry", 1);
    Message message;
    message.kind = Kind::Response;
    message.last = !hello.retry;
    message.access = Access::Session;
    message.operation = {kServerHello, "handshake"};
    message.sub_operation = {hello.version, resumed ? "resumed" : version_name(hello.version)};
    message.status = {Outcome::Ok, hello.version, version_name(hello.version)};
    asked_ = false;
    sink.message(message);
  }

  static void certificates(base::ByteView body, Sink& sink) {
    Reader reader(body);
    Reader list = reader.sub(reader.u24be());
    std::size_t count = 0;
    while (list && !list.done() && count < kMaxCertificates) {
      const base::ByteView der = list.bytes(list.u24be());
      if (!list) break;
      Certificate certificate;
      if (!read_certificate(der, certificate)) {
        sink.issue({Issue::Kind::Malformed, "certificate cannot be read",
                    static_cast<std::uint32_t>(count)});
        ++count;
        continue;
      }
      const std::string host = tell_certificate(der, certificate, sink);
      if (count++ == 0) tell_holder(certificate, host, sink);
    }
    if (!list || !reader)
      sink.issue({Issue::Kind::Truncated, "certificates end within their message"});
  }

  static void tell_holder(const Certificate& certificate, std::string_view host, Sink& sink) {
    sink.tell(Fact::Hostname, host, Confidence::Banner);
    const std::string subject = name_text(certificate.subject);
    const std::string issuer = name_text(certificate.issuer);
    const Object objects[] = {
        {"subject", subject}, {"issuer", issuer}, {"valid until", certificate.not_after}};
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {kCertificate, "certificate"};
    message.access = Access::Authentication;
    message.objects = objects;
    sink.message(message);
  }

  void alert(base::ByteView body, Sink& sink) {
    sink.number("alert_level", body[0]);
    sink.number("alert", body[1]);
    if (body[0] != 1 && body[0] != 2) {
      sink.issue({Issue::Kind::Malformed, "alert of an unknown level", body[0]});
      return;
    }
    Message message;
    message.kind = asked_ ? Kind::Response : Kind::OneWay;
    message.operation = {kAlert, "alert"};
    message.access = Access::Session;
    message.status = {body[0] == 2 ? Outcome::Failed : Outcome::Ok, body[1],
                      name_of(kAlerts, body[1])};
    if (body[0] == 2) asked_ = false;
    if (body[0] == 2 || message.kind == Kind::OneWay) sink.message(message);
  }

  Half halves_[2];
  // Of the client's hello.
  base::ByteVec session_;
  bool asked_ = false;
};

Match probe(const Sample& sample) {
  const base::ByteView bytes = sample.bytes;
  if (bytes.size() < kHeader + 4) {
    const bool may = !bytes.empty() && bytes[0] >= kChangeCipher && bytes[0] <= kApplicationData &&
                     (bytes.size() < 2 || bytes[1] == 3);
    return may ? Match::Unsure : Match::No;
  }
  const RecordHead head = read_head(bytes);
  if (!head.good()) return Match::No;
  if (head.type == kHandshake) {
    const std::uint8_t type = bytes[kHeader];
    const std::size_t size = Reader(bytes.subspan(kHeader + 1)).u24be();
    if ((type == kClientHello || type == kServerHello) && size >= 38 && size <= kMaxHandshake)
      return Match::Yes;
  }
  // In the middle of a connection: one record after another.
  std::size_t at = 0;
  std::size_t records = 0;
  while (bytes.size() - at >= kHeader) {
    const RecordHead next = read_head(bytes.subspan(at));
    if (!next.good()) return Match::No;
    ++records;
    if (bytes.size() - at < kHeader + next.size) break;
    at += kHeader + next.size;
  }
  return records > 2 ? Match::Yes : Match::Likely;
}

std::unique_ptr<Session> open(const FlowInfo&) {
  return std::make_unique<TlsSession>();
}

constexpr Transport kTransports[] = {Transport::Tcp};
constexpr std::uint16_t kPorts[] = {443, 8443, 8883, 5671, 993, 995, 465, 636, 989, 990, 5061, 802};

}  // namespace

constinit const Protocol kProtocol{"tls", "TLS", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::tls
