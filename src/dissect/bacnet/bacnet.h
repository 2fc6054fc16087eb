#pragma once

#include "dissect/protocol.h"

// BACnet/IP: virtual link, network and application layer.
//
// Confirmed services are matched with their acknowledgement, error, reject or abort; segments are
// put together. The unit is the network that is routed to. What a device behind a router says of
// itself is no evidence about the router. Source: ANSI/ASHRAE 135-2020.
namespace dissect::bacnet {

extern const Protocol kProtocol;

}  // namespace dissect::bacnet
