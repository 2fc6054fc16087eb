#pragma once

#include "dissect/protocol.h"

namespace dissect::knx {

// KNXnet/IP over UDP and TCP: discovery, tunnels, routing and device management, with the cEMI
// frames in them down to the application layer: group values, memory, properties, addresses. What
// KNX IP Secure hides is only known to be there.
// Sources: KNX Standard v2.1, 3/8/1 to 3/8/5 (KNXnet/IP; ISO 22510), 3/6/3 (cEMI), 3/3/7
// (application layer).
extern const Protocol kProtocol;

}  // namespace dissect::knx
