#pragma once

#include "dissect/protocol.h"

namespace dissect::arp {

// Address resolution: who has which address. Requests are broadcast and answers are not, so that
// each is told by itself. Probes and announcements (RFC 5227) are sub-operations.
// Source: RFC 826, RFC 903 (reverse), RFC 2390 (inverse), RFC 5227.
extern const Protocol kProtocol;

}  // namespace dissect::arp
