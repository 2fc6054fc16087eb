#pragma once

#include "dissect/protocol.h"

namespace dissect::dcerpc {

// Remote procedure calls over TCP: Windows' own management, DCOM, and OPC Classic on top of it.
// Those over named pipes are in SMB, those of PROFINET have their own protocol.
// Source: C706, MS-RPCE; what is read is in dissect/rpc.
extern const Protocol kProtocol;

}  // namespace dissect::dcerpc
