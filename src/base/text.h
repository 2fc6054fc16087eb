#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace base {

std::string hex_encode(ByteView bytes);  // lower case
Result<ByteVec> hex_decode(std::string_view text);

// Base64 (RFC 4648 section 4), with padding. Decoding refuses white space and missing padding.
std::string base64_encode(ByteView bytes);
Result<ByteVec> base64_decode(std::string_view text);

// Percent-encoding (RFC 3986): everything but unreserved characters, upper-case digits.
std::string percent_encode(std::string_view text);
// Leaves a '%' that two hex digits do not follow as it is, as the field's clients expect.
std::string percent_decode(std::string_view text);

// ASCII only: locale never matters to protocols.
bool equal_ignore_case(std::string_view a, std::string_view b);
std::string to_lower(std::string_view text);
std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);

// A whole decimal number, nothing before or after it.
std::optional<std::int64_t> parse_int(std::string_view text);

bool is_utf8(std::string_view text);
// The text with every byte that is not part of valid UTF-8 replaced by U+FFFD.
std::string to_utf8(std::string_view text);

// The candidate closest to `word` by edit distance, if it is close enough to be meant.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

}  // namespace base
