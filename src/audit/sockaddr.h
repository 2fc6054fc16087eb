#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace audit {

// A socket's address, as the field saddr of a SOCKADDR record holds it in hexadecimal.
struct SocketAddress {
  std::uint16_t family = 0;  // AF_INET, ...
  std::string ip;            // of IPv4 and IPv6; an IPv4 address within IPv6 as IPv4
  std::uint16_t port = 0;
  std::string path;  // of AF_UNIX; an abstract one begins with '@'; empty: none
};

// `family` alone for families that this does not know. Errors: Truncated. Threads: pure.
base::Result<SocketAddress> read_socket_address(base::ByteView bytes);
// From the field itself. Errors: Truncated, Malformed.
base::Result<SocketAddress> read_saddr(std::string_view hex);

}  // namespace audit
