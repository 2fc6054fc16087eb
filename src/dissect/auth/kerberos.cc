#include "dissect/auth/kerberos.h"

#include <algorithm>

#include "dissect/ber/ber.h"
#include "dissect/names.h"
#include "dissect/text.h"

namespace dissect::auth {

namespace {

constexpr int kMaxItems = 64;  // of any list
constexpr int kMaxNames = 8;   // parts of a principal
constexpr int kMaxNesting = 3;

constexpr Named kEncryptions[] = {
    {1, "des-cbc-crc"},
    {2, "des-cbc-md4"},
    {3, "des-cbc-md5"},
    {16, "des3-cbc-sha1-kd"},
    {17, "aes128-cts-hmac-sha1-96"},
    {18, "aes256-cts-hmac-sha1-96"},
    {19, "aes128-cts-hmac-sha256-128"},
    {20, "aes256-cts-hmac-sha384-192"},
    {23, "rc4-hmac"},
    {24, "rc4-hmac-exp"},
    {25, "camellia128-cts-cmac"},
    {26, "camellia256-cts-cmac"},
};
static_assert(sorted_by_code(kEncryptions));

// RFC 4120 section 7.5.9, RFC 4556, RFC 6113.
constexpr Named kErrors[] = {
    {0, "no error"},
    {1, "client's entry has expired"},
    {2, "server's entry has expired"},
    {3, "protocol version not supported"},
    {4, "client's key is of an old master key"},
    {5, "server's key is of an old master key"},
    {6, "client unknown"},
    {7, "server unknown"},
    {8, "principal not unique"},
    {9, "null key"},
    {10, "ticket cannot be postdated"},
    {11, "start time is later than end time"},
    {12, "policy rejects the request"},
    {13, "option cannot be granted"},
    {14, "encryption type not supported"},
    {15, "checksum type not supported"},
    {16, "preauthentication type not supported"},
    {17, "transited type not supported"},
    {18, "client's credentials are revoked"},
    {19, "server's credentials are revoked"},
    {20, "ticket-granting ticket is revoked"},
    {21, "client not yet valid"},
    {22, "server not yet valid"},
    {23, "password has expired"},
    {24, "preauthentication failed"},
    {25, "preauthentication required"},
    {26, "server and ticket do not match"},
    {27, "server takes user-to-user only"},
    {28, "path not accepted"},
    {29, "service not available"},
    {31, "integrity check failed"},
    {32, "ticket has expired"},
    {33, "ticket not yet valid"},
    {34, "request is a replay"},
    {35, "ticket is for somebody else"},
    {36, "ticket and authenticator do not match"},
    {37, "clock skew too great"},
    {38, "wrong network address"},
    {39, "wrong protocol version"},
    {40, "wrong message type"},
    {41, "message was modified"},
    {42, "message out of order"},
    {44, "key version not available"},
    {45, "service's key not available"},
    {46, "mutual authentication failed"},
    {47, "wrong direction of a message"},
    {48, "other way of authentication required"},
    {49, "wrong sequence number"},
    {50, "unsuitable checksum"},
    {51, "path not accepted"},
    {52, "response too big for UDP"},
    {60, "generic error"},
    {61, "field too long"},
    {62, "client not trusted"},
    {63, "issuer not trusted"},
    {64, "wrong signature"},
    {65, "key too weak"},
    {66, "certificates do not match"},
    {67, "no ticket-granting ticket"},
    {68, "wrong realm"},
    {69, "user-to-user required"},
    {70, "certificate cannot be verified"},
    {71, "wrong certificate"},
    {72, "certificate is revoked"},
    {73, "certificate's status unknown"},
    {74, "certificate's status not available"},
    {75, "client's name and certificate do not match"},
    {76, "issuer's name does not match"},
    {90, "critical option unknown"},
    {91, "more preauthentication data required"},
};
static_assert(sorted_by_code(kErrors));

enum Pa : std::uint32_t { kPaTgs = 1, kPaTimestamp = 2, kPaEtypeInfo = 11, kPaEtypeInfo2 = 19 };

class Reading {
 public:
  Reading(KerberosMessage& message, Sink& sink) : message_(message), sink_(sink) {}

