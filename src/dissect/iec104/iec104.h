#pragma once

#include "dissect/protocol.h"

// IEC 60870-5-104: telecontrol over TCP.
//
// Commands are matched with their confirmation and termination; what a station reports by itself
// is one way. The unit is the common address. Source: IEC 60870-5-104:2006, IEC 60870-5-101:2003.
namespace dissect::iec104 {

extern const Protocol kProtocol;

}  // namespace dissect::iec104
