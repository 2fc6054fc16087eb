#pragma once

#include <memory>

#include "agent/watch/connection.h"

namespace agent::connections {

// From the kernel as it happens; complete, with bytes at the end of TCP connections. UDP: the first
// datagram between two ends, and again after two minutes of silence.
// Errors: as bpf::ConnectionProbe::load.
base::Result<std::unique_ptr<Source>> open_ebpf(os::Loop& loop, const SourceOptions& options,
                                                Sink sink);

// Lists of the kernel's sockets, compared each poll interval; in between, the kernel tells which
// sockets it destroyed, so that short TCP connections are seen too, though often without their
// process. Lossy. Errors: Denied, Unsupported, Io.
base::Result<std::unique_ptr<Source>> open_inet_diag(os::Loop& loop, const SourceOptions& options,
                                                     Sink sink);

// The same from /proc/net, without the sockets that were destroyed in between. Lossy; IPv4 and IPv6
// of the agent's own network namespace. Errors: Io.
base::Result<std::unique_ptr<Source>> open_proc(os::Loop& loop, const SourceOptions& options,
                                                Sink sink);

}  // namespace agent::connections
