#include "kql/natives/address.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

namespace kql::natives {
namespace {

constexpr int kMappedBits = 96;

std::optional<int> number(std::string_view text, int most, int base) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > most) {
    return std::nullopt;
  }
  return value;
}

// Cuts "/24" off; nullopt when it is no prefix.
std::optional<int> take_prefix(std::string_view& text, int bits) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return bits;
  const auto prefix = number(text.substr(slash + 1), bits, 10);
  text = text.substr(0, slash);
  return prefix;
}

bool read_v4(std::string_view text, std::uint8_t* out) {
  for (int i = 0; i < 4; ++i) {
    const std::size_t dot = i == 3 ? text.size() : text.find('.');
    if (dot == std::string_view::npos || dot > 3) return false;
    const auto part = number(text.substr(0, dot), 255, 10);
    if (!part) return false;
    out[i] = static_cast<std::uint8_t>(*part);
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return text.empty();
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ')
    text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ')
    text.remove_suffix(1);
  return text;
}

// Groups between colons as bytes; the last may be IPv4. nullopt when there are more than 16 bytes.
std::optional<std::vector<std::uint8_t>> read_groups(std::string_view text) {
  std::vector<std::uint8_t> out;
  if (text.empty()) return out;
  while (true) {
    const std::size_t colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
      out.resize(out.size() + 4);
      if (!read_v4(group, out.data() + out.size() - 4)) return std::nullopt;
    } else {
      const auto value = group.size() > 4 ? std::nullopt : number(group, 0xFFFF, 16);
      if (!value) return std::nullopt;
      out.push_back(static_cast<std::uint8_t>(*value >> 8));
      out.push_back(static_cast<std::uint8_t>(*value & 0xFF));
    }
    if (out.size() > 16) return std::nullopt;
    if (colon == std::string_view::npos) return out;
    text.remove_prefix(colon + 1);
  }
}

}  // namespace

bool Address::is_v4() const {
  return std::all_of(bytes.begin(), bytes.begin() + 10, [](std::uint8_t b) { return b == 0; }) &&
         bytes[10] == 0xFF && bytes[11] == 0xFF;
}

std::uint32_t Address::v4() const {
  std::uint32_t out = 0;
  for (std::size_t i = 12; i < 16; ++i)
    out = out << 8 | bytes[i];
  return out;
}

Address Address::masked() const {
  Address out = *this;
  for (int bit = prefix; bit < 128; ++bit) {
    out.bytes[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(~(0x80 >> (bit % 8)));
  }
  return out;
}

Address Address::shortened(int other_prefix) const {
  Address out = *this;
  out.prefix = std::min(prefix, other_prefix);
  return out;
}

std::string Address::v4_text() const {
  return fmt::format("{}.{}.{}.{}", bytes[12], bytes[13], bytes[14], bytes[15]);
}

std::string Address::v6_text() const {
  std::string out;
  for (std::size_t i = 0; i < 16; i += 2) {
    out += fmt::format("{}{:02x}{:02x}", i == 0 ? "" : ":", bytes[i], bytes[i + 1]);
  }
  return out;
}

std::optional<Address> parse_v4(std::string_view text) {
  text = trimmed(text);
  const auto prefix = take_prefix(text, 32);
  Address out;
  out.bytes[10] = out.bytes[11] = 0xFF;
  if (!prefix || !read_v4(text, out.bytes.data() + 12)) return std::nullopt;
  out.prefix = kMappedBits + *prefix;
  return out;
}

std::optional<Address> parse_v6(std::string_view text) {
  text = trimmed(text);
  if (text.find(':') == std::string_view::npos) return parse_v4(text);
  const auto prefix = take_prefix(text, 128);
  if (!prefix) return std::nullopt;
  Address out;
  out.prefix = *prefix;
  const std::size_t gap = text.find("::");
  const auto head = read_groups(text.substr(0, gap));
  if (!head) return std::nullopt;
  if (gap == std::string_view::npos) {
    if (head->size() != 16) return std::nullopt;
    std::copy(head->begin(), head->end(), out.bytes.begin());
    return out;
  }
  const auto tail = read_groups(text.substr(gap + 2));
  if (!tail || head->size() + tail->size() > 14) return std::nullopt;
  std::copy(head->begin(), head->end(), out.bytes.begin());
  std::copy_backward(tail->begin(), tail->end(), out.bytes.end());
  return out;
}

int compare(const Address& a, const Address& b) {
  const Address x = a.shortened(b.prefix).masked();
  const Address y = b.shortened(a.prefix).masked();
  if (x.bytes == y.bytes) return 0;
  return x.bytes < y.bytes ? -1 : 1;
}

}  // namespace kql::natives
