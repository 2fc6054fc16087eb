#pragma once

#include <memory>

#include "agent/watch/snapshot.h"

namespace agent::snapshot::ports {

// ListeningPorts: sockets that wait for connections (TCP, SCTP) or for anybody's datagrams (UDP,
// UDP-Lite, raw), IPv4 and IPv6, with the process that holds each. Of this process's network
// namespace by inet_diag, else from /proc/net; of those of other processes from /proc/PID/net.
std::unique_ptr<Snapshot> make();

}  // namespace agent::snapshot::ports