  bool read(base::ByteView bytes, int depth);

 private:
  // The number in a context-tagged element.
  std::optional<std::uint32_t> number(const ber::Element& tagged) const {
    const auto inner = ber::first(tagged.value);
    if (!inner || !inner->universal(ber::kInteger)) return std::nullopt;
    const auto value = ber::integer(inner->value);
    if (!value) return std::nullopt;
    return static_cast<std::uint32_t>(*value);
  }
  void tell_number(std::string_view name, const ber::Element& tagged) const {
    if (const auto value = number(tagged)) tell(name, *value);
  }
  // Numbers may be below zero: of encryption types, names, and padata.
  void tell(std::string_view name, std::uint32_t value) const {
    const auto with_sign = static_cast<std::int32_t>(value);
    if (with_sign < 0)
      sink_.real(name, with_sign);
    else
      sink_.number(name, value);
  }
  std::string tell_text(std::string_view name, const ber::Element& tagged) const {
    const auto inner = ber::first(tagged.value);
    if (!inner) return {};
    std::string text = printable(inner->value);
    sink_.text(name, text);
    return text;
  }
  void tell_bits(std::string_view name, const ber::Element& tagged) const {
    const auto inner = ber::first(tagged.value);
    if (inner && inner->value.size() > 1) sink_.bytes(name, inner->value.subspan(1));
  }

  std::string principal(std::string_view name, const ber::Element& tagged) const;
  std::uint32_t encrypted(base::ByteView sequence);
  void ticket(base::ByteView bytes, bool own);
  void padata(base::ByteView bytes, int depth);
  void one_padata(const ber::Element& item, int depth);
  void etypes_offered(const ber::Element& tagged);
  void etype_infos(base::ByteView value);
  void request(base::ByteView sequence, int depth);
  void body(base::ByteView sequence);
  void reply(base::ByteView sequence, int depth);
  void application_request(base::ByteView sequence, bool own);
  void error(base::ByteView sequence);
  void other(base::ByteView sequence);

  KerberosMessage& message_;
  Sink& sink_;
};

std::string Reading::principal(std::string_view name, const ber::Element& tagged) const {
  std::string text;
  const auto sequence = ber::first(tagged.value);
  if (!sequence) return text;
  for (ber::Elements parts(sequence->value); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.context(0)) tell_number("kerberos_name_type", part);
    if (!part.context(1)) continue;
    const auto list = ber::first(part.value);
    if (!list) continue;
    int count = 0;
    for (ber::Elements names(list->value); names.next() && count < kMaxNames; ++count) {
      const std::string one = printable(names.here().value);
      sink_.text(name, one);
      if (!text.empty()) text += '/';
      text += one;
    }
  }
  return text;
}

// EncryptedData: which encryption; what is encrypted is nobody's business.
std::uint32_t Reading::encrypted(base::ByteView sequence) {
  std::uint32_t type = 0;
  for (ber::Elements parts(sequence); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.context(0)) {
      type = number(part).value_or(0);
      tell("kerberos_etype", type);
    } else if (part.context(1)) {
      tell_number("kerberos_kvno", part);
    } else if (part.context(2)) {
      const auto cipher = ber::first(part.value);
      if (cipher) message_.encrypted_bytes += cipher->value.size();
    }
  }
  return type;
}

// `own`: the ticket that the message is about, rather than the one it is asked with.
void Reading::ticket(base::ByteView bytes, bool own) {
  const auto application = ber::first(bytes);
  if (!application || !application->application(1)) return;
  const auto sequence = ber::first(application->value);
  if (!sequence) return;
  std::string realm;
  std::string service;
  std::uint32_t encryption = 0;
  for (ber::Elements parts(sequence->value); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.context(0)) tell_number("kerberos_tkt_vno", part);
    if (part.context(1)) realm = tell_text("kerberos_realm", part);
    if (part.context(2)) service = principal("kerberos_service", part);
    if (!part.context(3)) continue;
    if (const auto inner = ber::first(part.value)) encryption = encrypted(inner->value);
  }
  if (!own) return;
  message_.ticket_encryption = encryption;
  message_.service = realm.empty() ? service : service + '@' + realm;
}

