#pragma once

#include "dissect/protocol.h"

namespace dissect::http {

// Requests and their answers, one after another in one connection. Bodies pass by without being
// kept: by their length, in chunks, or until the connection ends. What comes after a change of
// protocol or a tunnel is not read. Passwords, cookies and tokens are never told: that there were
// some is, and a user's name. Source: RFC 9110, RFC 9112, RFC 7617.
extern const Protocol kProtocol;

// Devices that announce themselves and search for others. Source: UPnP Device Architecture 2.0,
// section 1.
extern const Protocol kSsdp;

}  // namespace dissect::http
