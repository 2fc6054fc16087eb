#pragma once

#include <optional>
#include <string>
#include <string_view>

// Addresses by which sensors and agents mean the same device. Threads: pure.
namespace hub::network {

struct HostAddress {
  std::string text;     // as RFC 5952 has it; IPv4 in IPv6's clothes is IPv4
  bool global = false;  // one in the world has it; else every site may have its own
};

// Of one host. nullopt: no address, or one that is nobody's own: unspecified, loopback, multicast,
// broadcast.
std::optional<HostAddress> host_address(std::string_view text);

struct HardwareAddress {
  std::string text;        // 00:1d:9c:c7:b0:70
  bool universal = false;  // given by who made it; else by software, perhaps the same elsewhere
};

// Of one network card. nullopt: none, or that of a group, or zero.
std::optional<HardwareAddress> hardware_address(std::string_view text);

}  // namespace hub::network
