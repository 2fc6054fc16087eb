#pragma once

#include "dissect/protocol.h"

namespace dissect::ads {

// Beckhoff ADS in AMS over TCP, and the UDP messages by which TwinCAT devices are found and routes
// to them made. The unit of a transaction is the AMS port of who serves (801 and 851: runtimes of
// PLCs; 10000: the system service).
// Source: Beckhoff Information System, "TwinCAT ADS/AMS specification". The UDP messages are not
// documented; what is read is what TwinCAT 2 and 3 send.
extern const Protocol kProtocol;

}  // namespace dissect::ads
