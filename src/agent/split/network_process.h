#pragma once

#include "os/fd.h"

namespace agent::split {

// The network process: owns TLS, MQTT, keys and name resolution, and knows of the device only what
// comes over the channel. Confines itself, then runs until the channel ends. Returns the exit
// status. Call it in a process of its own that has given up its rights.
int run_network_process(os::Fd channel);

}  // namespace agent::split
