#include "uplink/sync_worker.h"

#include <csignal>
#include <utility>

namespace uplink {

SyncWorker::SyncWorker() {
  // Signals belong to the loop's thread.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { work(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

SyncWorker::~SyncWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void SyncWorker::run(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    ASSERT(!task_);
    task_ = std::move(task);
  }
  changed_.notify_all();
}

void SyncWorker::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !task_; });
}

void SyncWorker::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return task_ || stopping_; });
    if (!task_) return;
    lock.unlock();
    task_();
    lock.lock();
    task_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace uplink
