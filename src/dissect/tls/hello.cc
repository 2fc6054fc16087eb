#include "dissect/tls/hello.h"

#include <algorithm>

#include "dissect/fingerprint/fingerprint.h"
#include "dissect/names.h"
#include "dissect/reader.h"
#include "dissect/text.h"

namespace dissect::tls {

namespace {

enum Extension : std::uint16_t {
  kServerName = 0,
  kGroups = 10,
  kPointFormats = 11,
  kSignatures = 13,
  kApplication = 16,
  kSharedKey = 41,
  kSupportedVersions = 43,
};

// The random of a HelloRetryRequest begins so (RFC 8446 section 4.1.3).
constexpr std::uint8_t kRetry[] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11};

// 0x0a0a, 0x1a1a ... 0xfafa (RFC 8701).
bool meaningless(std::uint16_t value) {
  return (value & 0x0f0fU) == 0x0a0a && value >> 8U == (value & 0xffU);
}

void read_list(Reader list, std::string_view detail, std::vector<std::uint16_t>& out, Sink& sink) {
  while (list.remaining() >= 2) {
    const std::uint16_t value = list.u16be();
    sink.number(detail, value);
    if (!meaningless(value)) out.push_back(value);
  }
}

void read_server_name(Reader value, Hello& hello, Sink& sink) {
  hello.has_server_name = true;
  if (value.done()) return;  // a server's answer
  Reader list = value.sub(value.u16be());
  const std::uint8_t kind = list.u8();
  const std::string_view name = list.text(list.u16be());
  if (!list || kind != 0) {
    sink.issue({Issue::Kind::Malformed, "server name cannot be", kind});
    return;
  }
  hello.server_name = name;
  if (sink.wants_details()) sink.text("server_name", printable(name));
}

void read_application(Reader value, Hello& hello, Sink& sink) {
  Reader list = value.sub(value.u16be());
  while (!list.done() && list) {
    const std::string_view name = list.text(list.u8());
    if (!list) break;
    if (hello.application.empty()) hello.application = name;
    if (sink.wants_details()) sink.text("application_protocol", printable(name));
  }
}

void read_versions(Reader value, Hello& hello, Sink& sink) {
  if (hello.client) value = value.sub(value.u8());
  std::uint16_t best = 0;
  while (value.remaining() >= 2) {
    const std::uint16_t version = value.u16be();
    sink.number("supported_version", version);
    if (!meaningless(version)) best = std::max(best, version);
  }
  if (best != 0) hello.version = best;
}

void read_extension(std::uint16_t type, Reader value, Hello& hello, Sink& sink) {
  switch (type) {
    case kServerName:
      read_server_name(value, hello, sink);
      break;
    case kGroups:
      read_list(value.sub(value.u16be()), "group", hello.groups, sink);
      break;
    case kPointFormats:
      hello.point_formats = value.bytes(value.u8());
      for (const std::uint8_t format : hello.point_formats)
        sink.number("point_format", format);
      break;
    case kSignatures:
      read_list(value.sub(value.u16be()), "signature_algorithm", hello.signatures, sink);
      break;
    case kApplication:
      read_application(value, hello, sink);
      break;
    case kSharedKey:
      hello.shared_key = true;
      break;
    case kSupportedVersions:
      read_versions(value, hello, sink);
      break;
    default:
      break;
  }
}

void read_extensions(Reader reader, Hello& hello, Sink& sink) {
  std::size_t count = 0;
  while (!reader.done()) {
    const std::uint16_t type = reader.u16be();
    const std::uint16_t size = reader.u16be();
    const Reader value = reader.sub(size);
    if (!reader) {
      sink.issue({Issue::Kind::Malformed, "extension is longer than the message", type});
      return;
    }
    if (++count > kMaxExtensions) {
      sink.issue({Issue::Kind::LeftOut, "more extensions than are read", kMaxExtensions});
      return;
    }
    sink.number("extension", type);
    if (!meaningless(type)) hello.extensions.push_back(type);
    read_extension(type, value, hello, sink);
  }
}

void append_list(std::string& out, const std::vector<std::uint16_t>& values) {
  bool first = true;
  for (const std::uint16_t value : values) {
    if (!first) out += '-';
    first = false;
    out += std::to_string(value);
  }
}

void append_hex(std::string& out, std::uint16_t value) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  for (const unsigned int shift : {12U, 8U, 4U, 0U})
    out += kDigits[value >> shift & 15U];
}

std::string hex_list(const std::vector<std::uint16_t>& values) {
  std::string out;
  for (const std::uint16_t value : values) {
    if (!out.empty()) out += ',';
    append_hex(out, value);
  }
  return out;
}

void append_count(std::string& out, std::size_t count) {
  count = std::min<std::size_t>(count, 99);
  out += static_cast<char>('0' + count / 10);
  out += static_cast<char>('0' + count % 10);
}

