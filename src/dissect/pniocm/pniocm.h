#pragma once

#include "dissect/protocol.h"

// PROFINET's context management: how a controller connects to devices, reads and writes their
// records and lets them start, over connectionless DCE/RPC.
//
// The unit of a record is its slot; what identification and maintenance records say of a slot is
// evidence for that slot. Source: IEC 61158-6-10, 4.10 and 5.2; C706 (DCE 1.1: RPC), 12.5.
namespace dissect::pniocm {

extern const Protocol kProtocol;

}  // namespace dissect::pniocm
