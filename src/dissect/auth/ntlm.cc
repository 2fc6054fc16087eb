#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>

#include "dissect/auth/auth.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::auth {

namespace {

constexpr std::string_view kSignature{"NTLMSSP\0", 8};
enum Type : std::uint32_t { kNegotiate = 1, kChallenge = 2, kAuthenticate = 3 };
constexpr std::uint32_t kUnicode = 0x1;
constexpr std::uint32_t kAnonymous = 0x800;
constexpr std::uint32_t kVersion = 0x02000000;
constexpr int kMaxPairs = 32;

// Attributes of a target (MS-NLMP 2.2.2.1).
enum Pair : std::uint16_t {
  kEnd,
  kComputer,
  kDomain,
  kDnsComputer,
  kDnsDomain,
  kDnsTree,
  kFlags,
  kTimestamp,
};

// A field's place in the message: length, room, offset.
base::ByteView field(Reader& reader, base::ByteView message, Sink& sink) {
  const std::uint16_t length = reader.u16le();
  reader.skip(2);
  const std::uint32_t offset = reader.u32le();
  if (length == 0 || !reader) return {};
  if (offset > message.size() || length > message.size() - offset) {
    sink.issue({Issue::Kind::Malformed, "NTLM field lies outside of its message", offset, 0});
    return {};
  }
  return message.subspan(offset, length);
}

std::string text_of(base::ByteView bytes, std::uint32_t flags) {
  return (flags & kUnicode) != 0 ? printable_utf16le(bytes) : printable(bytes);
}

void tell_text(std::string_view name, std::string_view value, Sink& sink) {
  if (!value.empty()) sink.text(name, value);
}

// Version of the system: major, minor, build (MS-NLMP 2.2.2.10). Where one of the texts begins in
// its place there is none, whatever the flags say: old messages are shorter.
std::string version(Reader& reader, base::ByteView message, std::uint32_t flags,
                    std::initializer_list<base::ByteView> texts, Sink& sink) {
  constexpr std::size_t kSize = 8;
  if ((flags & kVersion) == 0 || reader.remaining() < kSize) return {};
  const std::size_t end = message.size() - reader.remaining() + kSize;
  for (const base::ByteView text : texts) {
    if (!text.empty() && static_cast<std::size_t>(text.data() - message.data()) < end) return {};
  }
  const std::uint8_t major = reader.u8();
  const std::uint8_t minor = reader.u8();
  const std::uint16_t build = reader.u16le();
  reader.skip(3);
  const std::uint8_t revision = reader.u8();
  if (!reader || major == 0) return {};
  sink.number("ntlm_version_major", major);
  sink.number("ntlm_version_minor", minor);
  sink.number("ntlm_version_build", build);
  sink.number("ntlm_version_revision", revision);
  return std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(build);
}

struct Target {
  std::string computer;
  std::string domain;
  std::string dns_computer;
  std::string dns_domain;
  std::string dns_tree;
};

void read_target(base::ByteView pairs, Target& target, Sink& sink) {
  Reader reader(pairs);
  for (int i = 0; i < kMaxPairs && reader && !reader.done(); ++i) {
    const std::uint16_t id = reader.u16le();
    const base::ByteView value = reader.bytes(reader.u16le());
    if (!reader) {
      sink.issue({Issue::Kind::Truncated, "NTLM target ends within an attribute", id, 0});
      return;
    }
    switch (id) {
      case kEnd:
        return;
      case kComputer:
        target.computer = printable_utf16le(value);
        break;
      case kDomain:
        target.domain = printable_utf16le(value);
        break;
      case kDnsComputer:
        target.dns_computer = printable_utf16le(value);
        break;
      case kDnsDomain:
        target.dns_domain = printable_utf16le(value);
        break;
      case kDnsTree:
        target.dns_tree = printable_utf16le(value);
        break;
      default:
        break;
    }
  }
}

void negotiate(Reader& reader, base::ByteView message, Token& token, Sink& sink) {
  token.step = Step::Offer;
  const std::uint32_t flags = reader.u32le();
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "NTLM message ends too early", kNegotiate, 0});
    return;
  }
  sink.number("ntlm_flags", flags);
  // Old clients end here.
  if (reader.remaining() < 16) return;
  const base::ByteView domain = field(reader, message, sink);
  const base::ByteView host = field(reader, message, sink);
  tell_text("ntlm_calling_domain", printable(domain), sink);
  tell_text("ntlm_calling_workstation", printable(host), sink);
  sink.tell(Fact::OsVersion, version(reader, message, flags, {domain, host}, sink),
            Confidence::Banner);
}

