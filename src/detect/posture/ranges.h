#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Addresses and ports as firewalls write them. Threads: pure.
namespace detect::posture {

// An address and how much of it counts; IPv4 mapped into IPv6 is IPv4.
struct Prefix {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // bits beyond the prefix are 0
  unsigned bits = 0;

  auto operator<=>(const Prefix&) const = default;
  bool holds(const Prefix& other) const;
  std::string to_string() const;  // "10.0.0.0/8"
  // Cut to fewer bits; as it is when it has no more.
  Prefix shortened(unsigned bits) const;
};

// "10.0.0.0/8", "10.0.0.0/255.0.0.0", "2001:db8::/32", one address, also with a zone or in
// brackets. nullopt: it is none.
std::optional<Prefix> parse_prefix(std::string_view text);

// Prefixes that let more than 65,536 IPv4 addresses in, or more than one provider's IPv6 range:
// shorter than /16 or /32.
bool is_wide(const Prefix& prefix);

bool is_loopback(const Prefix& prefix);
bool is_multicast(const Prefix& prefix);

// Whether a rule's address field stands for any address, or a wide range of them: empty, "any",
// "*", prefixes, ranges with '-', lists, "!=" in front.
bool is_wide_address(std::string_view field);
// Whether all that it stands for is loopback, or multicast.
bool is_loopback_address(std::string_view field);
bool is_multicast_address(std::string_view field);

// How many ports a rule's port field stands for: empty, "*", "any", "80", "8000-8080", "80:90",
// lists, "!=" in front. nullopt: it is something else, such as a named set.
std::optional<std::uint32_t> count_ports(std::string_view field);

// The parts of a list "{ 22, 80-90 }", "22,80", "22;80".
std::vector<std::string_view> list_parts(std::string_view field);

}  // namespace detect::posture
