#pragma once

#include "dissect/protocol.h"

namespace dissect::rdp {

// Remote desktops of Windows: who connects and from which computer, which protection was agreed on,
// and the certificate behind it, as the connection mostly goes on as TLS. Screens and keys pass by.
// Source: MS-RDPBCGR sections 1.3.1.1 and 2.2.1; T.123, T.124 and T.125 as far as these use them.
extern const Protocol kProtocol;

}  // namespace dissect::rdp
