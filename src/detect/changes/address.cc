#include "detect/changes/address.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include <arpa/inet.h>

namespace detect::changes {
namespace {

using Bytes = std::array<std::uint8_t, 16>;

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::size_t kNetworkV4 = 3;  // bytes of 4
constexpr std::size_t kNetworkV6 = 8;  // of 16
constexpr std::uint8_t kLoopbackV4 = 127;

std::string written(int family, const std::uint8_t* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  return ::inet_ntop(family, bytes, text.data(), text.size()) == nullptr ? std::string()
                                                                         : std::string(text.data());
}

Source source(int family, Bytes bytes, std::size_t length, std::size_t network) {
  Source out;
  out.address = written(family, bytes.data());
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(network),
            bytes.begin() + static_cast<std::ptrdiff_t>(length), std::uint8_t{0});
  out.network = written(family, bytes.data()) + "/" + std::to_string(network * 8);
  return out;
}

}  // namespace

std::optional<Source> source_of(std::string_view address) {
  // A zone is not part of who it is.
  const std::string text(address.substr(0, address.find('%')));
  Bytes bytes{};
  if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) {
    if (bytes[0] == 0 || bytes[0] == kLoopbackV4) return std::nullopt;
    return source(AF_INET, bytes, 4, kNetworkV4);
  }
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return std::nullopt;
  if (std::ranges::equal(kMapped, std::span(bytes).first<12>())) {
    std::array<char, INET_ADDRSTRLEN> v4{};
    if (::inet_ntop(AF_INET, bytes.data() + 12, v4.data(), v4.size()) == nullptr)
      return std::nullopt;
    return source_of(v4.data());
  }
  const bool zeros = std::ranges::all_of(std::span(bytes).first<15>(),
                                         [](std::uint8_t byte) { return byte == 0; });
  if (zeros && bytes[15] <= 1) return std::nullopt;
  return source(AF_INET6, bytes, bytes.size(), kNetworkV6);
}

}  // namespace detect::changes
