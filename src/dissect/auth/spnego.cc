#include <algorithm>
#include <array>

#include "dissect/auth/auth.h"
#include "dissect/auth/kerberos.h"
#include "dissect/ber/ber.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::auth {

namespace {

// Object identifiers of mechanisms, encoded.
constexpr std::array<std::uint8_t, 6> kSpnego = {0x2b, 0x06, 0x01, 0x05, 0x05, 0x02};
constexpr std::array<std::uint8_t, 10> kNtlm = {0x2b, 0x06, 0x01, 0x04, 0x01,
                                                0x82, 0x37, 0x02, 0x02, 0x0a};
constexpr std::array<std::uint8_t, 9> kKerberos = {0x2a, 0x86, 0x48, 0x86, 0xf7,
                                                   0x12, 0x01, 0x02, 0x02};
// Windows 2000 wrote one byte wrongly.
constexpr std::array<std::uint8_t, 9> kMsKerberos = {0x2a, 0x86, 0x48, 0x82, 0xf7,
                                                     0x12, 0x01, 0x02, 0x02};
constexpr int kMaxMechanisms = 16;
constexpr int kMaxNesting = 4;

Mechanism mechanism_of(base::ByteView oid) {
  if (ber::oid_is(oid, kNtlm)) return Mechanism::Ntlm;
  if (ber::oid_is(oid, kKerberos) || ber::oid_is(oid, kMsKerberos)) return Mechanism::Kerberos;
  return Mechanism::Other;
}

void read_any(base::ByteView bytes, int depth, Token& token, Sink& sink);

// A Kerberos token of GSS-API: a number of two bytes, then a message.
void kerberos_token(base::ByteView bytes, Token& token, Sink& sink) {
  token.mechanism = Mechanism::Kerberos;
  Reader reader(bytes);
  const std::uint16_t id = reader.u16be();
  if (!reader) return;
  sink.number("kerberos_token", id);
  if (id != 0x0100 && id != 0x0200 && id != 0x0300) return;
  KerberosMessage message;
  if (!read_kerberos(reader.rest(), message, sink)) return;
  if (id == 0x0100) {
    token.step = Step::Proof;
    token.service = message.service;
  } else {
    token.step = id == 0x0200 ? Step::Accepted : Step::Refused;
  }
}

// NegTokenInit: what there is to choose from, and often the first token of the preferred one.
void offer(base::ByteView value, int depth, Token& token, Sink& sink) {
  token.step = Step::Offer;
  const auto sequence = ber::first(value);
  if (!sequence) return;
  for (ber::Elements parts(sequence->value); parts.next();) {
    const ber::Element& part = parts.here();
    const auto inner = ber::first(part.value);
    if (!inner) continue;
    if (part.context(0)) {
      int count = 0;
      for (ber::Elements types(inner->value); types.next() && count < kMaxMechanisms; ++count) {
        const Mechanism one = mechanism_of(types.here().value);
        if (sink.wants_details()) sink.text("spnego_mechanism", ber::oid(types.here().value));
        if (count == 0) token.mechanism = one;
      }
    } else if (part.context(2)) {
      read_any(inner->value, depth + 1, token, sink);
    }
  }
}

// NegTokenResp: how it went on.
void reply(base::ByteView value, int depth, Token& token, Sink& sink) {
  const auto sequence = ber::first(value);
  if (!sequence) return;
  std::optional<std::uint64_t> result;
  for (ber::Elements parts(sequence->value); parts.next();) {
    const ber::Element& part = parts.here();
    const auto inner = ber::first(part.value);
    if (!inner) continue;
    if (part.context(0)) {
      result = ber::natural(inner->value);
      if (result) sink.number("spnego_result", *result);
    } else if (part.context(1)) {
      token.mechanism = mechanism_of(inner->value);
      if (sink.wants_details()) sink.text("spnego_chosen", ber::oid(inner->value));
    } else if (part.context(2)) {
      read_any(inner->value, depth + 1, token, sink);
    }
  }
  if (result == 0) token.step = Step::Accepted;
  if (result == 2) token.step = Step::Refused;
}

// InitialContextToken of GSS-API: which mechanism, and its token.
void initial(const ber::Element& element, int depth, Token& token, Sink& sink) {
  ber::Elements parts(element.value);
  if (!parts.next() || !parts.here().universal(ber::kOid)) {
    sink.issue({Issue::Kind::Malformed, "GSS-API token without a mechanism", 0, 0});
    return;
  }
  const base::ByteView oid = parts.here().value;
  if (sink.wants_details()) sink.text("gss_mechanism", ber::oid(oid));
  const base::ByteView rest = parts.rest();
  if (ber::oid_is(oid, kSpnego)) {
    read_any(rest, depth + 1, token, sink);
    return;
  }
  token.mechanism = mechanism_of(oid);
  if (token.mechanism == Mechanism::Kerberos) kerberos_token(rest, token, sink);
}

void read_any(base::ByteView bytes, int depth, Token& token, Sink& sink) {
  if (depth > kMaxNesting || bytes.empty()) return;
  if (is_ntlm(bytes)) {
    read_ntlm(bytes, token, sink);
    return;
  }
  const auto element = ber::first(bytes);
  if (!element) return;
  if (element->application(0)) {
    initial(*element, depth, token, sink);
  } else if (element->context(0)) {
    offer(element->value, depth, token, sink);
  } else if (element->context(1)) {
    reply(element->value, depth, token, sink);
  } else if (element->application(14) || element->application(15)) {
    // Kerberos without the header of GSS-API, as DCE does.
    token.mechanism = Mechanism::Kerberos;
    token.step = element->application(14) ? Step::Proof : Step::Accepted;
    KerberosMessage message;
    if (read_kerberos(bytes, message, sink)) token.service = message.service;
  }
}

}  // namespace

std::string_view mechanism_name(Mechanism mechanism) {
  switch (mechanism) {
    case Mechanism::None:
      return {};
    case Mechanism::Ntlm:
      return "NTLM";
    case Mechanism::Kerberos:
      return "Kerberos";
    case Mechanism::Other:
      return "other";
  }
  return {};
}

Token read_token(base::ByteView bytes, Sink& sink) {
  Token token;
  read_any(bytes, 0, token, sink);
  return token;
}

}  // namespace dissect::auth
