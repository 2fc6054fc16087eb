#pragma once

#include <optional>
#include <string>
#include <string_view>

// Addresses that attempts come from; for the sources of this folder. Threads: pure.
namespace detect::changes {

struct Source {
  std::string address;  // as it is usually written; IPv4 in IPv6 is IPv4
  std::string network;  // 198.51.100.0/24, 2001:db8:1:2::/64: what one owner usually has
};

// nullopt: no address, an unspecified one, or one of the device itself.
std::optional<Source> source_of(std::string_view address);

}  // namespace detect::changes
