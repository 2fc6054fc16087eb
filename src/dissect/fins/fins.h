#pragma once

#include "dissect/protocol.h"

namespace dissect::fins {

// Omron FINS over UDP and TCP: memory, parameters and programs read and written, modes, identity,
// clock, access rights, files. The unit of a transaction is the destination node.
// Source: Omron W342 (Communications Commands), section 3 and 5; W420 for FINS over TCP.
extern const Protocol kProtocol;

}  // namespace dissect::fins
