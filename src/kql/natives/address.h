#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kql::natives {

// An IPv4 or IPv6 address with its prefix: 192.168.1.1/24. IPv4 is kept as IPv4-mapped IPv6
// (RFC 4291, 2.5.5.2), so that both compare. Threads: pure.
struct Address {
  std::array<std::uint8_t, 16> bytes{};
  int prefix = 128;  // of the 128 bits; an IPv4 /24 is 120

  bool is_v4() const;
  std::uint32_t v4() const;
  // Bits behind the prefix set to 0.
  Address masked() const;
  // With the shorter of both prefixes.
  Address shortened(int other_prefix) const;
  std::string v4_text() const;
  // Eight groups of four digits, none left out: as the language writes IPv6.
  std::string v6_text() const;
};

// Four numbers of up to 255, "/0" to "/32" behind them.
std::optional<Address> parse_v4(std::string_view text);
// RFC 4291 with "::" and an embedded IPv4, "/0" to "/128" behind; plain IPv4, too.
std::optional<Address> parse_v6(std::string_view text);

// -1, 0 or 1, over the bits that both prefixes cover.
int compare(const Address& a, const Address& b);

}  // namespace kql::natives
