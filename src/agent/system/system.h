#pragma once

#include <memory>
#include <string>

#include "agent/watch/snapshot.h"

// SystemInformation: what this device is.
namespace agent::system {

// `root`: prefix of /proc, /sys, /etc, /run and /usr/lib, for tests; what can only be asked of the
// kernel (its name, the host's name, addresses of interfaces) is asked there all the same.
// take() fails only when there is no /proc; what else is not known is left out.
// docs/reference/agent-extra-details.md lists the ExtraDetails.
std::unique_ptr<Snapshot> make(std::string root = "");

}  // namespace agent::system
