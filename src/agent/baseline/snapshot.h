#pragma once

#include <functional>
#include <memory>

#include "agent/baseline/engine.h"
#include "agent/watch/snapshot.h"

namespace agent::baseline {

// The OSBaseline event: every check with what it came to.
schema::Payload payload_of(const Report& report);

// Judges this machine when it is asked to. `options` gives the settings of the moment; `on_problem`
// hears what is wrong with the custom checks, each time they are read. Threads: both are called on
// the worker, in take().
std::unique_ptr<Snapshot> make_snapshot(
    std::function<Options()> options = [] { return Options{}; },
    std::function<void(const Problem&)> on_problem = {});

}  // namespace agent::baseline
