#pragma once

#include <memory>
#include <string>

#include "agent/watch/snapshot.h"
#include "agent/watch/watch.h"

// ConnectedHardware: what is attached to this device, at the start and whenever that changes.
namespace agent::hardware {

// Tells each device that is attached, taken away or changed, as it happens: from the kernel's
// uevents ("uevent"; "udev" where it runs and names devices first), else by looking at sysfs every
// ten seconds ("sysfs", lossy), also when the context's tier is "proc".
std::unique_ptr<Watch> open(const WatchContext& context);

// All that is attached. `root`: as for Reader.
std::unique_ptr<Snapshot> make_snapshot(std::string root = "");

}  // namespace agent::hardware
