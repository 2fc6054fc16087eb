#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/config.h"
#include "base/result.h"
#include "os/loop.h"

namespace agent {

// Collects without any hub and gives each event, as a security message of its own, to `write`: one
// line of JSON without its newline. Needs no identity and keeps no spool; nothing is aggregated.
// Threads: the loop's.
class Printer {
 public:
  // `desired`: the module twin's desired properties, as JSON; empty: none. What is wrong with them
  // is printed, too, as a ConfigurationError. `config.state.dir` holds cursors of watches and is
  // taken for ourselves. Errors: Conflict (another agent has it), Io, Malformed (`desired`), no
  // source of process events works.
  static base::Result<std::unique_ptr<Printer>> start(os::Loop& loop, const Config& config,
                                                      const std::string& desired,
                                                      std::function<void(std::string_view)> write);
  ~Printer();
  Printer(const Printer&) = delete;
  Printer& operator=(const Printer&) = delete;

  // Tells what waits in the kernel, then ends the loop.
  void stop();

 private:
  struct State;
  explicit Printer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace agent
