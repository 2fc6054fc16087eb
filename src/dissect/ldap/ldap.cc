#include "dissect/ldap/ldap.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "dissect/ber/ber.h"
#include "dissect/ber/cut.h"
#include "dissect/ldap/operations.h"
#include "dissect/reader.h"
#include "dissect/text.h"
#include "dissect/tls/tls.h"

namespace dissect::ldap {

namespace {

constexpr std::size_t kMaxMessage = std::size_t{16} << 20U;
constexpr std::size_t kMark = 4;  // the length before what a login protects
constexpr std::uint32_t kBindInProgress = 14;
constexpr std::uint32_t kSizeLimit = 4;
constexpr std::uint32_t kCompareFalse = 5;
constexpr std::uint32_t kCompareTrue = 6;
constexpr std::uint32_t kReferral = 10;

bool is_tls(base::ByteView bytes) {
  return bytes.size() >= 2 && bytes[0] >= 0x14 && bytes[0] <= 0x17 && bytes[1] == 3;
}

// A message's number and operation.
struct Envelope {
  std::uint64_t id = 0;
  ber::Element operation;
  base::ByteView controls;
};

// `cut`: the bytes are the beginning of a message that is longer than is kept.
std::optional<Envelope> open_envelope(base::ByteView bytes, bool cut = false) {
  const auto whole = cut ? ber::first_of_cut(bytes) : ber::first(bytes);
  if (!whole || !whole->universal(ber::kSequence)) return std::nullopt;
  ber::Elements parts(whole->value);
  if (!parts.next() || !parts.here().universal(ber::kInteger)) return std::nullopt;
  Envelope envelope;
  const auto id = ber::natural(parts.here().value);
  if (!id || *id > INT32_MAX) return std::nullopt;
  envelope.id = *id;
  const auto operation = cut            ? ber::first_of_cut(parts.rest())
                         : parts.next() ? std::optional(parts.here())
                                        : std::nullopt;
  if (!operation) return std::nullopt;
  envelope.operation = *operation;
  if (envelope.operation.tag_class != ber::Class::Application ||
      operation_name(envelope.operation.tag).empty())
    return std::nullopt;
  if (!cut && parts.next() && parts.here().context(0)) envelope.controls = parts.here().value;
  return envelope;
}

// What a login protects may be signed only: Kerberos' wrap token (RFC 4121 section 4.2.6.2) or an
// NTLM signature, whose contents look like messages when they are not encrypted.
base::ByteView unwrap(base::ByteView wrapped, bool cut) {
  Reader reader(wrapped);
  if (reader.u16be() == 0x0504) {
    const std::uint8_t flags = reader.u8();
    reader.skip(1);
    const std::uint16_t extra = reader.u16be();
    const std::uint16_t rotated = reader.u16be();
    reader.skip(8);
    if (!reader || (flags & 0x02U) != 0 || extra > reader.remaining()) return {};
    const base::ByteView rest = reader.rest();
    if (rotated == 0) return rest.first(rest.size() - extra);
    return rotated == extra ? rest.subspan(extra) : base::ByteView{};
  }
  constexpr std::size_t kNtlmSignature = 16;
  if (wrapped.size() > kNtlmSignature && Reader(wrapped).u32le() == 1) {
    const base::ByteView rest = wrapped.subspan(kNtlmSignature);
    if (open_envelope(rest, cut)) return rest;
  }
  return {};
}

Outcome outcome_of(std::uint32_t result) {
  switch (result) {
    case 0:
    case kSizeLimit:
    case kCompareFalse:
    case kCompareTrue:
    case kReferral:
    case kBindInProgress:
      return Outcome::Ok;
    default:
      return Outcome::Failed;
  }
}

class LdapSession final : public Session {
 public:
  explicit LdapSession(const FlowInfo& flow)
      : stream_(flow.transport == Transport::Tcp),
        tls_(stream_ ? tls::kProtocol.open(flow) : nullptr) {}

  Frame frame(Side side, base::ByteView bytes) override {
    if (bytes.size() < 2) return Frame::need(2);
    if (is_tls(bytes)) return tls_->frame(side, bytes);
    if (bytes[0] == 0) {
      Reader reader(bytes);
      const std::uint32_t size = reader.u32be();
      if (!reader) return Frame::need(kMark);
      return size == 0 || size > kMaxMessage ? Frame::lost() : Frame::pdu(kMark + size);
    }
    if (bytes[0] != 0x30) return Frame::lost();
    const ber::Size size = ber::size_of_first(bytes);
    if (size.kind == ber::Size::Kind::Short) return Frame::need(bytes.size() + 1);
    if (size.kind == ber::Size::Kind::Malformed || size.bytes > kMaxMessage || size.bytes < 7)
      return Frame::lost();
    return Frame::pdu(size.bytes);
  }

  void take(const Pdu& pdu, Sink& sink) override {
    if (stream_ && is_tls(pdu.bytes)) {
      tls_->take(pdu, sink);
      return;
    }
    base::ByteView bytes = pdu.bytes;
    const bool cut = bytes.size() < pdu.size;
    if (stream_ && !bytes.empty() && bytes[0] == 0) {
      sink.number("sasl_length", pdu.size - std::min(kMark, pdu.size));
      const base::ByteView inner = unwrap(bytes.subspan(std::min(kMark, bytes.size())), cut);
      if (inner.empty()) {
        protect(pdu, sink);
        return;
      }
      bytes = inner;
    }
    // A protected record or a packet may carry several.
    int count = 0;
    for (ber::Elements messages(bytes); count < kMaxMessages; ++count) {
      if (!messages.next()) {
        if (cut && messages.truncated())
          read_message(messages.rest(), pdu, true, sink);
        else if (count == 0)
          refuse(pdu, sink);
        return;
      }
      read_message(messages.here().whole, pdu, false, sink);
    }
  }

