#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "audit/event.h"
#include "audit/rules.h"
#include "audit/sockaddr.h"

namespace agent::trail {

// A system call about sockets, of an audit event. Threads: pure.
struct SocketCall {
  audit::Activity activity = audit::Activity::Other;  // Socket, Connect or Accept
  bool in_progress = false;                           // connect: whether it succeeds is not known
  std::uint32_t pid = 0;
  std::uint32_t uid = 0;
  std::string executable;
  std::string comm;
  // The socket: made, connected or accepted; nullopt: hidden behind socketcall's pointer.
  std::optional<int> fd;
  int family = 0;  // of Socket
  int type = 0;    // of Socket: SOCK_STREAM, ...
  std::optional<audit::SocketAddress> peer;
};

// nullopt: another call, or one that failed.
std::optional<SocketCall> read_socket_call(const audit::Event& event);

}  // namespace agent::trail
