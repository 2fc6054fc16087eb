#pragma once

#include <cstdint>
#include <optional>

#include "agent/collect/facts.h"
#include "audit/event.h"

namespace agent::collect {

// What the audit trail says of a program that was started: everything but the control group and the
// start in clock ticks (Gap::Cgroup). nullopt: the event is something else, or it failed.
// Threads: pure.
std::optional<Started> read_audit_exec(const audit::Event& event);

}  // namespace agent::collect
