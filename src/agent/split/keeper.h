#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "os/fd.h"
#include "os/privilege.h"

namespace agent::split {

// Keeps an unprivileged process running from a process that will have given up the right to make
// one: a small process, forked at the very start, that belongs to the unprivileged user already and
// forks the worker from itself, again with backoff whenever it ends.
//
//   agent --control--> keeper --fork--> worker
//     \________________channel___________/
//
// Each new worker gets one end of a fresh stream socket pair; the agent gets the other end over the
// control socket. When the agent ends, however that happens, keeper and worker do. Forking, not
// starting anew, shares what the dynamic linker wrote between all three. Threads: one.
class Keeper {
 public:
  // The worker's life: runs with the channel and returns its exit status. By then it has no rights
  // and no descriptors but the standard ones and the channel; it confines itself further.
  using Worker = std::function<int(os::Fd channel)>;

  struct Options {
    os::Rights rights;  // of keeper and worker
    Worker work;
    std::chrono::milliseconds backoff_first{200};
    std::chrono::milliseconds backoff_most{30'000};
    // A worker that lived as long is no sign of a fault that will come back at once.
    std::chrono::milliseconds proven{60'000};
  };

  // Forks. Before there are threads, and before anything secret or precious is in memory or open.
  // Errors: Io.
  static base::Result<std::unique_ptr<Keeper>> start(Options options);
  // Ends the worker, if it does not end by itself within a second of its channel's end.
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Readable when take() has something to say.
  int fd() const { return control_.get(); }
  struct Started {
    os::Fd channel;
    pid_t pid = 0;
  };
  // The worker that was started last, if there is a new one: an empty channel when not.
  // Errors: Closed (the keeper is gone, and there will be no more workers).
  base::Result<Started> take();
  // The worker misbehaves: end it, and start another after a while.
  void replace_worker();

  pid_t pid() const { return pid_; }

 private:
  Keeper(os::Fd control, pid_t pid) : control_(std::move(control)), pid_(pid) {}

  os::Fd control_;
  pid_t pid_ = 0;
};

}  // namespace agent::split
