#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "hub/api/accounts.h"

namespace hub::api {

// Threads for what must not block the connections' threads: SQLite, Argon2, queries. Each has its
// own Accounts, so that no lock is held across a write to disk.
// The queue is bounded; a full one refuses. Threads: any, but stop() once.
class Workers {
 public:
  using Job = std::function<void(Accounts&)>;

  // One thread for each of `accounts`.
  Workers(std::vector<std::unique_ptr<Accounts>> accounts, std::size_t max_queued);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False when the queue is full, or after stop(); the job is not run then.
  [[nodiscard]] bool submit(Job job);
  // Runs what is queued, then ends the threads.
  void stop();

  std::size_t queued() const;

 private:
  void run(Accounts& accounts);

  const std::size_t max_queued_;
  mutable std::mutex mutex_;  // guards jobs_ and stopping_
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::vector<std::unique_ptr<Accounts>> accounts_;
  std::vector<std::jthread> threads_;
};

}  // namespace hub::api
