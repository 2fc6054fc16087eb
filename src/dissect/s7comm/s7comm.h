#pragma once

#include "dissect/protocol.h"

namespace dissect::s7comm {

// S7 communication of Siemens S7-300, S7-400 and what speaks like them, on ISO transport: variables
// read and written, blocks loaded, program invocation services, system status lists (which say what
// the controller is), block lists, clock, passwords, alarms, cyclic data.
// The protocol is not published; facts are those of captures and of what STEP 7 documents: the
// system status lists in "System Software for S7-300/400 System and Standard Functions" (6ES7810),
// chapter 34.
extern const Protocol kProtocol;

}  // namespace dissect::s7comm
