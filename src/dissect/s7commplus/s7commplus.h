#pragma once

#include "dissect/protocol.h"

namespace dissect::s7commplus {

// S7comm-plus, by which S7-1200 and S7-1500 talk to TIA Portal, panels and OPC servers: sessions,
// variables read, written and subscribed, objects explored, created and deleted, the CPU started
// and stopped. What TLS hides from firmware 2.9 on is only known to be there.
// Source: the protocol is not published; what is read is what controllers and TIA Portal send.
extern const Protocol kProtocol;

}  // namespace dissect::s7commplus
