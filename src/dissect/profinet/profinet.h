#pragma once

#include "dissect/protocol.h"

// PROFINET on Ethernet: discovery and configuration (DCP), cyclic data and alarms. The FrameID says
// which; what cyclic data means only the device's description knows. Source: IEC 61158-6-10.
namespace dissect::profinet {

extern const Protocol kProtocol;

}  // namespace dissect::profinet
