#pragma once

#include "base/result.h"
#include "os/landlock.h"

namespace agent::split {

// Calls that neither process of the agent makes, and that whoever took one over would like to:
// refused for good, here and in all children. Errors: as os::SyscallFilter::install.
base::Result<void> refuse_dangerous_calls();

// What the network process may do from here on: talk to the network and to its channel, resolve
// names, read the system's certificates, have threads. It may not start programs, open anything
// for writing, map code, signal, trace or look at others; what is not listed is refused, the worst
// ends it. Memory and descriptors are bounded. Errors: as os::SyscallFilter::install; a kernel
// without Landlock leaves `version` at 0.
base::Result<os::Confinement> confine_network_process();

// What the collecting process may do: everything its collectors need, which is much; but it starts
// no program, opens no TCP connection, traces nobody, changes no mount, clock, module or user.
base::Result<void> confine_collector();

}  // namespace agent::split
