#include "detect/custom/address_set.h"

#include <algorithm>

#include <arpa/inet.h>

#include "base/text.h"

namespace detect::custom {
namespace {

constexpr std::size_t kPrefix = 12;  // bytes of ::ffff: before an IPv4 address
constexpr unsigned kPrefixBits = 96;
constexpr std::array<std::uint8_t, kPrefix> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

}  // namespace

bool Address::is_v4() const {
  return std::equal(kMapped.begin(), kMapped.end(), bytes.begin());
}

bool Address::is_loopback() const {
  if (is_v4()) return bytes[kPrefix] == 127;
  return std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; }) &&
         bytes.back() == 1;
}

bool Address::is_unspecified() const {
  return std::all_of(bytes.begin() + (is_v4() ? kPrefix : 0), bytes.end(),
                     [](std::uint8_t byte) { return byte == 0; });
}

std::string Address::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = is_v4();
  const char* written = ::inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data() + (v4 ? kPrefix : 0),
                                    text.data(), static_cast<socklen_t>(text.size()));
  return written == nullptr ? std::string() : std::string(written);
}

std::optional<Address> parse_address(std::string_view text) {
  // inet_pton wants an end, and knows no zones.
  std::array<char, INET6_ADDRSTRLEN> copy{};
  text = text.substr(0, text.find('%'));
  if (text.empty() || text.size() >= copy.size()) return std::nullopt;
  std::copy(text.begin(), text.end(), copy.begin());
  Address out;
  if (::inet_pton(AF_INET6, copy.data(), out.bytes.data()) == 1) return out;
  std::copy(kMapped.begin(), kMapped.end(), out.bytes.begin());
  if (::inet_pton(AF_INET, copy.data(), out.bytes.data() + kPrefix) == 1) return out;
  return std::nullopt;
}

bool Block::contains(const Address& other) const {
  const std::size_t whole = bits / 8;
  if (!std::equal(address.bytes.begin(), address.bytes.begin() + static_cast<std::ptrdiff_t>(whole),
                  other.bytes.begin())) {
    return false;
  }
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFFU << (8 - bits % 8));
  return ((address.bytes[whole] ^ other.bytes[whole]) & mask) == 0;
}

std::optional<Block> parse_block(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  Block block{*address, 128};
  if (slash != std::string_view::npos) {
    const bool dotted = text.substr(0, slash).find(':') == std::string_view::npos;
    const auto bits = base::parse_int(text.substr(slash + 1));
    if (!bits || *bits < 0 || *bits > (dotted ? 32 : 128)) return std::nullopt;
    block.bits = static_cast<unsigned>(*bits) + (dotted ? kPrefixBits : 0);
  }
  for (std::size_t i = 0; i < block.address.bytes.size(); ++i) {
    const auto before = static_cast<unsigned>(i) * 8;
    const unsigned kept = block.bits > before ? std::min(block.bits - before, 8U) : 0;
    block.address.bytes[i] &= static_cast<std::uint8_t>(0xFFU << (8 - kept));
  }
  return block;
}

const Block* AddressSet::find(const Address& address) const {
  for (const Block& block : blocks_) {
    if (block.contains(address)) return &block;
  }
  return nullptr;
}

}  // namespace detect::custom
