#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/collect/process_events.h"
#include "agent/collect/source.h"
#include "agent/run_state.h"
#include "agent/watch/watch.h"
#include "base/time.h"
#include "schema/message.h"
#include "uplink/uplink.h"

namespace agent {

// What the agent's own events are made of, at one moment.
struct Health {
  collect::Tier tier{};
  std::string tier_reason;
  std::string boot_id;
  std::chrono::seconds uptime{0};
  std::uint64_t kernel_lost = 0;  // since the state folder was made
  collect::SourceStats source;
  collect::ProcessEventCounts events;
  std::uint64_t table_evicted = 0;
  std::size_t table_size = 0;
  uplink::Uplink::Stats uplink;
  std::size_t resident_bytes = 0;
  std::uint64_t disk_bytes = 0;  // written by this run, as far as the kernel counts it
  std::vector<SourceReport> sources;
};

enum class Beat : std::uint8_t { First, Later };

// The heartbeat; the first one of a run says how the former run ended. Threads: pure.
schema::Event heartbeat(const Health& health, Beat beat, const RunState::Previous& previous,
                        base::WallTime now);

// What was collected and lost since the last such report, which `totals` holds and then advances.
schema::Event dropped_events(const Health& health, RunState::Totals& totals, base::WallTime now);

// What was sent since `reported`, which advances.
schema::Event message_statistics(const uplink::SessionStats& session,
                                 uplink::SessionStats& reported, base::WallTime now);

// One report for each event type, by its name: two sources of one type have their tiers joined.
std::map<std::string, SourceReport> by_event(const std::vector<SourceReport>& sources);

// Do both say the same, but for what was lost?
bool same_sources(const std::vector<SourceReport>& a, const std::vector<SourceReport>& b);

// Where each type of event comes from, as a Diagnostic event.
schema::Event sources_event(const std::vector<SourceReport>& sources, base::WallTime now);

}  // namespace agent
