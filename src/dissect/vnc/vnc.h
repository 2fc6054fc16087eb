#pragma once

#include "dissect/protocol.h"

namespace dissect::vnc {

// Screens of other computers: which version and protection were agreed on, whether the login went
// well, the screen's name and size, and that somebody types or points. What is typed is never told,
// pictures pass by. What an encrypting way of authentication begins passes by, too.
// Source: RFC 6143; the community's register of security types and encodings.
extern const Protocol kProtocol;

}  // namespace dissect::vnc
