#pragma once

#include "dissect/protocol.h"

namespace dissect::dns {

// Names asked for and what they stand for. Answers are matched by the message's number.
// Source: RFC 1035, RFC 1995, RFC 1996, RFC 2136, RFC 2782, RFC 6891 (EDNS), RFC 7766 (TCP).
extern const Protocol kProtocol;

// The same format between neighbours: services and what they run on. Everybody is told, so that no
// answer belongs to a question. Source: RFC 6762, RFC 6763.
extern const Protocol kMdns;

// Source: RFC 4795.
extern const Protocol kLlmnr;

// Names of NetBIOS, with the kind of service in their last byte. Source: RFC 1001, RFC 1002.
extern const Protocol kNbns;

}  // namespace dissect::dns
