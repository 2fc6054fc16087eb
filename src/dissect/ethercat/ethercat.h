#pragma once

#include "dissect/protocol.h"

namespace dissect::ethercat {

// EtherCAT in Ethernet (0x88a4) and UDP: datagrams with what they do to registers and memory of
// slaves, and the mailbox protocols CoE, FoE, SoE, EoE and AoE. A frame passes all slaves and comes
// back to who sent it, so nothing is an answer: each datagram is told by itself, and has a status
// when it is on its way back. The unit is the slave's station address, or its place in the ring.
// Sources: ETG.1000.4 (data link), 5; ETG.1000.6 (application layer), 5.6 to 5.8; IEC 61158-4-12;
// ETG.1020; CiA 301 for the dictionary.
extern const Protocol kProtocol;

}  // namespace dissect::ethercat
