#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include <sys/types.h>

#include "agent/split/keeper.h"
#include "base/result.h"
#include "os/loop.h"
#include "uplink/channel.h"
#include "uplink/link.h"

namespace agent::split {

// The collecting process's end: a link whose session lives in the network process that the keeper
// keeps. What is in flight when that process ends is handed to the next one. Everything it says is
// taken for hostile: what does not belong has it replaced. Threads: loop only.
class RemoteLink final : public uplink::Link {
 public:
  struct Options {
    // Who we are and how to connect: asked anew for each network process, and wiped once sent, so
    // that only that process has the key. `twin` is set here.
    std::function<base::Result<uplink::channel::Configure>()> configure;
    // There is no keeper any more, and so nothing will be sent again.
    std::function<void()> gone;
    std::size_t window = 8;                    // messages with the network process
    std::size_t window_bytes = 512U << 10U;    // of their bodies; one message always
    std::chrono::milliseconds patience{5000};  // for the first answer
    std::chrono::milliseconds ping{30'000};
  };
  struct Stats {
    std::uint64_t started = 0;     // network processes
    std::uint64_t misbehaved = 0;  // of these replaced: silent, or not as agreed
    pid_t pid = 0;                 // of the present one; 0: none
  };

  // Waits for the network process to accept the configuration. `keeper` must outlive the link.
  // Errors: of `configure`; Invalid (the network process refused it, and says why); Closed.
  static base::Result<std::unique_ptr<RemoteLink>> open(os::Loop& loop, Keeper& keeper,
                                                        Options options, Callbacks callbacks);
  ~RemoteLink() override;
  RemoteLink(const RemoteLink&) = delete;
  RemoteLink& operator=(const RemoteLink&) = delete;

  void start() override;
  // Waits a moment for the network process to have said farewell.
  void stop() override;
  void pump() override;
  bool ready() const override;
  base::Result<void> report(std::string_view json) override;
  uplink::SessionStats stats() const override;
  Stats process_stats() const;

 private:
  struct State;
  explicit RemoteLink(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace agent::split
