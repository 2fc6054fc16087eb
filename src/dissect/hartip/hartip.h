#pragma once

#include "dissect/protocol.h"

namespace dissect::hartip {

// HART-IP over TCP and UDP: sessions, token-passing and direct PDUs with the universal and common
// practice commands of HART 5 to 7, the audit log. The unit of a transaction is the polling address
// of a short frame, or the last four bytes of a long one (device type and id).
// Sources: FCG TS20085 (HART-IP); FCG TS20081 (token-passing data link), 5; FCG TS20127 (universal
// commands); FCG TS20151 (common practice commands); FCG TS20307 (command response codes).
extern const Protocol kProtocol;

}  // namespace dissect::hartip
