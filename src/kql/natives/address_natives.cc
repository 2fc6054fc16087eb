// ipv4_*, ipv6_* and the search for addresses in text.

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json.h"
#include "kql/natives/address.h"
#include "kql/natives/native.h"

namespace kql::natives {
namespace {

using Parser = std::optional<Address> (*)(std::string_view);

constexpr int kMappedBits = 96;

// The argument as an address; a third argument, where there is one, shortens its prefix.
template <Parser parse, int kFirstBit>
std::optional<Address> address_at(Arguments arguments, std::size_t index, std::size_t prefix) {
  const auto text = text_at(arguments, index);
  if (!text) return std::nullopt;
  auto out = parse(*text);
  if (!out || prefix >= arguments.size()) return out;
  const auto bits = long_at(arguments, prefix);
  if (!bits || *bits < 0 || *bits > 128 - kFirstBit) return std::nullopt;
  // IPv4 within IPv6 functions counts its prefix in IPv4's bits.
  return out->shortened(kFirstBit + static_cast<int>(*bits));
}

template <Parser parse, int kFirstBit>
Outcome compare_addresses(Arguments arguments) {
  const auto a = address_at<parse, kFirstBit>(arguments, 0, 2);
  const auto b = address_at<parse, kFirstBit>(arguments, 1, 2);
  if (!a || !b) return {};
  return std::int64_t{compare(*a, *b)};
}

template <Parser parse, int kFirstBit>
Outcome match_addresses(Arguments arguments) {
  const auto a = address_at<parse, kFirstBit>(arguments, 0, 2);
  const auto b = address_at<parse, kFirstBit>(arguments, 1, 2);
  if (!a || !b) return {};
  return compare(*a, *b) == 0;
}

// Unlike a match, only the range's prefix counts.
bool within(const Address& address, const Address& range) {
  return address.shortened(range.prefix).masked().bytes == range.masked().bytes;
}

template <Parser parse>
Outcome in_any_range(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  auto address = text ? parse(*text) : std::nullopt;
  if (!address) return {};
  bool valid = false;
  const auto check = [&](std::string_view range_text) {
    const auto range = parse(range_text);
    valid = valid || range.has_value();
    return range && within(*address, *range);
  };
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto ranges = text_at(arguments, i);
    if (!ranges) continue;
    // One range, or a JSON array of them.
    const auto list = base::json::parse(*ranges);
    const auto* items = list ? list->if_array() : nullptr;
    if (items == nullptr) {
      const std::string* only = list ? list->if_string() : nullptr;
      if (check(only == nullptr ? *ranges : std::string_view(*only))) return true;
      continue;
    }
    for (const base::json::Value& each : *items) {
      if (const std::string* range = each.if_string(); range && check(*range)) return true;
    }
  }
  if (!valid) return {};
  return false;
}

Outcome parse_v4_number(Arguments arguments) {
  const auto address = address_at<parse_v4, kMappedBits>(arguments, 0, 1);
  if (!address) return {};
  return std::int64_t{address->masked().v4()};
}

Outcome is_private(Arguments arguments) {
  static constexpr std::array kRanges{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"};
  const auto address = address_at<parse_v4, kMappedBits>(arguments, 0, 1);
  if (!address) return {};
  return std::any_of(kRanges.begin(), kRanges.end(), [&](const char* range) {
    const auto known = parse_v4(range);
    return address->prefix >= known->prefix && within(*address, *known);
  });
}

Outcome netmask_suffix(Arguments arguments) {
  const auto address = address_at<parse_v4, kMappedBits>(arguments, 0, 1);
  if (!address) return {};
  return std::int64_t{address->prefix - kMappedBits};
}

// format_ipv4("192.168.1.1", 24) and of a number: empty when it is none.
template <bool kMask>
Outcome format_v4(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  if (!text) return std::string();
  std::int64_t number = 0;
  std::string dotted(*text);
  if (!text->empty() && text->find_first_not_of("0123456789") == std::string_view::npos &&
      text->size() < 11) {
    number = std::stoll(dotted);
    if (number > 0xFFFFFFFFLL) return std::string();
    dotted = fmt::format("{}.{}.{}.{}", number >> 24, number >> 16 & 255, number >> 8 & 255,
                         number & 255);
  }
  auto address = parse_v4(dotted);
  const auto bits = long_at(arguments, 1);
  if (!address || (arguments.size() > 1 && (!bits || *bits < 0 || *bits > 32))) {
    return std::string();
  }
  if (bits) address = address->shortened(kMappedBits + static_cast<int>(*bits));
  std::string out = address->masked().v4_text();
  if (kMask) out += fmt::format("/{}", address->prefix - kMappedBits);
  return out;
}

Outcome parse_v6_text(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  auto address = text ? parse_v6(*text) : std::nullopt;
  if (!address) return {};
  if (const auto bits = long_at(arguments, 1)) {
    if (*bits < 0 || *bits > 128) return {};
    address = address->shortened(static_cast<int>(*bits));
  }
  return address->masked().v6_text();
}

bool is_term(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         static_cast<unsigned char>(c) >= 0x80;
}

// Where the text has it, not as a part of a longer word or number.
bool has_address(std::string_view text, std::string_view wanted, bool whole) {
  if (wanted.empty()) return false;
  for (std::size_t at = text.find(wanted); at != std::string_view::npos;
       at = text.find(wanted, at + 1)) {
    const bool starts = at == 0 || (!is_term(text[at - 1]) && text[at - 1] != '.');
    if (!starts) continue;
    if (whole) {
      const std::size_t end = at + wanted.size();
      const bool more = end < text.size() && is_term(text[end]);
      const bool dotted = end + 1 < text.size() && text[end] == '.' && is_term(text[end + 1]);
      if (!more && !dotted) return true;
      continue;
    }
    // What follows the prefix must make it a whole address.
    const std::size_t stop = std::min(text.find_first_not_of("0123456789.", at), text.size());
    std::string_view candidate = text.substr(at, stop - at);
    while (!candidate.empty() && candidate.back() == '.')
      candidate.remove_suffix(1);
    const bool ends = stop == text.size() || !is_term(text[stop]);
    if (ends && parse_v4(candidate)) return true;
  }
  return false;
}

// The first argument has any of the others, each an address or a JSON array of them.
template <bool kWhole>
Outcome has_any_v4(Arguments arguments) {
  const auto text = text_at(arguments, 0);
  if (!text) return false;
  const auto check = [&](std::string_view wanted) {
    return (!kWhole || parse_v4(wanted)) && has_address(*text, wanted, kWhole);
  };
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto wanted = text_at(arguments, i);
    if (!wanted) continue;
    const auto list = base::json::parse(*wanted);
    const auto* items = list ? list->if_array() : nullptr;
    if (items == nullptr) {
      const std::string* only = list ? list->if_string() : nullptr;
      if (check(only == nullptr ? *wanted : std::string_view(*only))) return true;
      continue;
    }
    for (const base::json::Value& each : *items) {
      if (const std::string* one = each.if_string(); one && check(*one)) return true;
    }
  }
  return false;
}

constexpr std::array kNatives{
    Native{"native_ipv4_compare", "TTL*:L", compare_addresses<parse_v4, kMappedBits>},
    Native{"native_ipv4_match", "TTL*:B", match_addresses<parse_v4, kMappedBits>},
    Native{"native_ipv6_compare", "TTL*:L", compare_addresses<parse_v6, 0>},
    Native{"native_ipv6_match", "TTL*:B", match_addresses<parse_v6, 0>},
    Native{"native_ipv4_in_range", "TT*:B", in_any_range<parse_v4>},
    Native{"native_ipv6_in_range", "TT*:B", in_any_range<parse_v6>},
    Native{"native_parse_ipv4", "TL*:L", parse_v4_number},
    Native{"native_ipv4_private", "T:B", is_private},
    Native{"native_ipv4_suffix", "T:L", netmask_suffix},
    Native{"native_format_ipv4", "TL*:T", format_v4<false>},
    Native{"native_format_ipv4_mask", "TL*:T", format_v4<true>},
    Native{"native_parse_ipv6", "TL*:T", parse_v6_text},
    Native{"native_has_ipv4", "TT*:B", has_any_v4<true>},
    Native{"native_has_ipv4_prefix", "TT*:B", has_any_v4<false>},
};

}  // namespace

std::span<const Native> address_natives() {
  return kNatives;
}

}  // namespace kql::natives
