#pragma once

#include "dissect/protocol.h"

namespace dissect::snmp {

// Values of devices, read and written by number, and reports of devices. What a device says of
// itself (system group, physical entities) is evidence. Communities are never told: only whether it
// is one that everybody tries. What version 3 encrypts passes by.
// Source: RFC 1157, RFC 1901, RFC 3412, RFC 3414, RFC 3416, RFC 3418, RFC 6933.
extern const Protocol kProtocol;

}  // namespace dissect::snmp
