#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "os/fd.h"
#include "sensor/opener/packet_sockets.h"

namespace sensor::opener {

// Has a helper open what we may not: `place` is the program vedette-sensor-open, which is started,
// or a Unix socket behind which somebody starts it for each connection. Waits some seconds at most.
// What comes is as many packet sockets as were asked for, and nothing else. Errors: NotFound
// (nothing there, or no such interface), Denied (it may not either), Invalid, TooLarge, Malformed
// (it is no such helper), Unavailable (it does not answer, or ended), Io. Before there are threads.
base::Result<std::vector<os::Fd>> ask_helper(const std::string& place, const Wanted& wanted);

}  // namespace sensor::opener
