#pragma once

#include "dissect/protocol.h"

namespace dissect::tls {

// How connections are opened that nobody can look into: whom the client asked for, what both can,
// what was agreed, and the server's certificate where it is in the clear (up to TLS 1.2). What is
// encrypted passes by without being kept.
// Source: RFC 5246, RFC 8446, RFC 6066 (server name), RFC 7301 (ALPN), RFC 8701 (values without a
// meaning); JA3 and JA4 as their authors published them.
extern const Protocol kProtocol;

}  // namespace dissect::tls
