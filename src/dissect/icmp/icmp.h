#pragma once

#include "dissect/protocol.h"

namespace dissect::icmp {

// Who can be reached. An echo is a request with its reply; what tells of another packet's fate
// names where that packet was going. Source: RFC 792, RFC 950, RFC 1256, RFC 1812.
extern const Protocol kProtocol;

// The same for IPv6, with who has which address and who is a router (neighbour discovery).
// Source: RFC 4443, RFC 4861, RFC 8106.
extern const Protocol kProtocol6;

}  // namespace dissect::icmp
