#pragma once

#include "dissect/protocol.h"

namespace dissect::modbus {

// Modbus over TCP and UDP: all public functions, device identification, file records, diagnostics,
// exceptions. Responses are matched by transaction and unit; values of a response have the numbers
// that its request asked for. Function 90, Schneider Electric's UMAS, is read, too.
// Sources: MODBUS Application Protocol Specification V1.1b3; MODBUS Messaging on TCP/IP
// Implementation Guide V1.0b.
extern const Protocol kProtocol;

}  // namespace dissect::modbus
