#pragma once

#include "dissect/protocol.h"

namespace dissect::kerberos {

// How computers of a domain get tickets: who asks, for which service, with which encryption, and
// why it was refused. Over UDP and TCP. What is encrypted passes by.
// Source: RFC 4120 (section 7.2 for the transports), RFC 6806, MS-KILE.
extern const Protocol kProtocol;

}  // namespace dissect::kerberos
