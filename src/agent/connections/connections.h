#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/watch/connection.h"
#include "agent/watch/watch.h"

namespace agent::connections {

// Where connections may come from, best first.
using Tiers = std::vector<std::pair<std::string_view, Opener>>;
// eBPF, then (when given) audit, inet_diag, /proc/net.
Tiers tiers(Opener audit = {});

// Makes ConnectionCreate of network connections, from the best source that works here. A source
// that fails is replaced at once; while a lower one serves, the better ones are tried again now and
// then. Closed while the event is off. Never fails: what does not work is in sources().
std::unique_ptr<Watch> open(const WatchContext& context, Tiers tiers = connections::tiers());

}  // namespace agent::connections
