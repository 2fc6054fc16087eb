#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/result.h"

namespace uplink {

// One thread that waits for the disk, so that the loop need not.
class SyncWorker {
 public:
  SyncWorker();
  ~SyncWorker();  // after the task that runs
  SyncWorker(const SyncWorker&) = delete;
  SyncWorker& operator=(const SyncWorker&) = delete;

  // Runs the task on the thread. At most one at a time: wait() first, or know that it is idle.
  void run(std::function<void()> task);
  // Returns when no task runs any more.
  void wait();

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> task_;  // guarded by mutex_; empty when idle
  bool stopping_ = false;       // guarded by mutex_
  std::thread thread_;
};

}  // namespace uplink