bool letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

void append_application(std::string& out, std::string_view application) {
  if (application.empty()) {
    out += "00";
    return;
  }
  if (letter_or_digit(application.front()) && letter_or_digit(application.back())) {
    out += application.front();
    out += application.back();
    return;
  }
  const std::string digits = hex(base::as_bytes(application), application.size());
  out += digits.front();
  out += digits.back();
}

std::string_view short_version(std::uint16_t version) {
  switch (version) {
    case 0x0304:
      return "13";
    case 0x0303:
      return "12";
    case 0x0302:
      return "11";
    case 0x0301:
      return "10";
    case 0x0300:
      return "s3";
    case 0x0002:
      return "s2";
    default:
      return "00";
  }
}

constexpr std::string_view kNothing = "000000000000";

// Servers of TLS 1.3's drafts before the 22nd sent back neither a session's number nor a way of
// compression (draft-ietf-tls-tls13-21 section 4.1.3).
bool early_draft(std::uint16_t version) {
  return version >= 0x7f00 && version < 0x7f00 + 22;
}

}  // namespace

void read_hello(base::ByteView body, bool client, Hello& hello, Sink& sink) {
  hello.client = client;
  Reader reader(body);
  hello.legacy = reader.u16be();
  hello.version = hello.legacy;
  const base::ByteView random = reader.bytes(32);
  sink.number("version", hello.legacy);
  const bool early = !client && early_draft(hello.legacy);
  if (!early) {
    hello.session_id = reader.bytes(reader.u8());
    sink.number("session_id_length", hello.session_id.size());
  }
  if (client) {
    const std::uint16_t size = reader.u16be();
    if (size % 2 != 0) sink.issue({Issue::Kind::Malformed, "cipher suites of an odd length", size});
    read_list(reader.sub(size), "cipher_suite", hello.ciphers, sink);
    const base::ByteView methods = reader.bytes(reader.u8());
    if (reader && methods.empty())
      sink.issue({Issue::Kind::Violation, "no way of compression, not even none"});
  } else {
    hello.retry = random.size() == 32 && std::ranges::equal(random.first(8), kRetry);
    const std::uint16_t cipher = reader.u16be();
    sink.number("cipher_suite", cipher);
    hello.ciphers.push_back(cipher);
    if (!early) reader.skip(1);
  }
  if (!reader) {
    sink.issue({Issue::Kind::Truncated, "greeting ends within its values"});
    return;
  }
  hello.good = true;
  if (hello.session_id.size() > 32)
    sink.issue({Issue::Kind::Malformed, "session's number longer than 32 bytes",
                static_cast<std::uint32_t>(hello.session_id.size())});
  if (reader.done()) return;
  const Reader extensions = reader.sub(reader.u16be());
  if (!reader) {
    sink.issue({Issue::Kind::Malformed, "extensions are longer than the message"});
    return;
  }
  read_extensions(extensions, hello, sink);
}

std::string ja3_text(const Hello& hello) {
  std::string text = std::to_string(hello.legacy);
  text += ',';
  append_list(text, hello.ciphers);
  text += ',';
  append_list(text, hello.extensions);
  if (!hello.client) return text;
  text += ',';
  append_list(text, hello.groups);
  text += ',';
  bool first = true;
  for (const std::uint8_t format : hello.point_formats) {
    if (!first) text += '-';
    first = false;
    text += std::to_string(format);
  }
  return text;
}

std::string ja4(const Hello& hello) {
  std::string text = "t";
  text += short_version(hello.version);
  text += hello.has_server_name ? 'd' : 'i';
  append_count(text, hello.ciphers.size());
  append_count(text, hello.extensions.size());
  append_application(text, hello.application);
  text += '_';
  std::vector<std::uint16_t> ciphers = hello.ciphers;
  std::ranges::sort(ciphers);
  text += ciphers.empty() ? std::string(kNothing) : fingerprint::sha256_12(hex_list(ciphers));
  text += '_';
  std::vector<std::uint16_t> extensions = hello.extensions;
  std::erase_if(extensions,
                [](std::uint16_t one) { return one == kServerName || one == kApplication; });
  std::ranges::sort(extensions);
  if (hello.extensions.empty()) return text.append(kNothing);
  std::string list = hex_list(extensions);
  if (!hello.signatures.empty()) {
    list += '_';
    list += hex_list(hello.signatures);
  }
  return text + fingerprint::sha256_12(list);
}

std::string_view version_name(std::uint16_t version) {
  static constexpr Named kVersions[] = {{0x0300, "SSL 3.0"},
                                        {0x0301, "TLS 1.0"},
                                        {0x0302, "TLS 1.1"},
                                        {0x0303, "TLS 1.2"},
                                        {0x0304, "TLS 1.3"}};
  static_assert(sorted_by_code(kVersions));
  return name_of(kVersions, version);
}

}  // namespace dissect::tls
