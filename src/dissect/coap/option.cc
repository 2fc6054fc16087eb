#include "dissect/coap/option.h"

#include <algorithm>
#include <iterator>

#include "dissect/names.h"

namespace dissect::coap {

namespace {

constexpr Option kOptions[] = {
    {1, Form::Opaque, 0, 8, true, "if_match"},
    {kUriHost, Form::Text, 1, 255, false, "uri_host"},
    {4, Form::Opaque, 1, 8, true, "etag"},
    {5, Form::Empty, 0, 0, false, "if_none_match"},
    {kObserve, Form::Number, 0, 3, false, "observe"},
    {7, Form::Number, 0, 2, false, "uri_port"},
    {8, Form::Text, 0, 255, true, "location_path"},
    {9, Form::Opaque, 0, 255, false, "oscore"},
    {kUriPath, Form::Text, 0, 255, true, "uri_path"},
    {12, Form::Number, 0, 2, false, "content_format"},
    {14, Form::Number, 0, 4, false, "max_age"},
    {kUriQuery, Form::Text, 0, 255, true, "uri_query"},
    {16, Form::Number, 1, 1, false, "hop_limit"},
    {17, Form::Number, 0, 2, false, "accept"},
    {19, Form::Number, 0, 3, false, "q_block1"},
    {20, Form::Text, 0, 255, true, "location_query"},
    {21, Form::Opaque, 1, 255, false, "edhoc"},
    {kBlock2, Form::Number, 0, 3, false, "block2"},
    {kBlock1, Form::Number, 0, 3, false, "block1"},
    {28, Form::Number, 0, 4, false, "size2"},
    {31, Form::Number, 0, 3, true, "q_block2"},
    {kProxyUri, Form::Text, 1, 1034, false, "proxy_uri"},
    {39, Form::Text, 1, 255, false, "proxy_scheme"},
    {60, Form::Number, 0, 4, false, "size1"},
    {252, Form::Opaque, 1, 40, false, "echo"},
    {258, Form::Number, 0, 1, false, "no_response"},
    {292, Form::Opaque, 0, 8, true, "request_tag"},
};

constexpr Named kCodes[] = {
    {0x00, "empty"},
    {0x01, "GET"},
    {0x02, "POST"},
    {0x03, "PUT"},
    {0x04, "DELETE"},
    {0x05, "FETCH"},
    {0x06, "PATCH"},
    {0x07, "iPATCH"},
    {0x41, "created"},
    {0x42, "deleted"},
    {0x43, "valid"},
    {0x44, "changed"},
    {0x45, "content"},
    {0x5f, "continue"},
    {0x80, "bad request"},
    {0x81, "unauthorized"},
    {0x82, "bad option"},
    {0x83, "forbidden"},
    {0x84, "not found"},
    {0x85, "method not allowed"},
    {0x86, "not acceptable"},
    {0x88, "request entity incomplete"},
    {0x89, "conflict"},
    {0x8c, "precondition failed"},
    {0x8d, "request entity too large"},
    {0x8f, "unsupported content format"},
    {0x96, "unprocessable entity"},
    {0x9d, "too many requests"},
    {0xa0, "internal server error"},
    {0xa1, "not implemented"},
    {0xa2, "bad gateway"},
    {0xa3, "service unavailable"},
    {0xa4, "gateway timeout"},
    {0xa5, "proxying not supported"},
    {0xa8, "hop limit reached"},
    {0xe1, "CSM"},
    {0xe2, "Ping"},
    {0xe3, "Pong"},
    {0xe4, "Release"},
    {0xe5, "Abort"},
};
static_assert(sorted_by_code(kCodes));

}  // namespace

const Option* option(std::uint32_t number) {
  const auto found = std::ranges::find(kOptions, number, &Option::number);
  return found == std::end(kOptions) ? nullptr : found;
}

std::optional<std::uint32_t> Options::extended(std::uint32_t nibble) {
  if (nibble < 13) return nibble;
  if (nibble == 13) return body_.u8() + 13U;
  if (nibble == 14) return body_.u16be() + 269U;
  return std::nullopt;
}

bool Options::next() {
  if (!good_ || has_payload_ || body_.done()) return false;
  const std::uint8_t first = body_.u8();
  if (first == 0xff) {
    has_payload_ = true;
    // A marker needs something behind it (section 3).
    good_ = !body_.done();
    return false;
  }
  const auto delta = extended(first >> 4U);
  const auto length = extended(first & 15U);
  if (!delta || !length) {
    good_ = false;
    return false;
  }
  number_ += *delta;
  value_ = body_.bytes(*length);
  good_ = body_.ok() && number_ <= 0xffff;
  return good_;
}

std::uint32_t Options::value_number() const {
  std::uint32_t number = 0;
  for (const std::uint8_t byte : value_.first(std::min<std::size_t>(value_.size(), 4)))
    number = number << 8U | byte;
  return number;
}

std::string_view code_name(std::uint8_t code) {
  return name_of(kCodes, code);
}

}  // namespace dissect::coap