// The server says of itself what it is.
void challenge(Reader& reader, base::ByteView message, Token& token, Sink& sink) {
  token.step = Step::Challenge;
  const base::ByteView name = field(reader, message, sink);
  const std::uint32_t flags = reader.u32le();
  reader.skip(16);
  const base::ByteView pairs =
      reader.remaining() >= 8 ? field(reader, message, sink) : name.first(0);
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "NTLM message ends too early", kChallenge, 0});
    return;
  }
  sink.number("ntlm_flags", flags);
  tell_text("ntlm_target_name", text_of(name, flags), sink);
  const std::string system = version(reader, message, flags, {name, pairs}, sink);
  Target target;
  read_target(pairs, target, sink);
  tell_text("ntlm_computer", target.computer, sink);
  tell_text("ntlm_domain", target.domain, sink);
  tell_text("ntlm_dns_computer", target.dns_computer, sink);
  tell_text("ntlm_dns_domain", target.dns_domain, sink);
  tell_text("ntlm_dns_tree", target.dns_tree, sink);
  sink.tell(Fact::Hostname, target.dns_computer.empty() ? target.computer : target.dns_computer,
            Confidence::Neighbor);
  sink.tell(Fact::Domain, target.dns_domain.empty() ? target.domain : target.dns_domain,
            Confidence::Neighbor);
  sink.tell(Fact::OsVersion, system, Confidence::Neighbor);
}

void authenticate(Reader& reader, base::ByteView message, Token& token, Sink& sink) {
  token.step = Step::Proof;
  field(reader, message, sink);  // answers to the challenge: not told
  const base::ByteView answer = field(reader, message, sink);
  const base::ByteView domain_bytes = field(reader, message, sink);
  const base::ByteView user_bytes = field(reader, message, sink);
  const base::ByteView host_bytes = field(reader, message, sink);
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "NTLM message ends too early", kAuthenticate, 0});
    return;
  }
  std::uint32_t flags = kUnicode;
  if (reader.remaining() >= 12) {
    field(reader, message, sink);  // session key
    flags = reader.u32le();
    sink.number("ntlm_flags", flags);
  }
  const std::string domain = text_of(domain_bytes, flags);
  const std::string user = text_of(user_bytes, flags);
  token.host = text_of(host_bytes, flags);
  tell_text("ntlm_domain_name", domain, sink);
  tell_text("ntlm_user", user, sink);
  tell_text("ntlm_host", token.host, sink);
  const std::string system =
      version(reader, message, flags, {domain_bytes, user_bytes, host_bytes, answer}, sink);
  token.anonymous = (flags & kAnonymous) != 0 || (user.empty() && answer.empty());
  if (!user.empty()) token.user = domain.empty() ? user : domain + '\\' + user;
  sink.tell(Fact::User, token.user, Confidence::Banner);
  sink.tell(Fact::Hostname, token.host, Confidence::Banner);
  sink.tell(Fact::OsVersion, system, Confidence::Banner);
}

}  // namespace

bool is_ntlm(base::ByteView bytes) {
  return base::as_text(bytes).starts_with(kSignature);
}

void read_ntlm(base::ByteView bytes, Token& token, Sink& sink) {
  if (!is_ntlm(bytes)) return;
  token.mechanism = Mechanism::Ntlm;
  Reader reader(bytes);
  reader.skip(kSignature.size());
  const std::uint32_t type = reader.u32le();
  sink.number("ntlm_message_type", type);
  switch (type) {
    case kNegotiate:
      return negotiate(reader, bytes, token, sink);
    case kChallenge:
      return challenge(reader, bytes, token, sink);
    case kAuthenticate:
      return authenticate(reader, bytes, token, sink);
    default:
      sink.issue({Issue::Kind::Malformed, "unknown NTLM message", type, 8});
  }
}

}  // namespace dissect::auth
