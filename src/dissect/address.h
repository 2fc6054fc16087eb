#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>

#include "base/bytes.h"

namespace dissect {

// IPv6, or IPv4 mapped into it (::ffff:0:0/96), in network byte order. All zero: none.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};

  // Exactly 4 or 16 bytes; anything else gives no address.
  static IpAddress of(base::ByteView network_order);

  bool none() const { return *this == IpAddress{}; }
  bool v4() const;
  // Nobody's own address: 224/4, ff00::/8, 255.255.255.255.
  bool group() const;
  // "192.0.2.7", "2001:db8::7" (RFC 5952); empty for none.
  std::string text() const;

  auto operator<=>(const IpAddress&) const = default;
};

// An Ethernet address (EUI-48). All zero: none.
struct MacAddress {
  std::array<std::uint8_t, 6> bytes{};

  // Exactly 6 bytes; anything else gives no address.
  static MacAddress of(base::ByteView network_order);

  bool none() const { return *this == MacAddress{}; }
  // Multicast or broadcast (IEEE 802, group bit).
  bool group() const { return (bytes[0] & 1U) != 0; }
  // Not from a manufacturer's block (local bit).
  bool local() const { return (bytes[0] & 2U) != 0; }
  // "00:1d:9c:c7:b0:70"; empty for none.
  std::string text() const;

  auto operator<=>(const MacAddress&) const = default;
};

// One end of what is said.
struct End {
  MacAddress mac;
  IpAddress ip;
  std::uint16_t port = 0;  // 0: none

  bool operator==(const End&) const = default;
};

}  // namespace dissect
