#include "dissect/text.h"

#include <algorithm>
#include <cstdint>

namespace dissect {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

void append_escaped(std::string& out, unsigned int byte) {
  out += "\\x";
  out += kDigits[(byte >> 4U) & 15U];
  out += kDigits[byte & 15U];
}

// How many bytes of well-formed, printable UTF-8 begin here (Unicode table 3-7); 0: none.
std::size_t sequence(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return 0;
  }
  const unsigned char second = byte(1);
  if ((first == 0xc2 && second < 0xa0) || (first == 0xe0 && second < 0xa0) ||
      (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
      (first == 0xf4 && second > 0x8f))
    return 0;
  return length;
}

void append_code_point(std::string& out, std::uint32_t point) {
  if (point < 0x20 || (point >= 0x7f && point < 0xa0)) {
    append_escaped(out, point);
  } else if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0U | point >> 6U);
    out += static_cast<char>(0x80U | (point & 0x3fU));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0U | point >> 12U);
    out += static_cast<char>(0x80U | (point >> 6U & 0x3fU));
    out += static_cast<char>(0x80U | (point & 0x3fU));
  } else {
    out += static_cast<char>(0xf0U | point >> 18U);
    out += static_cast<char>(0x80U | (point >> 12U & 0x3fU));
    out += static_cast<char>(0x80U | (point >> 6U & 0x3fU));
    out += static_cast<char>(0x80U | (point & 0x3fU));
  }
}

std::string without_blanks(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

template <class Unit>
std::string from_utf16(std::size_t units, std::size_t limit, const Unit& unit) {
  std::string out;
  for (std::size_t i = 0; i < units && 2 * i < limit; ++i) {
    std::uint32_t point = unit(i);
    if (point == 0) break;
    if (point >= 0xd800 && point < 0xdc00 && i + 1 < units && (unit(i + 1) & 0xfc00U) == 0xdc00) {
      point = 0x10000 + ((point & 0x3ffU) << 10U) + (unit(i + 1) & 0x3ffU);
      ++i;
    } else if (point >= 0xd800 && point < 0xe000) {
      point = 0xfffd;  // half a pair
    }
    append_code_point(out, point);
  }
  return without_blanks(out);
}

}  // namespace

std::string printable(std::string_view text, std::size_t limit) {
  text = text.substr(0, std::min(limit, text.find('\0')));
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence(text);
    if (length == 0) {
      append_escaped(out, static_cast<unsigned char>(text[0]));
      text.remove_prefix(1);
      continue;
    }
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  return without_blanks(out);
}

std::string printable(base::ByteView text, std::size_t limit) {
  return printable(base::as_text(text), limit);
}

bool plain(std::string_view text) {
  if (text.empty()) return true;
  if (text.front() == ' ' || text.back() == ' ') return false;
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string printable_utf16le(base::ByteView text, std::size_t limit) {
  return from_utf16(text.size() / 2, limit, [&](std::size_t i) {
    return static_cast<std::uint32_t>(text[2 * i] | text[2 * i + 1] << 8);
  });
}

std::string printable_utf16be(base::ByteView text, std::size_t limit) {
  return from_utf16(text.size() / 2, limit, [&](std::size_t i) {
    return static_cast<std::uint32_t>(text[2 * i] << 8 | text[2 * i + 1]);
  });
}

std::string hex(base::ByteView bytes, std::size_t limit) {
  std::string out;
  for (const std::uint8_t byte : bytes.first(std::min(limit, bytes.size()))) {
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

}  // namespace dissect
