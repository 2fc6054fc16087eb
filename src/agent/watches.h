#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agent/baseline/engine.h"
#include "agent/watch/snapshot.h"
#include "agent/watch/watch.h"

namespace agent {

// Everything but process events that the agent watches. What cannot be watched here is still in the
// list and says so in its sources(). Threads: the loop's.
std::vector<std::unique_ptr<Watch>> open_watches(const WatchContext& context);

// What pictures need to know at the moment when they are taken. Threads: called on the worker.
struct SnapshotContext {
  std::function<baseline::Options()> baseline = [] { return baseline::Options{}; };
  std::function<void(const baseline::Problem&)> baseline_problem = nullptr;
};

// Everything that it photographs.
std::vector<std::unique_ptr<Snapshot>> make_snapshots(const SnapshotContext& context);

}  // namespace agent
