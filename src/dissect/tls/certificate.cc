#include "dissect/tls/certificate.h"

#include <algorithm>
#include <string_view>

#include "base/hash.h"
#include "dissect/address.h"
#include "dissect/ber/ber.h"
#include "dissect/text.h"

namespace dissect::tls {

namespace {

constexpr std::size_t kMaxAttributes = 32;
constexpr std::size_t kMaxAlternatives = 64;
constexpr std::uint8_t kAlternativeName[] = {0x55, 0x1d, 0x11};  // 2.5.29.17

struct Attribute {
  std::uint8_t last;  // of 2.5.4
  std::string_view name;
};
constexpr Attribute kAttributes[] = {{3, "CN"}, {5, "serialNumber"}, {6, "C"},  {7, "L"},
                                     {8, "ST"}, {10, "O"},           {11, "OU"}};

std::string_view attribute_name(base::ByteView oid) {
  if (oid.size() != 3 || oid[0] != 0x55 || oid[1] != 0x04) return {};
  const auto* found = std::ranges::find(kAttributes, oid[2], &Attribute::last);
  return found == std::end(kAttributes) ? std::string_view{} : found->name;
}

std::string value_text(const ber::Element& value) {
  if (value.universal(ber::kBmpString)) return printable_utf16be(value.value);
  return printable(value.value);
}

// Calls `take(oid, value)` for each attribute of a name.
template <class Take>
void each_attribute(base::ByteView name, const Take& take) {
  std::size_t left = kMaxAttributes;
  for (ber::Elements sets(name); sets.next() && left > 0;) {
    for (ber::Elements parts(sets.here().value); parts.next() && left > 0; --left) {
      ber::Elements pair(parts.here().value);
      if (!pair.next() || !pair.here().universal(ber::kOid)) continue;
      const base::ByteView oid = pair.here().value;
      if (pair.next()) take(oid, pair.here());
    }
  }
}

// UTCTime or GeneralizedTime in the one form that certificates may have (RFC 5280 section 4.1.2.5).
std::string time_text(const ber::Element& time) {
  std::string_view text = base::as_text(time.value);
  const bool two = time.universal(ber::kUtcTime) && text.size() == 13;
  const bool four = time.universal(ber::kGeneralizedTime) && text.size() == 15;
  if ((!two && !four) || text.back() != 'Z') return {};
  if (!std::ranges::all_of(text.substr(0, text.size() - 1),
                           [](char c) { return c >= '0' && c <= '9'; }))
    return {};
  std::string out;
  if (two) {
    out = text[0] >= '5' ? "19" : "20";
    out += text.substr(0, 2);
    text.remove_prefix(2);
  } else {
    out = text.substr(0, 4);
    text.remove_prefix(4);
  }
  static constexpr std::string_view kBefore = "--T::";
  for (std::size_t i = 0; i < 5; ++i) {
    out += kBefore[i];
    out += text.substr(2 * i, 2);
  }
  return out + 'Z';
}

base::ByteView algorithm(const ber::Element& identifier) {
  ber::Elements parts(identifier.value);
  return parts.next() && parts.here().universal(ber::kOid) ? parts.here().value : base::ByteView{};
}

void read_extensions(base::ByteView value, Certificate& certificate) {
  ber::Elements outer(value);
  if (!outer.next()) return;
  for (ber::Elements list(outer.here().value); list.next();) {
    ber::Elements parts(list.here().value);
    if (!parts.next() || !ber::oid_is(parts.here().value, kAlternativeName)) continue;
    while (parts.next()) {
      if (!parts.here().universal(ber::kOctetString)) continue;
      const auto names = ber::first(parts.here().value);
      if (names) certificate.alternatives = names->value;
    }
  }
}

bool sequence(ber::Elements& parts) {
  return parts.next() && parts.here().universal(ber::kSequence);
}

bool host_like(std::string_view name) {
  return name.find('*') == std::string_view::npos && name.find(' ') == std::string_view::npos &&
         !name.empty();
}

}  // namespace

bool read_certificate(base::ByteView der, Certificate& certificate) {
  const auto whole = ber::first(der);
  if (!whole || !whole->universal(ber::kSequence)) return false;
  const auto signed_part = ber::first(whole->value);
  if (!signed_part || !signed_part->universal(ber::kSequence)) return false;
  ber::Elements parts(signed_part->value);
  if (!parts.next()) return false;
  if (parts.here().context(0) && !parts.next()) return false;
  if (!parts.here().universal(ber::kInteger)) return false;
  certificate.serial = parts.here().value;
  if (!sequence(parts)) return false;
  certificate.signature = algorithm(parts.here());
  if (!sequence(parts)) return false;
  certificate.issuer = parts.here().value;
  if (!sequence(parts)) return false;
  ber::Elements times(parts.here().value);
  if (times.next()) certificate.not_before = time_text(times.here());
  if (times.next()) certificate.not_after = time_text(times.here());
  if (!sequence(parts)) return false;
  certificate.subject = parts.here().value;
  if (!sequence(parts)) return false;
  ber::Elements key(parts.here().value);
  if (key.next()) certificate.key = algorithm(key.here());
  while (parts.next()) {
    if (parts.here().context(3)) read_extensions(parts.here().value, certificate);
  }
  return true;
}

std::string name_text(base::ByteView name) {
  std::string text;
  each_attribute(name, [&](base::ByteView oid, const ber::Element& value) {
    if (!text.empty()) text += ", ";
    const std::string_view known = attribute_name(oid);
    text += known.empty() ? ber::oid(oid) : std::string(known);
    text += '=';
    text += value_text(value);
  });
  return text;
}

std::string common_name(base::ByteView name) {
  std::string text;
  each_attribute(name, [&](base::ByteView oid, const ber::Element& value) {
    if (text.empty() && attribute_name(oid) == "CN") text = value_text(value);
  });
  return text;
}

std::string tell_certificate(base::ByteView der, const Certificate& certificate, Sink& sink) {
  if (sink.wants_details()) {
    sink.bytes("certificate_serial", certificate.serial);
    sink.text("certificate_subject", name_text(certificate.subject));
    sink.text("certificate_issuer", name_text(certificate.issuer));
    sink.text("certificate_not_before", certificate.not_before);
    sink.text("certificate_not_after", certificate.not_after);
    sink.text("certificate_signature", ber::oid(certificate.signature));
    sink.text("certificate_key", ber::oid(certificate.key));
    sink.bytes("certificate_sha256", base::sha256(der));
  }
  std::string host;
  std::size_t left = kMaxAlternatives;
  for (ber::Elements names(certificate.alternatives); names.next() && left > 0; --left) {
    const ber::Element& name = names.here();
    if (name.context(2)) {
      const std::string text = printable(name.value);
      if (host.empty() && host_like(text)) host = text;
      sink.text("certificate_dns_name", text);
    } else if (name.context(7) && (name.value.size() == 4 || name.value.size() == 16)) {
      if (sink.wants_details()) sink.text("certificate_address", IpAddress::of(name.value).text());
    }
  }
  if (!host.empty()) return host;
  host = common_name(certificate.subject);
  if (!host_like(host)) host.clear();
  return host;
}

}  // namespace dissect::tls
