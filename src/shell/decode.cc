#include "shell/decode.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/text.h"

namespace shell {
namespace {

constexpr std::size_t kShortestFragment = 16;

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}
int base32_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a';
  if (c >= '2' && c <= '7') return c - '2' + 26;
  return -1;
}
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Digits of `bits` bits each, then padding.
std::optional<std::string> decode_digits(std::string_view text, unsigned bits, int (*digit)(char)) {
  if (text.size() > 2 * kMaxDecoded) return std::nullopt;
  std::string out;
  std::uint32_t held = 0;
  unsigned held_bits = 0;
  bool padded = false;
  std::size_t digits = 0;
  for (const char c : text) {
    if (is_space(c)) continue;
    if (c == '=') {
      padded = true;
      continue;
    }
    const int value = digit(c);
    if (value < 0 || padded) return std::nullopt;
    ++digits;
    held = (held << bits | static_cast<std::uint32_t>(value)) & 0xFFFFU;
    held_bits += bits;
    if (held_bits < 8) continue;
    held_bits -= 8;
    out += static_cast<char>(held >> held_bits & 0xFFU);
  }
  // One digit that makes no byte.
  if (digits == 0 || held_bits >= bits) return std::nullopt;
  return out;
}

void append_utf8(std::uint32_t point, std::string& out) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0U | point >> 6U);
    out += static_cast<char>(0x80U | (point & 0x3FU));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0U | point >> 12U);
    out += static_cast<char>(0x80U | (point >> 6U & 0x3FU));
    out += static_cast<char>(0x80U | (point & 0x3FU));
  } else {
    out += static_cast<char>(0xF0U | (point >> 18U & 0x07U));
    out += static_cast<char>(0x80U | (point >> 12U & 0x3FU));
    out += static_cast<char>(0x80U | (point >> 6U & 0x3FU));
    out += static_cast<char>(0x80U | (point & 0x3FU));
  }
}

// Up to `most` digits of that base at `at`, which moves behind them.
std::optional<std::uint32_t> digits_at(std::string_view text, std::size_t& at, std::size_t most,
                                       int base) {
  std::uint32_t value = 0;
  const std::size_t begin = at;
  while (at < text.size() && at - begin < most) {
    const int digit = hex_digit(text[at]);
    if (digit < 0 || digit >= base) break;
    value = value * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(digit);
    ++at;
  }
  if (at == begin) return std::nullopt;
  return value;
}

// What stands after a backslash at `at`, which moves behind it.
void unescape_one(std::string_view text, std::size_t& at, std::string& out) {
  constexpr std::string_view kNames = "abefnrtv\\'\"?";
  constexpr std::string_view kBytes = "\a\b\x1B\f\n\r\t\v\\'\"?";
  const char c = text[at];
  if (const std::size_t known = kNames.find(c); known != std::string_view::npos) {
    out += kBytes[known];
    ++at;
    return;
  }
  if (c >= '0' && c <= '7') {
    const auto value = digits_at(text, at, c == '0' ? 4 : 3, 8);
    out += static_cast<char>(value.value_or(0) & 0xFFU);
    return;
  }
  if (c == 'x' || c == 'u' || c == 'U') {
    ++at;
    const auto value = digits_at(text, at, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16);
    if (!value) {
      out += {'\\', c};
    } else if (c == 'x') {
      out += static_cast<char>(*value);
    } else {
      append_utf8(*value, out);
    }
    return;
  }
  out += '\\';
}

struct Class {
  std::string_view name;
  std::string_view ranges;  // pairs
};
constexpr std::array<Class, 6> kClasses = {{{"[:lower:]", "az"},
                                            {"[:upper:]", "AZ"},
                                            {"[:digit:]", "09"},
                                            {"[:alpha:]", "AZaz"},
                                            {"[:alnum:]", "09AZaz"},
                                            {"[:space:]", "\t\r  "}}};

void append_range(char first, char last, std::string& out) {
  for (int c = static_cast<unsigned char>(first); c <= static_cast<unsigned char>(last); ++c)
    out += static_cast<char>(c);
}

std::optional<std::string> expand_set(std::string_view text) {
  const std::string set = unescape(text);
  std::string out;
  for (std::size_t i = 0; i < set.size();) {
    if (set[i] == '[' && i + 1 < set.size() && set[i + 1] == ':') {
      const auto found = std::ranges::find_if(kClasses, [&](const Class& known) {
        return std::string_view(set).substr(i).starts_with(known.name);
      });
      if (found == kClasses.end()) return std::nullopt;
      for (std::size_t k = 0; k < found->ranges.size(); k += 2)
        append_range(found->ranges[k], found->ranges[k + 1], out);
      i += found->name.size();
    } else if (i + 2 < set.size() && set[i + 1] == '-') {
      append_range(set[i], set[i + 2], out);
      i += 3;
    } else {
      out += set[i++];
    }
    if (out.size() > 1024) return std::nullopt;
  }
  return out;
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  return decode_digits(text, 6, base64_digit);
}
std::optional<std::string> decode_base32(std::string_view text) {
  return decode_digits(text, 5, base32_digit);
}

std::optional<std::string> decode_hex(std::string_view text) {
  if (text.size() > 4 * kMaxDecoded) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (is_space(text[i])) {
      ++i;
      continue;
    }
    if (text.substr(i).starts_with("\\x") || text.substr(i).starts_with("0x")) {
      i += 2;
      continue;
    }
    if (i + 1 >= text.size()) return std::nullopt;
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (out.empty()) return std::nullopt;
  return out;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i++];
      continue;
    }
    ++i;
    unescape_one(text, i, out);
  }
  return out;
}

std::optional<std::string> translate(std::string_view text, std::string_view from,
                                     std::string_view to) {
  const auto source = expand_set(from);
  const auto target = expand_set(to);
  if (!source || !target || target->empty()) return std::nullopt;
  std::array<char, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c)
    table[c] = static_cast<char>(c);
  for (std::size_t i = 0; i < source->size(); ++i)
    table[static_cast<unsigned char>((*source)[i])] = (*target)[std::min(i, target->size() - 1)];
  std::string out(text);
  for (char& c : out)
    c = table[static_cast<unsigned char>(c)];
  return out;
}

std::optional<std::string> without(std::string_view text, std::string_view set) {
  const auto left_out = expand_set(set);
  if (!left_out) return std::nullopt;
  std::string out;
  std::ranges::copy_if(text, std::back_inserter(out),
                       [&](char c) { return left_out->find(c) == std::string::npos; });
  return out;
}

bool is_readable(std::string_view text) {
  if (text.empty()) return false;
  const auto bad = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && !is_space(c)) || byte == 0x7F;
  };
  return std::ranges::none_of(text, bad) && base::is_utf8(text);
}

std::optional<std::string> next_fragment(std::string_view word, std::size_t& from) {
  while (from < word.size()) {
    std::size_t end = from;
    bool hex = true;
    while (end < word.size() && base64_digit(word[end]) >= 0) {
      hex = hex && hex_digit(word[end]) >= 0;
      ++end;
    }
    const std::size_t digits = end - from;
    while (end < word.size() && word[end] == '=')
      ++end;
    const std::string_view text = word.substr(from, end - from);
    from = std::max(end, from + 1);
    if (digits < kShortestFragment || digits > 2 * kMaxDecoded) continue;
    auto decoded = hex ? decode_hex(text) : decode_base64(text);
    if (decoded && is_readable(*decoded)) return decoded;
  }
  return std::nullopt;
}

}  // namespace shell
