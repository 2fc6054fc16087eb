#include "dissect/address.h"

#include <algorithm>

#include <arpa/inet.h>

namespace dissect {

namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::of(base::ByteView network_order) {
  IpAddress address;
  if (network_order.size() == 4) {
    std::ranges::copy(kMapped, address.bytes.begin());
    std::ranges::copy(network_order, address.bytes.begin() + kMapped.size());
  } else if (network_order.size() == 16) {
    std::ranges::copy(network_order, address.bytes.begin());
  }
  return address;
}

bool IpAddress::v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

bool IpAddress::group() const {
  if (!v4()) return bytes[0] == 0xff;
  return (bytes[12] & 0xf0U) == 0xe0 || (bytes[12] & bytes[13] & bytes[14] & bytes[15]) == 0xff;
}

std::string IpAddress::text() const {
  if (none()) return {};
  char room[INET6_ADDRSTRLEN];
  const char* const text = v4() ? ::inet_ntop(AF_INET, &bytes[12], room, sizeof room)
                                : ::inet_ntop(AF_INET6, bytes.data(), room, sizeof room);
  return text == nullptr ? std::string() : text;
}

MacAddress MacAddress::of(base::ByteView network_order) {
  MacAddress address;
  if (network_order.size() == address.bytes.size())
    std::ranges::copy(network_order, address.bytes.begin());
  return address;
}

std::string MacAddress::text() const {
  if (none()) return {};
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

}  // namespace dissect