  void gap(Side side) override {
    if (tls_) tls_->gap(side);
  }

 private:
  static constexpr int kMaxMessages = 256;

  static void refuse(const Pdu& pdu, Sink& sink) {
    const bool cut = pdu.bytes.size() < pdu.size;
    sink.issue({cut ? Issue::Kind::LeftOut : Issue::Kind::Malformed,
                cut ? "message longer than is read" : "message cannot be read", 0, 0});
  }

  static void protect(const Pdu& pdu, Sink& sink) {
    Message message;
    message.kind = Kind::OneWay;
    message.operation = {100, "encrypted"};
    message.bytes = static_cast<std::uint32_t>(pdu.size);
    sink.message(message);
  }

  static void controls(base::ByteView list, Sink& sink) {
    int count = 0;
    for (ber::Elements items(list); items.next() && count < 64; ++count) {
      ber::Elements parts(items.here().value);
      if (!parts.next()) continue;
      sink.text("control", printable(parts.here().value));
      if (parts.next() && parts.here().universal(ber::kBoolean))
        sink.number("control_critical", ber::boolean(parts.here().value).value_or(false) ? 1 : 0);
    }
  }

  // `cut`: it is the one that what is kept ends in, which is told.
  static void read_message(base::ByteView bytes, const Pdu& pdu, bool cut, Sink& sink) {
    const auto envelope = open_envelope(bytes, cut);
    if (cut || !envelope) refuse(pdu, sink);
    if (!envelope) return;
    sink.number("message_id", envelope->id);
    Read read;
    read.cut = cut;
    read_operation(envelope->operation, read, sink);
    if (sink.wants_details()) controls(envelope->controls, sink);
    tell(*envelope, read, sink);
  }

  static void tell(const Envelope& envelope, const Read& read, Sink& sink) {
    const std::uint32_t tag = envelope.operation.tag;
    std::array<Object, 3> objects;
    std::size_t count = 0;
    if (!read.user.empty()) objects[count++] = {"user", read.user};
    if (!read.entry.empty() || tag == kSearchRequest)
      objects[count++] = {tag == kExtendedRequest ? "extension" : "entry", read.entry};
    if (!read.filter.empty()) objects[count++] = {"filter", read.filter};
    Message message;
    message.key = std::uint64_t{1} << 32U | envelope.id;
    message.operation = {tag, operation_name(tag)};
    message.access = operation_access(tag);
    message.bytes = read.bytes;
    message.objects = {objects.data(), count};
    if (!read.mechanism.empty()) message.sub_operation = {0, read.mechanism};
    if (!read.extended_name.empty()) {
      message.sub_operation = {0, read.extended_name};
      message.access = read.extended_access;
    }
    switch (tag) {
      case kUnbind:
      case kAbandon:
        message.kind = Kind::OneWay;
        break;
      case kBindRequest:
      case kSearchRequest:
      case kModifyRequest:
      case kAddRequest:
      case kDeleteRequest:
      case kRenameRequest:
      case kCompareRequest:
      case kExtendedRequest:
        message.kind = Kind::Request;
        break;
      case kSearchEntry:
      case kSearchReference:
      case kIntermediate:
        message.kind = Kind::Response;
        message.last = false;
        message.objects = {};
        break;
      default:
        // Number 0 is what a server says without having been asked (RFC 4511 section 4.4).
        message.kind = envelope.id == 0 ? Kind::OneWay : Kind::Response;
        if (read.has_result)
          message.status = {outcome_of(read.result), read.result, result_name(read.result)};
        break;
    }
    sink.message(message);
  }

  bool stream_;
  std::unique_ptr<Session> tls_;
};

Match probe(const Sample& sample) {
  const base::ByteView bytes = sample.bytes;
  if (bytes.empty()) return Match::Unsure;
  if (bytes[0] != 0x30) return Match::No;
  const ber::Size size = ber::size_of_first(bytes);
  if (size.kind == ber::Size::Kind::Short) return Match::Unsure;
  if (size.kind == ber::Size::Kind::Malformed || size.bytes > kMaxMessage) return Match::No;
  if (sample.flow.transport == Transport::Udp)
    return size.bytes <= bytes.size() && open_envelope(bytes) ? Match::Yes : Match::No;
  if (bytes.size() >= size.bytes) return open_envelope(bytes) ? Match::Yes : Match::No;
  // The beginning of a longer one: a number, then an operation's tag.
  Reader reader(bytes);
  reader.skip(1);
  const std::uint8_t length = reader.u8();
  if ((length & 0x80U) != 0) reader.skip(length & 0x7fU);
  if (reader.u8() != 0x02) return reader.ok() ? Match::No : Match::Unsure;
  const std::uint8_t digits = reader.u8();
  if (reader.ok() && (digits == 0 || digits > 4)) return Match::No;
  reader.skip(digits);
  const std::uint8_t tag = reader.u8();
  if (!reader) return Match::Unsure;
  return (tag & 0xc0U) == 0x40U && !operation_name(tag & 0x1fU).empty() ? Match::Likely : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<LdapSession>(flow);
}

constexpr Transport kTransports[] = {Transport::Tcp, Transport::Udp};
constexpr std::uint16_t kPorts[] = {389, 3268};

}  // namespace

constinit const Protocol kProtocol{"ldap", "LDAP", false, kTransports, kPorts, {}, probe, open};

}  // namespace dissect::ldap
