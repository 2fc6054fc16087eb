#include "hub/network/address.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include <arpa/inet.h>

#include "base/bytes.h"
#include "base/text.h"

namespace hub::network {

namespace {

using V4 = std::array<std::uint8_t, 4>;
using V6 = std::array<std::uint8_t, 16>;

struct Prefix {
  V4 bytes;
  unsigned bits;
};
// Those of RFC 6890 that many have at once.
constexpr std::array<Prefix, 9> kEverywhere = {{{{10, 0, 0, 0}, 8},
                                                {{100, 64, 0, 0}, 10},
                                                {{169, 254, 0, 0}, 16},
                                                {{172, 16, 0, 0}, 12},
                                                {{192, 0, 0, 0}, 24},
                                                {{192, 0, 2, 0}, 24},
                                                {{192, 168, 0, 0}, 16},
                                                {{198, 18, 0, 0}, 15},
                                                {{198, 51, 100, 0}, 24}}};

std::uint32_t number_of(const V4& bytes) {
  return std::uint32_t{bytes[0]} << 24U | std::uint32_t{bytes[1]} << 16U |
         std::uint32_t{bytes[2]} << 8U | bytes[3];
}

bool holds(const Prefix& prefix, const V4& bytes) {
  const unsigned rest = 32 - prefix.bits;
  return number_of(prefix.bytes) >> rest == number_of(bytes) >> rest;
}

std::optional<HostAddress> of_v4(const V4& bytes) {
  // "This" network, loopback, multicast, reserved and broadcast.
  if (bytes[0] == 0 || bytes[0] == 127 || bytes[0] >= 224) return std::nullopt;
  std::array<char, INET_ADDRSTRLEN> text{};
  if (::inet_ntop(AF_INET, bytes.data(), text.data(), text.size()) == nullptr) return std::nullopt;
  const bool everywhere = std::ranges::any_of(
      kEverywhere, [&bytes](const Prefix& prefix) { return holds(prefix, bytes); });
  return HostAddress{text.data(), !everywhere};
}

std::optional<HostAddress> of_v6(const V6& bytes) {
  const bool starts_with_zeros =
      std::all_of(bytes.begin(), bytes.begin() + 10, [](std::uint8_t byte) { return byte == 0; });
  if (starts_with_zeros && bytes[10] == 0xFF && bytes[11] == 0xFF)
    return of_v4({bytes[12], bytes[13], bytes[14], bytes[15]});
  if (starts_with_zeros || bytes[0] == 0xFF) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(AF_INET6, bytes.data(), text.data(), text.size()) == nullptr) return std::nullopt;
  // 2000::/3 without the addresses of documents.
  const bool documents =
      bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0D && bytes[3] == 0xB8;
  return HostAddress{text.data(), (bytes[0] & 0xE0U) == 0x20 && !documents};
}

}  // namespace

std::optional<HostAddress> host_address(std::string_view text) {
  // A zone says by which interface, which is nobody else's matter; inet_pton wants an end.
  const std::string plain(text.substr(0, text.find('%')));
  V6 v6{};
  if (::inet_pton(AF_INET6, plain.c_str(), v6.data()) == 1) return of_v6(v6);
  V4 v4{};
  if (::inet_pton(AF_INET, plain.c_str(), v4.data()) == 1) return of_v4(v4);
  return std::nullopt;
}

std::optional<HardwareAddress> hardware_address(std::string_view text) {
  constexpr std::size_t kLength = 17;
  if (text.size() != kLength) return std::nullopt;
  std::string digits;
  for (std::size_t i = 0; i < kLength; ++i) {
    if (i % 3 != 2) {
      digits += text[i];
    } else if (text[i] != ':' && text[i] != '-') {
      return std::nullopt;
    }
  }
  const auto bytes = base::hex_decode(digits);
  if (!bytes || std::ranges::all_of(*bytes, [](std::uint8_t byte) { return byte == 0; }))
    return std::nullopt;
  if ((bytes->front() & 1U) != 0) return std::nullopt;
  HardwareAddress out{base::to_lower(text), (bytes->front() & 2U) == 0};
  std::ranges::replace(out.text, '-', ':');
  return out;
}

}  // namespace hub::network
