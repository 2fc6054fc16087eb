#pragma once

#include <memory>

#include "agent/watch/watch.h"

// Login: who logged in, who tried, who left.
namespace agent::logins {

// Watches, all that are there at once: the audit trail where auditing is on, and beside it the
// first of systemd's journal, the system's log (auth.log, secure, messages) and wtmp with btmp. One
// login makes one event, however many of them tell it. With the context's tier "audit" only the
// audit trail, switched on where it is off; with "proc" only wtmp and btmp. The journal, log and
// wtmp are read on where the last run ended. docs/reference/agent-extra-details.md lists the
// ExtraDetails.
std::unique_ptr<Watch> open(const WatchContext& context);

}  // namespace agent::logins
