#include "sensor/opener/messages.h"

#include <algorithm>
#include <string>

#include "base/text.h"

namespace sensor::opener {

using base::Code;
using base::Error;
using base::fail;
using base::Result;

namespace {

constexpr std::uint32_t kRequest = 0x56534F31;  // "VSO1"
constexpr std::uint32_t kAnswer = 0x56534131;   // "VSA1"
constexpr std::uint8_t kDone = 0;
constexpr std::size_t kMostText = 400;
// As an answer has them: their place here, and one more.
constexpr Code kCodes[] = {Code::NotFound, Code::Denied,    Code::Invalid,    Code::TooLarge,
                           Code::Io,       Code::Malformed, Code::Unavailable};

}  // namespace

base::ByteVec encode_request(const Wanted& wanted) {
  base::ByteWriter out;
  out.u32be(kRequest);
  out.u16be(static_cast<std::uint16_t>(wanted.count));
  out.u32be(static_cast<std::uint32_t>(wanted.bytes / kBlock));
  out.text(wanted.interface);
  return std::move(out).take();
}

Result<Wanted> decode_request(base::ByteView bytes) {
  base::Cursor in(bytes);
  if (TRY(in.u32be()) != kRequest) return fail(Code::Malformed, "request", 0);
  Wanted wanted;
  wanted.count = TRY(in.u16be());
  wanted.bytes = std::size_t{TRY(in.u32be())} * kBlock;
  wanted.interface = base::as_text(in.rest());
  return wanted;
}

base::ByteVec encode_answer(const Result<void>& outcome) {
  base::ByteWriter out;
  out.u32be(kAnswer);
  if (outcome) {
    out.u8(kDone);
    return std::move(out).take();
  }
  const Error& error = outcome.error();
  const auto* const place = std::ranges::find(kCodes, error.code);
  const auto* const code = place == std::end(kCodes) ? std::ranges::find(kCodes, Code::Io) : place;
  out.u8(static_cast<std::uint8_t>(code - std::begin(kCodes) + 1));
  out.text(error.to_string().substr(0, kMostText));
  return std::move(out).take();
}

Result<void> decode_answer(base::ByteView bytes) {
  base::Cursor in(bytes);
  if (TRY(in.u32be()) != kAnswer) return fail(Code::Malformed, "answer", 0);
  const std::uint8_t code = TRY(in.u8());
  if (code == kDone) {
    if (!in.done()) return fail(Code::Malformed, "answer", static_cast<std::int64_t>(in.offset()));
    return {};
  }
  if (code > std::size(kCodes)) return fail(Code::Malformed, "answer", 4);
  std::string text;
  // For a terminal and a log.
  for (const char one : base::as_text(in.rest()))
    text += one >= ' ' && one <= '~' ? one : '?';
  return std::unexpected(Error{kCodes[code - 1], "helper", -1, std::move(text)});
}

}  // namespace sensor::opener
