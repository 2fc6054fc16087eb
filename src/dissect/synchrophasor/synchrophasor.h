#pragma once

#include "dissect/protocol.h"

namespace dissect::synchrophasor {

// Synchrophasors over TCP and UDP: commands, headers, configurations 1 to 3 and the data that they
// describe. The unit of a transaction is the id code of the stream. Data can only be read in full
// when their configuration was seen in the same flow; before, they are counted and not taken apart.
// Sources: IEEE C37.118-2005; IEEE C37.118.2-2011, clauses 6.2 to 6.6.
extern const Protocol kProtocol;

}  // namespace dissect::synchrophasor
