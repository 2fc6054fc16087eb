#pragma once

#include "sensor/flow/flow.h"

namespace sensor::flow {

// Which protocol the bytes of a flow are, as far as they say: the first that is sure; else one
// that finds them likely and has the port, or finds a second message likely, too. Null: not known
// (yet); what cannot be any more has gone from `unknown.candidates`. `side` is who sent the latest.
const dissect::Protocol* identify(const Registry& registry, const dissect::FlowInfo& flow,
                                  Unknown& unknown, dissect::Side side);

// The same for a packet of the link layer or of IP, whose selector says which there are. -1: none.
int identify_packet(const Registry& registry, const dissect::FlowInfo& flow,
                    base::ByteView payload);

// Who serves, if nobody has seen the flow begin: whoever has a port of the protocol (any protocol,
// while it is not known), else the lower one.
dissect::Side guess_server(const Registry& registry, const dissect::FlowInfo& flow,
                           const dissect::Protocol* protocol);

}  // namespace sensor::flow
