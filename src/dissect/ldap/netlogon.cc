#include <string>

#include "dissect/ldap/operations.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::ldap {

namespace {

constexpr std::size_t kMaxName = 255;
constexpr int kMaxLabels = 64;
// Answers, with or without the user's name, known or not.
constexpr std::uint16_t kAnswerEx = 23;
constexpr std::uint16_t kUserUnknownEx = 25;
constexpr std::uint32_t kPrimary = 0x1;

// A name as DNS writes it, whose pointers count from the value's beginning.
std::string domain_name(Reader& reader, base::ByteView whole) {
  std::string name;
  Reader labels = reader;
  bool jumped = false;
  for (int i = 0; i < kMaxLabels; ++i) {
    const std::uint8_t length = labels.u8();
    if (!labels) {
      if (!jumped) reader.fail();
      return name;
    }
    if ((length & 0xc0U) == 0xc0U) {
      const std::size_t to = static_cast<std::size_t>(length & 0x3fU) << 8U | labels.u8();
      // Only backwards, so that it ends.
      if (!labels || to >= whole.size()) return name;
      if (!jumped) reader = labels;
      jumped = true;
      labels = Reader(whole.subspan(to));
      continue;
    }
    if (length == 0) break;
    const base::ByteView label = labels.bytes(length & 0x3fU);
    if (!labels || name.size() + label.size() > kMaxName) break;
    if (!name.empty()) name += '.';
    name += printable(label);
  }
  if (!jumped) reader = labels;
  return name;
}

}  // namespace

void read_netlogon(base::ByteView value, Sink& sink) {
  Reader reader(value);
  const std::uint16_t type = reader.u16le();
  reader.skip(2);
  const std::uint32_t flags = reader.u32le();
  reader.skip(16);
  if (!reader || (type != kAnswerEx && type != kUserUnknownEx)) return;
  sink.number("netlogon_type", type);
  sink.number("netlogon_flags", flags);
  const std::string forest = domain_name(reader, value);
  const std::string domain = domain_name(reader, value);
  const std::string host = domain_name(reader, value);
  const std::string netbios_domain = domain_name(reader, value);
  const std::string netbios_host = domain_name(reader, value);
  const std::string user = domain_name(reader, value);
  const std::string site = domain_name(reader, value);
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "answer of a domain controller ends too early", type, 0});
    return;
  }
  sink.text("netlogon_forest", forest);
  sink.text("netlogon_domain", domain);
  sink.text("netlogon_host", host);
  sink.text("netlogon_netbios_domain", netbios_domain);
  sink.text("netlogon_netbios_host", netbios_host);
  sink.text("netlogon_user", user);
  sink.text("netlogon_site", site);
  sink.tell(Fact::Hostname, host, Confidence::Neighbor);
  sink.tell(Fact::Domain, domain, Confidence::Neighbor);
  sink.tell(Fact::Type, "domain controller", Confidence::Neighbor);
  if ((flags & kPrimary) != 0) sink.number("netlogon_primary", 1);
}

}  // namespace dissect::ldap
