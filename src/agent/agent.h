#pragma once

#include <memory>
#include <string>

#include "agent/config.h"
#include "base/result.h"
#include "os/loop.h"

namespace agent {

// The agent: collects what processes do on this device and hands it to the uplink; says regularly
// that it is alive and what was lost. Threads: the loop's.
class Agent {
 public:
  // Takes the state folder, opens the spool and a source of events; collects and connects from then
  // on, whether or not the hub is in reach. Errors: of those.
  static base::Result<std::unique_ptr<Agent>> start(os::Loop& loop, const Config& config);
  ~Agent();
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // {"event":"ready","tier":"ebpf",...}: one line for whoever started the program.
  std::string ready_line() const;

  // Collects what waits in the kernel, sends what it can within a moment, makes the rest durable
  // and stops the loop.
  void stop();
  // {"event":"stopped","collected":..,"acknowledged":..,"dropped":..,"pending":..}, after that.
  std::string stopped_line() const;

 private:
  struct State;
  explicit Agent(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace agent
