#pragma once

#include "agent/config.h"
#include "base/result.h"
#include "uplink/channel.h"

namespace agent {

// Who the agent is and to which hub it speaks, from what the configuration names: a file with a
// connection string and, where it says x509=true, a certificate; or the LocalConfiguration.json of
// Microsoft's agent. A device's credentials stand for its module (hub.module_id). Holds secrets:
// wipe it. Errors: Invalid, NotFound, Io, Unsupported, Malformed; the detail names the file or the
// key, and never holds a secret.
base::Result<uplink::Identity> read_identity(const Config& config);

// The same for the network process, which reads no files: with the content of those it names.
base::Result<uplink::channel::Configure> network_configuration(const Config& config);

}  // namespace agent
