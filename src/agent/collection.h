#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/collect/process_events.h"
#include "agent/collect/source.h"
#include "agent/config.h"
#include "agent/settings/settings.h"
#include "agent/watch/watch.h"
#include "base/result.h"
#include "os/loop.h"
#include "schema/message.h"

namespace agent {

// Everything that collects on this device: process events, whatever else is watched, and the
// pictures that are taken now and then. Knows nothing of where events go. Threads: the loop's.
class Collection {
 public:
  struct Options {
    Config::Collect collect;
    std::string boot_id;
    std::string state_dir;  // exists
    std::function<void(schema::Event)> emit;
    std::function<std::uint64_t()> next_sequence;
    // Process events come from another tier than before.
    std::function<void()> on_tier;
    // A picture could not be taken.
    std::function<void(schema::EventName, const base::Error&)> snapshot_failed;
    // What is wrong with the custom checks of the baseline: a key of the twin, and why.
    std::function<void(const std::string&, const std::string&)> baseline_problem;
    settings::Settings settings;
  };

  // Collects from now on. Errors: when there is no source of process events at all.
  static base::Result<std::unique_ptr<Collection>> open(os::Loop& loop, Options options);
  ~Collection();
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  // Begins with the pictures; to be called when the rest is in place.
  void start_snapshots();
  // Takes new settings over without losing what is under way.
  void configure(const settings::Settings& settings);
  // Tells what waits in the kernel, and begins no further picture: before the agent stops.
  void drain();

  collect::Tier tier() const;
  const std::string& tier_reason() const;
  collect::SourceStats source_stats() const;
  collect::ProcessEventCounts counts() const;
  std::uint64_t table_evicted() const;
  std::size_t table_size() const;
  // Events known to have happened and never made, of all sources, since the start.
  std::uint64_t lost() const;
  // Of every event type that is collected, by event.
  std::vector<SourceReport> sources() const;

 private:
  struct State;
  explicit Collection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace agent
