#include "detect/posture/ranges.h"

#include <algorithm>
#include <bit>

#include <arpa/inet.h>

#include "base/text.h"

namespace detect::posture {
namespace {

constexpr unsigned kWideV4 = 16;
constexpr unsigned kWideV6 = 32;
constexpr std::uint32_t kPorts = 65'536;

unsigned length_of(const Prefix& prefix) {
  return prefix.v6 ? 128 : 32;
}

std::optional<Prefix> parse_address(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  text = text.substr(0, text.find('%'));
  const std::string terminated(text);
  Prefix out;
  if (::inet_pton(AF_INET, terminated.c_str(), out.bytes.data()) == 1) {
    out.bits = 32;
    return out;
  }
  if (::inet_pton(AF_INET6, terminated.c_str(), out.bytes.data()) != 1) return std::nullopt;
  out.v6 = true;
  out.bits = 128;
  return out;
}

// 255.255.0.0 -> 16; nullopt where bits have a hole.
std::optional<unsigned> mask_bits(const Prefix& mask) {
  unsigned bits = 0;
  bool ended = false;
  for (std::size_t i = 0; i < length_of(mask) / 8; ++i) {
    const auto ones = static_cast<unsigned>(std::countl_one(mask.bytes[i]));
    const bool clean = std::popcount(mask.bytes[i]) == static_cast<int>(ones);
    if (!clean || (ended && ones != 0)) return std::nullopt;
    bits += ones;
    ended = ended || ones != 8;
  }
  return bits;
}

// ::ffff:10.0.0.0/104 is 10.0.0.0/8.
Prefix unmapped(const Prefix& prefix) {
  constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  if (!prefix.v6 || prefix.bits < 96 ||
      !std::equal(kMapped.begin(), kMapped.end(), prefix.bytes.begin()))
    return prefix;
  Prefix out;
  std::copy(prefix.bytes.begin() + 12, prefix.bytes.end(), out.bytes.begin());
  out.bits = prefix.bits - 96;
  return out;
}

bool is_any_word(std::string_view text) {
  return text.empty() || text == "*" || base::equal_ignore_case(text, "any") ||
         base::equal_ignore_case(text, "anywhere") || base::equal_ignore_case(text, "all");
}

// A range "first-last" of addresses that is wide: its ends differ within the bits that a prefix
// that is not wide would fix.
std::optional<bool> is_wide_range(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto first = parse_prefix(base::trim(text.substr(0, dash)));
  const auto last = parse_prefix(base::trim(text.substr(dash + 1)));
  if (!first || !last || first->v6 != last->v6) return std::nullopt;
  const unsigned bits = first->v6 ? kWideV6 : kWideV4;
  const Prefix low = first->shortened(bits);
  const Prefix high = last->shortened(bits);
  if (low == high) return false;
  // Two neighbours may still be no more than one prefix is worth.
  Prefix next = low;
  for (std::size_t i = bits / 8; i-- > 0;) {
    if (++next.bytes[i] != 0) break;
  }
  if (next != high) return true;
  return std::lexicographical_compare(first->bytes.begin() + bits / 8, first->bytes.end(),
                                      last->bytes.begin() + bits / 8, last->bytes.end());
}

template <class Predicate>
bool all_are(std::string_view field, Predicate predicate) {
  const std::vector<std::string_view> parts = list_parts(field);
  if (parts.empty() || base::trim(field).starts_with('!')) return false;
  return std::ranges::all_of(parts, [&](std::string_view part) {
    const auto prefix = parse_prefix(part.substr(0, part.find('-')));
    return prefix && predicate(*prefix);
  });
}

std::optional<std::uint32_t> port_number(std::string_view text) {
  const auto number = base::parse_int(base::trim(text));
  if (!number || *number < 0 || *number >= kPorts) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::optional<std::uint32_t> count_part(std::string_view part) {
  if (is_any_word(part)) return kPorts;
  const auto dash = part.find_first_of("-:");
  if (dash == std::string_view::npos) {
    if (!port_number(part)) return std::nullopt;
    return 1;
  }
  const std::string_view low_text = base::trim(part.substr(0, dash));
  const std::string_view high_text = base::trim(part.substr(dash + 1));
  const auto low = low_text.empty() ? 0 : port_number(low_text);
  const auto high = high_text.empty() ? kPorts - 1 : port_number(high_text);
  if (!low || !high || *low > *high) return std::nullopt;
  return *high - *low + 1;
}

}  // namespace

bool Prefix::holds(const Prefix& other) const {
  return v6 == other.v6 && other.bits >= bits && other.shortened(bits).bytes == bytes;
}

Prefix Prefix::shortened(unsigned wanted) const {
  Prefix out = *this;
  if (wanted >= bits) return out;
  out.bits = wanted;
  for (std::size_t i = 0; i < out.bytes.size(); ++i) {
    const std::size_t start = i * 8;
    if (start >= wanted) {
      out.bytes[i] = 0;
    } else if (wanted - start < 8) {
      out.bytes[i] = static_cast<std::uint8_t>(out.bytes[i] & (0xFF00U >> (wanted - start)));
    }
  }
  return out;
}

std::string Prefix::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text.data(), text.size());
  return std::string(text.data()) + "/" + std::to_string(bits);
}

