#include "agent/dns/answer.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace agent::dns {

using base::ByteView;
using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kOpcodeMask = 0x7800;
constexpr std::uint16_t kErrorMask = 0x000F;
constexpr std::uint16_t kTypeA = 1;
constexpr std::uint16_t kTypeCname = 5;
constexpr std::uint16_t kTypeAaaa = 28;
constexpr std::uint16_t kClassIn = 1;
constexpr std::size_t kMaxName = 253;
constexpr int kMaxPointers = 32;
constexpr std::uint8_t kPointer = 0xC0;
constexpr std::uint8_t kUdp = 17;

struct Header {
  std::uint16_t flags = 0;
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;
};

Result<Header> read_header(Cursor& cursor) {
  Header header;
  TRY(cursor.skip(2));
  header.flags = TRY(cursor.u16be());
  header.questions = TRY(cursor.u16be());
  header.answers = TRY(cursor.u16be());
  TRY(cursor.skip(4));
  return header;
}

// What may be in a name that people read: everything else becomes a question mark.
char printable(std::uint8_t byte) {
  const char c = static_cast<char>(byte);
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return c > ' ' && c < 0x7F && c != '.' && c != '"' && c != '\\' ? c : '?';
}

Result<void> append_label(Cursor& cursor, std::uint8_t length, std::string& name) {
  const ByteView label = TRY(cursor.bytes(length));
  if (!name.empty()) name += '.';
  std::ranges::transform(label, std::back_inserter(name), printable);
  if (name.size() > kMaxName) return fail(Code::TooLarge, "dns name");
  return {};
}

// A name at the cursor, which is moved behind it; what it points to lies before it in the message.
Result<std::string> read_name(ByteView message, Cursor& cursor) {
  std::string name;
  Cursor* at = &cursor;
  Cursor elsewhere(message);
  for (int pointers = 0;;) {
    const std::uint8_t length = TRY(at->u8());
    if (length == 0) return name;
    if ((length & kPointer) == 0) {
      TRY(append_label(*at, length, name));
      continue;
    }
    if ((length & kPointer) != kPointer) return fail(Code::Malformed, "dns label");
    const std::size_t target = static_cast<std::size_t>(length & 0x3FU) << 8U | TRY(at->u8());
    if (++pointers > kMaxPointers) return fail(Code::TooLarge, "dns pointers");
    if (target >= message.size()) return fail(Code::Malformed, "dns pointer");
    elsewhere = Cursor(message.subspan(target));
    at = &elsewhere;
  }
}

struct Record {
  std::string name;
  std::uint16_t type = 0;
  std::uint16_t klass = 0;
  std::chrono::seconds ttl{0};
  ByteView data;
  std::string alias;  // of a CNAME
};

Result<Record> read_record(ByteView message, Cursor& cursor) {
  Record record;
  record.name = TRY(read_name(message, cursor));
  record.type = TRY(cursor.u16be());
  record.klass = TRY(cursor.u16be());
  // The highest bit is no time (RFC 2181 section 8).
  const std::uint32_t ttl = TRY(cursor.u32be());
  record.ttl = std::chrono::seconds((ttl & 0x80000000U) != 0 ? 0 : ttl);
  const std::uint16_t size = TRY(cursor.u16be());
  if (record.type == kTypeCname) {
    Cursor data = cursor;
    record.alias = TRY(read_name(message, data));
  }
  record.data = TRY(cursor.bytes(size));
  return record;
}

std::optional<connections::Address> address_of(const Record& record) {
  if (record.type == kTypeA && record.data.size() == 4) {
    std::array<std::uint8_t, 4> bytes{};
    std::ranges::copy(record.data, bytes.begin());
    return connections::Address::v4(bytes);
  }
  if (record.type == kTypeAaaa && record.data.size() == 16) {
    connections::Address address;
    std::ranges::copy(record.data, address.bytes.begin());
    return address;
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<Answer>> read_answer(ByteView message) {
  Cursor cursor(message);
  const Header header = TRY(read_header(cursor));
  const bool answers = (header.flags & kResponse) != 0 && (header.flags & kOpcodeMask) == 0 &&
                       (header.flags & kErrorMask) == 0;
  if (!answers || header.questions != 1 || header.answers == 0) return std::nullopt;
  if (header.answers > kMaxRecords) return fail(Code::TooLarge, "dns answers");
  Answer answer;
  answer.name = TRY(read_name(message, cursor));
  const std::uint16_t type = TRY(cursor.u16be());
  const std::uint16_t klass = TRY(cursor.u16be());
  if (klass != kClassIn || (type != kTypeA && type != kTypeAaaa)) return std::nullopt;
  // The records of an alias follow it.
  std::string wanted = answer.name;
  for (std::uint16_t i = 0; i < header.answers; ++i) {
    Record record = TRY(read_record(message, cursor));
    if (record.klass != kClassIn || record.name != wanted) continue;
    if (record.type == kTypeCname) {
      wanted = std::move(record.alias);
    } else if (const auto address = address_of(record); address && address->known()) {
      answer.addresses.push_back({*address, record.ttl});
    }
  }
  if (answer.addresses.empty() || answer.name.empty()) return std::nullopt;
  return answer;
}

Result<ByteView> udp_payload(ByteView packet) {
  Cursor cursor(packet);
  const std::uint8_t first = TRY(cursor.peek());
  if (first >> 4U == 4) {
    const std::size_t header = static_cast<std::size_t>(first & 0xFU) * 4;
    if (header < 20) return fail(Code::Malformed, "ip header");
    Cursor ip = TRY(cursor.sub(header));
    TRY(ip.skip(6));
    // Offset, and whether more follow.
    if ((TRY(ip.u16be()) & 0x3FFFU) != 0) return fail(Code::Unsupported, "ip fragment");
    TRY(ip.skip(1));
    if (TRY(ip.u8()) != kUdp) return fail(Code::Unsupported, "ip protocol");
  } else if (first >> 4U == 6) {
    Cursor ip = TRY(cursor.sub(40));
    TRY(ip.skip(6));
    if (TRY(ip.u8()) != kUdp) return fail(Code::Unsupported, "ip protocol");
  } else {
    return fail(Code::Malformed, "ip version");
  }
  TRY(cursor.skip(4));
  const std::uint16_t length = TRY(cursor.u16be());
  TRY(cursor.skip(2));
  if (length < 8) return fail(Code::Malformed, "udp length");
  return TRY(cursor.bytes(length - 8U));
}

}  // namespace agent::dns
