#pragma once

#include <memory>
#include <vector>

#include "agent/watch/snapshot.h"

namespace agent::snapshot {

// Appends all pictures of this folder's modules.
void add_all(std::vector<std::unique_ptr<Snapshot>>& snapshots);

}  // namespace agent::snapshot
