#pragma once

#include "dissect/protocol.h"

namespace dissect::enip {

// EtherNet/IP: encapsulation, the common packet format, CIP messages inside (explicit ones with
// their paths, several in one, sent through others; connections that are opened; tags; PCCC for
// older controllers), and what is sent cyclically over UDP. Each CIP service is a transaction of
// its own, and its unit is the slot it was sent to.
// Sources: The CIP Networks Library, volume 1 (3-5, 4-1, 5-2, 10-2.1, appendices A to C) and
// volume 2 (2-3 to 2-6); Rockwell Automation 1756-PM020 (tags) and 1770-6.5.16 (PCCC).
extern const Protocol kProtocol;

}  // namespace dissect::enip
