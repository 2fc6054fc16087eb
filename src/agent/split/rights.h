#pragma once

#include <string>

#include "base/result.h"
#include "os/privilege.h"

namespace agent::split {

// What the collecting process may keep.
struct RightsWanted {
  std::string user;       // becomes this user if there is one and it may; empty: stays
  std::string state_dir;  // made, and given to that user
  bool fanotify = false;  // CAP_SYS_ADMIN, which fanotify asks for and which is far more than that
};

struct RightsKept {
  std::string user;  // empty: as it was started
  os::Capabilities capabilities = 0;
  bool filtered = false;  // system calls are
};

// Of the capabilities that a collector can make use of.
os::Capabilities collector_capabilities(bool fanotify);

// Gives up for good what collecting does not need: other capabilities, being root where there is a
// user of its own, dangerous system calls. Before threads, after the keeper was started. A kernel
// that cannot filter calls is told in the log and in the result. Errors: Io.
base::Result<RightsKept> keep_collector_rights(const RightsWanted& wanted);

// What keeper and network process keep: nothing. The user is the named one, else nobody.
os::Rights network_rights(const std::string& user);

}  // namespace agent::split
