#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "dissect/objects.h"
#include "dissect/sink.h"

namespace dissect::ads {

inline constexpr std::uint32_t kDiscoveryMagic = 0x71146603;

// A message of TwinCAT's discovery, as a datagram carries it: who is there, and "add a route to
// me", which needs a user and a password (that are not shown). Anything else is told as an issue.
void read_discovery(base::ByteView datagram, Objects& objects, Sink& sink);

}  // namespace dissect::ads