void Reading::etype_infos(base::ByteView value) {
  const auto list = ber::first(value);
  if (!list) return;
  int count = 0;
  for (ber::Elements infos(list->value); infos.next() && count < kMaxItems; ++count) {
    if (const auto type = ber::find_context(infos.here().value, 0))
      tell_number("kerberos_etype", *type);
  }
}

void Reading::one_padata(const ber::Element& item, int depth) {
  const auto type = ber::find_context(item.value, 1);
  const auto value = ber::find_context(item.value, 2);
  if (!type || !value) return;
  const std::uint32_t id = number(*type).value_or(0);
  tell("kerberos_padata_type", id);
  const auto content = ber::first(value->value);
  if (!content) return;
  if (id == kPaTgs) {
    read(content->value, depth + 1);
  } else if (id == kPaTimestamp) {
    if (const auto inner = ber::first(content->value)) encrypted(inner->value);
  } else if (id == kPaEtypeInfo || id == kPaEtypeInfo2) {
    etype_infos(content->value);
  }
}

// A list of what proves who asks, or of what would.
void Reading::padata(base::ByteView bytes, int depth) {
  const auto list = ber::first(bytes);
  if (!list || !list->universal(ber::kSequence)) return;
  int count = 0;
  for (ber::Elements items(list->value); items.next() && count < kMaxItems; ++count)
    one_padata(items.here(), depth);
}

void Reading::etypes_offered(const ber::Element& tagged) {
  const auto list = ber::first(tagged.value);
  if (!list) return;
  int count = 0;
  for (ber::Elements types(list->value); types.next() && count < kMaxItems; ++count) {
    const auto value = ber::integer(types.here().value);
    if (!value) continue;
    const auto type = static_cast<std::uint32_t>(*value);
    tell("kerberos_offered_etype", type);
    if (weak_encryption(type)) message_.weakest_offer = type;
  }
}

void Reading::body(base::ByteView sequence) {
  std::string client;
  std::string service;
  for (ber::Elements parts(sequence); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.tag_class != ber::Class::Context) continue;
    switch (part.tag) {
      case 0:
        tell_bits("kerberos_kdc_options", part);
        break;
      case 1:
        client = principal("kerberos_client", part);
        break;
      case 2:
        message_.realm = tell_text("kerberos_realm", part);
        break;
      case 3:
        service = principal("kerberos_service", part);
        break;
      case 7:
        tell_number("kerberos_nonce", part);
        break;
      case 8:
        etypes_offered(part);
        break;
      default:
        break;
    }
  }
  if (!client.empty()) message_.client = client + '@' + message_.realm;
  if (!service.empty()) message_.service = service + '@' + message_.realm;
}

void Reading::request(base::ByteView sequence, int depth) {
  for (ber::Elements parts(sequence); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.context(1)) tell_number("kerberos_pvno", part);
    if (part.context(2)) tell_number("kerberos_msg_type", part);
    if (part.context(3)) padata(part.value, depth);
    if (!part.context(4)) continue;
    if (const auto inner = ber::first(part.value)) body(inner->value);
  }
}

void Reading::reply(base::ByteView sequence, int depth) {
  std::string client;
  for (ber::Elements parts(sequence); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.context(0)) tell_number("kerberos_pvno", part);
    if (part.context(1)) tell_number("kerberos_msg_type", part);
    if (part.context(2)) padata(part.value, depth);
    if (part.context(3)) message_.realm = tell_text("kerberos_client_realm", part);
    if (part.context(4)) client = principal("kerberos_client", part);
    if (part.context(5)) ticket(part.value, true);
    if (!part.context(6)) continue;
    if (const auto inner = ber::first(part.value)) encrypted(inner->value);
  }
  message_.client = client + '@' + message_.realm;
}

