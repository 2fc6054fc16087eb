#pragma once

#include "agent/watch/connection.h"
#include "audit/stream.h"

namespace agent::trail {

// Connections from audit rules: connect (done or on its way) and accept, TCP and UDP alike, of both
// ABIs. No bytes and no ends; UDP without connect(2) is not seen. The stream must outlive the
// source.
connections::Opener connections_of(audit::Stream& stream);

}  // namespace agent::trail
