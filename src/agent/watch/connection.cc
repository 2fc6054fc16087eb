#include "agent/watch/connection.h"

#include <algorithm>
#include <span>

#include <arpa/inet.h>

namespace agent::connections {

namespace {
constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::array<std::uint8_t, 16> kLoopback6 = {0, 0, 0, 0, 0, 0, 0, 0,
                                                     0, 0, 0, 0, 0, 0, 0, 1};
}  // namespace

Address Address::v4(std::array<std::uint8_t, 4> bytes) {
  Address address;
  // All zero stays "not known".
  if (bytes == std::array<std::uint8_t, 4>{}) return address;
  std::ranges::copy(kMapped, address.bytes.begin());
  std::ranges::copy(bytes, address.bytes.begin() + kMapped.size());
  return address;
}

bool Address::is_v4() const {
  return std::ranges::equal(kMapped, std::span(bytes).first(kMapped.size()));
}

bool Address::is_loopback() const {
  return is_v4() ? bytes[12] == 127 : bytes == kLoopback6;
}

std::string Address::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool four = is_v4();
  ::inet_ntop(four ? AF_INET : AF_INET6, bytes.data() + (four ? kMapped.size() : 0), text.data(),
              text.size());
  return text.data();
}

}  // namespace agent::connections
