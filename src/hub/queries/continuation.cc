#include "hub/queries/continuation.h"

#include "base/hash.h"
#include "base/text.h"

namespace hub::queries {

using base::ByteView;
using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kMacBytes = 16;
constexpr std::size_t kMaxText = 8U << 10U;
constexpr std::uint32_t kNoTop = 0xFFFF'FFFF;

// Over the query's text as well, so that the text of a continuation belongs to it.
base::Sha256 mac_of(ByteView body, std::string_view query, ByteView secret) {
  const base::Sha256 digest = base::sha256(base::as_bytes(query));
  base::ByteVec message(body.begin(), body.end());
  message.insert(message.end(), digest.begin(), digest.end());
  return base::hmac_sha256(secret, message);
}

}  // namespace

std::string seal(const Continuation& continuation, std::string_view query, ByteView secret) {
  base::ByteWriter writer;
  writer.u8(kFormat);
  writer.u32be(continuation.left.value_or(kNoTop));
  writer.text(continuation.key);
  const base::Sha256 mac = mac_of(writer.view(), query, secret);
  writer.bytes(ByteView(mac).first(kMacBytes));
  return base::base64_encode(writer.view());
}

Result<Continuation> unseal(std::string_view text, std::string_view query, ByteView secret) {
  const auto bad = [] {
    return fail(Code::Invalid, "continuation", -1,
                "this continuation is not of this query: begin from the start");
  };
  if (text.size() > kMaxText) return bad();
  const auto bytes = base::base64_decode(text);
  if (!bytes || bytes->size() < 1 + 4 + kMacBytes) return bad();
  const ByteView body = ByteView(*bytes).first(bytes->size() - kMacBytes);
  const base::Sha256 mac = mac_of(body, query, secret);
  if (!base::equal_constant_time(ByteView(mac).first(kMacBytes), ByteView(*bytes).last(kMacBytes)))
    return bad();
  base::Cursor cursor(body);
  if (TRY(cursor.u8()) != kFormat) return bad();
  Continuation continuation;
  const std::uint32_t left = TRY(cursor.u32be());
  if (left != kNoTop) continuation.left = left;
  continuation.key = base::as_text(cursor.rest());
  return continuation;
}

}  // namespace hub::queries
