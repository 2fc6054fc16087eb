#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// IP addresses as lists of custom alerts compare them. Threads: pure.
namespace detect::custom {

// IPv4 is kept as IPv6 writes it (::ffff:192.0.2.7), so that both ways of writing it are one.
struct Address {
  std::array<std::uint8_t, 16> bytes{};

  bool is_v4() const;
  bool is_loopback() const;     // 127.0.0.0/8, ::1
  bool is_unspecified() const;  // 0.0.0.0, ::
  // As people write it: an IPv4 address as one.
  std::string to_string() const;
  auto operator<=>(const Address&) const = default;
};
std::optional<Address> parse_address(std::string_view text);

// Addresses that agree in their first bits.
struct Block {
  Address address;  // the other bits are zero
  unsigned bits = 128;

  bool contains(const Address& other) const;
};
// "10.0.0.0/8", "2001:db8::/32", "::ffff:10.0.0.0/104", or one address. Bits behind the prefix do
// not count.
std::optional<Block> parse_block(std::string_view text);

class AddressSet {
 public:
  void add(const Block& block) { blocks_.push_back(block); }
  // The block that holds it; nullptr: none does. Lives as long as the set is not changed.
  const Block* find(const Address& address) const;

 private:
  std::vector<Block> blocks_;
};

}  // namespace detect::custom