void Reading::application_request(base::ByteView sequence, bool own) {
  for (ber::Elements parts(sequence); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.context(0)) tell_number("kerberos_pvno", part);
    if (part.context(1)) tell_number("kerberos_msg_type", part);
    if (part.context(2)) tell_bits("kerberos_ap_options", part);
    if (part.context(3)) ticket(part.value, own);
    if (!part.context(4)) continue;
    if (const auto inner = ber::first(part.value)) encrypted(inner->value);
  }
}

void Reading::error(base::ByteView sequence) {
  std::string client;
  std::string service;
  std::string realm;
  for (ber::Elements parts(sequence); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.tag_class != ber::Class::Context) continue;
    switch (part.tag) {
      case 0:
        tell_number("kerberos_pvno", part);
        break;
      case 1:
        tell_number("kerberos_msg_type", part);
        break;
      case 3:
        tell_number("kerberos_cusec", part);
        break;
      case 5:
        tell_number("kerberos_susec", part);
        break;
      case 6:
        message_.error = number(part).value_or(0);
        sink_.number("kerberos_error_code", message_.error);
        break;
      case 7:
        message_.realm = tell_text("kerberos_client_realm", part);
        break;
      case 8:
        client = principal("kerberos_client", part);
        break;
      case 9:
        realm = tell_text("kerberos_realm", part);
        break;
      case 10:
        service = principal("kerberos_service", part);
        break;
      case 11:
        tell_text("kerberos_error_text", part);
        break;
      case 12:
        // What the server would take as a proof.
        if (message_.error == 25 || message_.error == 24) {
          if (const auto data = ber::first(part.value)) padata(data->value, 0);
        }
        break;
      default:
        break;
    }
  }
  if (!client.empty()) message_.client = client + '@' + message_.realm;
  if (!service.empty()) message_.service = service + '@' + realm;
}

// Those whose contents are encrypted or belong to the application.
void Reading::other(base::ByteView sequence) {
  for (ber::Elements parts(sequence); parts.next();) {
    const ber::Element& part = parts.here();
    if (part.context(0)) tell_number("kerberos_pvno", part);
    if (part.context(1)) tell_number("kerberos_msg_type", part);
    if (message_.type == kCred && part.context(2)) {
      if (const auto list = ber::first(part.value)) {
        int count = 0;
        for (ber::Elements tickets(list->value); tickets.next() && count < kMaxItems; ++count)
          ticket(tickets.here().whole, count == 0);
      }
    }
    const bool sealed = (message_.type == kApRep && part.context(2)) ||
                        ((message_.type == kPriv || message_.type == kCred) && part.context(3));
    if (!sealed) continue;
    if (const auto inner = ber::first(part.value)) encrypted(inner->value);
  }
}

bool Reading::read(base::ByteView bytes, int depth) {
  if (depth > kMaxNesting) return false;
  const auto whole = ber::first(bytes);
  if (!whole || whole->tag_class != ber::Class::Application) return false;
  const auto sequence = ber::first(whole->value);
  if (!sequence || !sequence->universal(ber::kSequence)) return false;
  if (depth == 0) message_.type = whole->tag;
  switch (whole->tag) {
    case kAsReq:
    case kTgsReq:
      request(sequence->value, depth);
      return true;
    case kAsRep:
    case kTgsRep:
      reply(sequence->value, depth);
      return true;
    case kApReq:
      application_request(sequence->value, depth == 0);
      return true;
    case kError:
      error(sequence->value);
      return true;
    case kApRep:
    case kSafe:
    case kPriv:
    case kCred:
      other(sequence->value);
      return true;
    default:
      return false;
  }
}

}  // namespace

bool read_kerberos(base::ByteView bytes, KerberosMessage& message, Sink& sink) {
  return Reading(message, sink).read(bytes, 0);
}

std::string_view encryption_name(std::uint32_t type) {
  return name_of(kEncryptions, type);
}

bool weak_encryption(std::uint32_t type) {
  return (type >= 1 && type <= 3) || type == 23 || type == 24;
}

std::string_view kerberos_error(std::uint32_t code) {
  return name_of(kErrors, code);
}

}  // namespace dissect::auth
