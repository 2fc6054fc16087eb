#pragma once

#include "dissect/protocol.h"

// What bridges, switches and what hangs on them say to whoever is at the other end of the cable.
namespace dissect::neighbors {

// What a device is, and which port this is. Basic, IEEE 802.1, IEEE 802.3, TIA and PROFINET values.
// Source: IEEE 802.1AB-2016, ANSI/TIA-1057, IEC 61158-6-10.
extern const Protocol kLldp;

// The same of one vendor's devices. Source: the vendor's published description of version 2.
extern const Protocol kCdp;

// Which bridge is the root, and how far away it is. Classic, rapid and multiple trees.
// Source: IEEE 802.1D-2004, IEEE 802.1Q-2018 clause 14.
extern const Protocol kStp;

}  // namespace dissect::neighbors
