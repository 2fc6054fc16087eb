#pragma once

#include "dissect/protocol.h"

namespace dissect::fox {

// Niagara Fox: what stations of Tridium's Niagara framework and their workbenches say to each
// other, as text: hello, login, and messages on channels (station, broker, file, alarm ...). The
// operation of a transaction is the channel's command; how it accesses follows from both.
// Source: messages of Niagara AX 3 and N4 stations; there is no public specification.
extern const Protocol kProtocol;

}  // namespace dissect::fox
