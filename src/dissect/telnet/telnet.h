#pragma once

#include "dissect/protocol.h"

namespace dissect::telnet {

// Telnet: options that are negotiated, what terminals and serial ports say of themselves, logins by
// their prompts, and that commands are typed - not which, as they may hold secrets. Passwords are
// not shown.
// Source: RFC 854, 855; RFC 1073, 1079, 1091, 1572, 2217 for options; IANA's register of options.
extern const Protocol kProtocol;

}  // namespace dissect::telnet
