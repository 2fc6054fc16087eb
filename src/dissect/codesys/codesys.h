#pragma once

#include "dissect/protocol.h"

namespace dissect::codesys {

// CODESYS V3 over TCP and UDP, by which its development system, gateways and panels talk to
// controllers of many makers: the name service that finds them, channels, and the services of the
// runtime's components (applications downloaded, started and stopped, files, variables, log). Users
// and passwords are never shown. What the secure form hides is only known to be there.
// Source: the protocol is not published; layers and numbers as in Microsoft's CoDe16 (MIT) and the
// documentation of the library "Plc Services".
extern const Protocol kProtocol;

}  // namespace dissect::codesys
