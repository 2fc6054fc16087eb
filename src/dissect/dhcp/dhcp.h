#pragma once

#include "dissect/protocol.h"

namespace dissect::dhcp {

// Clients are told their configuration: who they are (name, kind of system, hardware address)
// and which address they were given. Answers carry the transaction's number; what is broadcast
// is told without waiting for one, since answers go elsewhere.
// Source: RFC 951, RFC 2131, RFC 2132, RFC 3396 (long options), RFC 3046 (relays), RFC 4702.
extern const Protocol kProtocol;

// The same for IPv6. Source: RFC 8415, RFC 3646, RFC 4704, RFC 6939.
extern const Protocol kProtocol6;

}  // namespace dissect::dhcp
