#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/config.h"
#include "agent/split/keeper.h"
#include "agent/split/rights.h"
#include "base/result.h"
#include "os/loop.h"

namespace agent {

// What was done before an agent began, if anything.
struct Surroundings {
  split::Keeper* keeper = nullptr;          // outlives the agent
  std::optional<split::RightsKept> rights;  // for the status
};

// The agent: collects what processes do on this device and hands it to the uplink; says regularly
// that it is alive and what was lost. Threads: the loop's.
class Agent {
 public:
  // Takes the state folder, opens the spool and a source of events; collects and connects from then
  // on, whether or not the hub is in reach. With a keeper, which must outlive the agent, the
  // network side lives in the process that it keeps; else in this one. Errors: of those.
  static base::Result<std::unique_ptr<Agent>> start(os::Loop& loop, const Config& config,
                                                    const Surroundings& surroundings = {});
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // {"event":"ready","tier":"ebpf",...}: one line for whoever started the program.
  std::string ready_line() const;

  // Collects what waits in the kernel, sends what it can within a moment, makes the rest durable
  // and stops the loop.
  void stop();
  // It stopped by itself, because nothing could be sent any more until it is started anew.
  bool failed() const;
  // {"event":"stopped","collected":..,"acknowledged":..,"dropped":..,"pending":..}, after that.
  std::string stopped_line() const;

 private:
  struct State;
  explicit Agent(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace agent
