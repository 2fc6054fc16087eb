#include "dissect/kerberos/kerberos.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "dissect/auth/kerberos.h"
#include "dissect/ber/ber.h"
#include "dissect/names.h"
#include "dissect/reader.h"

namespace dissect::kerberos {

namespace {

using auth::KerberosMessage;

constexpr std::uint32_t kPreauthenticationRequired = 25;
constexpr std::uint32_t kResponseTooBig = 52;
constexpr std::size_t kMaxMessage = std::size_t{1} << 20U;
constexpr std::size_t kRecordMark = 4;

constexpr Named kOperations[] = {
    {auth::kAsReq, "authentication"}, {auth::kAsRep, "authentication"},
    {auth::kTgsReq, "ticket"},        {auth::kTgsRep, "ticket"},
    {auth::kApReq, "application"},    {auth::kApRep, "application"},
    {auth::kSafe, "safe message"},    {auth::kPriv, "private message"},
    {auth::kCred, "credentials"},     {auth::kError, "error"},
};
static_assert(sorted_by_code(kOperations));

// The tag of a message, and that its parts begin as they should: a version number of 5, then the
// type again.
bool plausible(base::ByteView bytes) {
  const auto whole = ber::first(bytes);
  if (!whole || whole->tag_class != ber::Class::Application || !whole->constructed ||
      name_of(kOperations, whole->tag).empty())
    return false;
  const auto sequence = ber::first(whole->value);
  if (!sequence || !sequence->universal(ber::kSequence)) return false;
  const bool request = whole->tag == auth::kAsReq || whole->tag == auth::kTgsReq;
  const auto version = ber::find_context(sequence->value, request ? 1 : 0);
  const auto type = ber::find_context(sequence->value, request ? 2 : 1);
  if (!version || !type) return false;
  const auto five = ber::first(version->value);
  const auto again = ber::first(type->value);
  return five && again && ber::natural(five->value) == 5 &&
         ber::natural(again->value) == whole->tag;
}

// How long a message of a stream is; the tag of one follows its record mark.
Frame frame_of(base::ByteView bytes) {
  Reader reader(bytes);
  const std::uint32_t size = reader.u32be();
  if (!reader) return Frame::need(kRecordMark + 2);
  if (size < 10 || size > kMaxMessage) return Frame::lost();
  const std::uint8_t tag = reader.u8();
  if (!reader) return Frame::need(kRecordMark + 2);
  // Application, constructed.
  if ((tag & 0xe0U) != 0x60U || name_of(kOperations, tag & 0x1fU).empty()) return Frame::lost();
  return Frame::pdu(kRecordMark + size);
}

class KerberosSession final : public Session {
 public:
  explicit KerberosSession(bool stream) : mark_(stream ? kRecordMark : 0) {}

  Frame frame(Side /*side*/, base::ByteView bytes) override { return frame_of(bytes); }

  void take(const Pdu& pdu, Sink& sink) override {
    if (mark_ != 0 && pdu.bytes.size() >= mark_)
      sink.number("record_length", Reader(pdu.bytes).u32be());
    KerberosMessage message;
    if (pdu.bytes.size() < mark_ || !auth::read_kerberos(pdu.bytes.subspan(mark_), message, sink)) {
      sink.issue({pdu.bytes.size() < pdu.size ? Issue::Kind::LeftOut : Issue::Kind::Malformed,
                  "message cannot be read", 0, 0});
      return;
    }
    tell(message, pdu, sink);
  }

 private:
  static void tell(const KerberosMessage& read, const Pdu& pdu, Sink& sink) {
    std::array<Object, 2> objects;
    std::size_t count = 0;
    if (!read.client.empty()) objects[count++] = {"client", read.client};
    if (!read.service.empty()) objects[count++] = {"service", read.service};
    Message message;
    message.operation = {read.type, name_of(kOperations, read.type)};
    message.access = Access::Authentication;
    message.objects = {objects.data(), count};
    message.bytes = static_cast<std::uint32_t>(pdu.size);
    switch (read.type) {
      case auth::kAsReq:
      case auth::kTgsReq:
        message.kind = Kind::Request;
        who_asks(read, sink);
        break;
      case auth::kApReq:
        message.kind = Kind::Request;
        break;
      case auth::kAsRep:
      case auth::kTgsRep:
        message.kind = Kind::Response;
        message.status = {Outcome::Ok, 0, {}};
        sink.tell(Fact::Domain, read.realm, Confidence::Neighbor);
        if (read.ticket_encryption)
          message.sub_operation = {*read.ticket_encryption,
                                   auth::encryption_name(*read.ticket_encryption)};
        break;
      case auth::kApRep:
        message.kind = Kind::Response;
        message.status = {Outcome::Ok, 0, {}};
        break;
      case auth::kError:
        message.kind = Kind::Response;
        // Every login begins with that it lacks proof, and a long answer wants TCP: no failures.
        message.status = {read.error == kPreauthenticationRequired || read.error == kResponseTooBig
                              ? Outcome::Ok
                              : Outcome::Failed,
                          read.error, auth::kerberos_error(read.error)};
        break;
      default:
        message.kind = Kind::OneWay;
        break;
    }
    sink.message(message);
  }

  // Computers' own accounts end with a dollar sign.
  static void who_asks(const KerberosMessage& read, Sink& sink) {
    const std::string_view client = read.client;
    const std::string_view name = client.substr(0, client.find('@'));
    if (name.ends_with('$'))
      sink.tell(Fact::Hostname, name.substr(0, name.size() - 1), Confidence::Banner);
    else
      sink.tell(Fact::User, client, Confidence::Banner);
    if (!client.empty()) sink.tell(Fact::Domain, read.realm, Confidence::Banner);
  }

  std::size_t mark_;
};

Match probe(const Sample& sample) {
  base::ByteView bytes = sample.bytes;
  if (sample.flow.transport == Transport::Udp) return plausible(bytes) ? Match::Yes : Match::No;
  const Frame frame = frame_of(bytes);
  if (frame.kind == Frame::Kind::Lost) return Match::No;
  if (frame.kind == Frame::Kind::Incomplete || bytes.size() < frame.size) {
    // The message's own length has to agree.
    if (bytes.size() < kRecordMark + 8) return Match::Unsure;
    const ber::Size size = ber::size_of_first(bytes.subspan(kRecordMark));
    return size.kind == ber::Size::Kind::Known && size.bytes + kRecordMark == frame.size
               ? Match::Likely
               : Match::No;
  }
  return plausible(bytes.first(frame.size).subspan(kRecordMark)) ? Match::Yes : Match::No;
}

std::unique_ptr<Session> open(const FlowInfo& flow) {
  return std::make_unique<KerberosSession>(flow.transport == Transport::Tcp);
}

constexpr Transport kTransports[] = {Transport::Udp, Transport::Tcp};
constexpr std::uint16_t kPorts[] = {88};

}  // namespace

constinit const Protocol kProtocol{"kerberos", "Kerberos", false, kTransports,
                                   kPorts,     {},         probe, open};

}  // namespace dissect::kerberos
