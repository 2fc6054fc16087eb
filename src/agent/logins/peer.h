#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace agent::logins {

// The two ends of a connection.
struct Connection {
  std::string local_address;
  std::string local_port;
  std::string remote_address;
  std::string remote_port;
};

// The established connection of a process, in its own network namespace; nullopt: it has none, is
// gone, or may not be looked at. For processes that serve one peer. Threads: any.
std::optional<Connection> connection_of(std::uint32_t pid, const std::string& proc = "/proc");

// The first established connection with one of these socket inodes, in the text of /proc/net/tcp or
// tcp6. Threads: pure. Source: proc_net(5).
std::optional<Connection> find_connection(std::string_view table,
                                          const std::set<std::uint64_t>& inodes);

}  // namespace agent::logins
