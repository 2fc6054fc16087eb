#pragma once

#include "dissect/protocol.h"

namespace dissect::zigbee {

// IEEE 802.15.4 frames and, in them, ZigBee: beacons, devices that join, network and application
// frames, clusters read, written and reported. Its addresses are objects: the ends of a flow have
// no room for them, and so each transaction stands for itself. What is encrypted is passed by.
// Source: IEEE 802.15.4-2015, section 7; ZigBee 05-3474-22, chapters 2 to 4; ZCL 07-5123-08.
extern const Protocol kProtocol;

}  // namespace dissect::zigbee