std::optional<Prefix> parse_prefix(std::string_view text) {
  text = base::trim(text);
  const auto slash = text.find('/');
  auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash != std::string_view::npos) {
    const std::string_view length = text.substr(slash + 1);
    if (const auto bits = base::parse_int(length)) {
      if (*bits < 0 || *bits > static_cast<std::int64_t>(length_of(*address))) return std::nullopt;
      *address = address->shortened(static_cast<unsigned>(*bits));
    } else {
      const auto mask = parse_address(length);
      if (!mask || mask->v6 != address->v6) return std::nullopt;
      const auto mask_length = mask_bits(*mask);
      if (!mask_length) return std::nullopt;
      *address = address->shortened(*mask_length);
    }
  }
  return unmapped(*address);
}

bool is_wide(const Prefix& prefix) {
  return prefix.bits < (prefix.v6 ? kWideV6 : kWideV4);
}

bool is_loopback(const Prefix& prefix) {
  if (!prefix.v6) return prefix.bits >= 8 && prefix.bytes[0] == 127;
  Prefix one;
  one.v6 = true;
  one.bits = 128;
  one.bytes[15] = 1;
  return prefix == one;
}

bool is_multicast(const Prefix& prefix) {
  if (prefix.v6) return prefix.bits >= 8 && prefix.bytes[0] == 0xFF;
  return (prefix.bits >= 4 && (prefix.bytes[0] & 0xF0U) == 0xE0U) ||
         (prefix.bits == 32 && std::ranges::all_of(std::span(prefix.bytes).first(4),
                                                   [](std::uint8_t byte) { return byte == 255; }));
}

std::vector<std::string_view> list_parts(std::string_view field) {
  field = base::trim(field);
  if (field.size() >= 2 && field.front() == '{' && field.back() == '}')
    field = base::trim(field.substr(1, field.size() - 2));
  std::vector<std::string_view> parts;
  while (!field.empty()) {
    const auto end = field.find_first_of(",;");
    const std::string_view part = base::trim(field.substr(0, end));
    if (!part.empty()) parts.push_back(part);
    if (end == std::string_view::npos) break;
    field.remove_prefix(end + 1);
  }
  return parts;
}

bool is_wide_address(std::string_view field) {
  field = base::trim(field);
  if (is_any_word(field)) return true;
  // All but these.
  if (field.starts_with('!')) return true;
  return std::ranges::any_of(list_parts(field), [](std::string_view part) {
    if (is_any_word(part)) return true;
    if (const auto range = is_wide_range(part)) return *range;
    const auto prefix = parse_prefix(part);
    return prefix && is_wide(*prefix);
  });
}

bool is_loopback_address(std::string_view field) {
  return all_are(field, is_loopback);
}

bool is_multicast_address(std::string_view field) {
  return all_are(field, is_multicast);
}

std::optional<std::uint32_t> count_ports(std::string_view field) {
  field = base::trim(field);
  if (is_any_word(field)) return kPorts;
  if (field.starts_with('!')) {
    field.remove_prefix(1);
    if (field.starts_with('=')) field.remove_prefix(1);
    const auto without = count_ports(field);
    if (!without) return std::nullopt;
    return kPorts - std::min(*without, kPorts);
  }
  const std::vector<std::string_view> parts = list_parts(field);
  if (parts.empty()) return std::nullopt;
  std::uint32_t sum = 0;
  for (const std::string_view part : parts) {
    const auto count = count_part(part);
    if (!count) return std::nullopt;
    sum = std::min(kPorts, sum + *count);
  }
  return sum;
}

}  // namespace detect::posture
