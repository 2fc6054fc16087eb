#pragma once

#include "dissect/protocol.h"

namespace dissect::ptp {

// Precision Time Protocol, version 2 (and headers of version 1), over Ethernet and UDP: who is the
// grandmaster, delays asked for, signaling, management with what it says of clocks. The unit of a
// transaction is the domain.
// Source: IEEE 1588-2008 and 1588-2019, section 13 to 15 and annexes D to F.
extern const Protocol kProtocol;

}  // namespace dissect::ptp
