#pragma once

#include <memory>

#include "agent/watch/snapshot.h"

namespace agent::snapshot::firewall {

// FirewallConfiguration: every rule and policy of nftables (all families) and of both families of
// iptables-legacy, in the agent's network namespace. Needs CAP_NET_ADMIN. What cannot be read is an
// item with ExtraDetails.Unknown, so that no rules and unknown rules are never the same picture.
std::unique_ptr<Snapshot> make();

}  // namespace agent::snapshot::firewall
