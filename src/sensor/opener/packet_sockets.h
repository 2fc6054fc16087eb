#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace sensor::opener {

// Rings of an interface (packet(7), TPACKET_V3). Several share its packets by flow.
struct Wanted {
  std::string interface;
  unsigned int count = 1;
  std::size_t bytes = 0;  // of each, in whole blocks
};

inline constexpr unsigned int kMostRings = 64;
inline constexpr std::size_t kBlock = 1U << 20U;  // bytes of a ring that are handed over at once
inline constexpr std::size_t kFewestBlocks = 4;
inline constexpr std::size_t kMostBlocks = 4096;

// Whether that may be asked for at all, of a machine with so many bytes of memory: what is wanted
// is the kernel's own, and counted to nobody. Errors: Invalid (not the name of an interface, or
// numbers out of range), TooLarge (more than half of the memory). Threads: pure.
base::Result<void> check(const Wanted& wanted, std::uint64_t memory);

// Sockets of all that comes and goes there, promiscuous, with their rings; not mapped yet, so that
// another process can do that. Needs CAP_NET_RAW; reading from them needs nothing. `wanted` was
// checked. Errors: NotFound (no such interface), Denied (no CAP_NET_RAW), Io with the step.
base::Result<std::vector<os::Fd>> open_packet_sockets(const Wanted& wanted);

}  // namespace sensor::opener
