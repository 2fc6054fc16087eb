#include "hub/api/workers.h"

#include <utility>

namespace hub::api {

Workers::Workers(std::vector<std::unique_ptr<Accounts>> accounts, std::size_t max_queued)
    : max_queued_(max_queued), accounts_(std::move(accounts)) {
  for (const auto& each : accounts_) {
    threads_.emplace_back([this, &own = *each] { run(own); });
  }
}

Workers::~Workers() {
  stop();
}

bool Workers::submit(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() >= max_queued_) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

void Workers::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  threads_.clear();  // joins
}

std::size_t Workers::queued() const {
  const std::lock_guard lock(mutex_);
  return jobs_.size();
}

void Workers::run(Accounts& accounts) {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job(accounts);
    lock.lock();
  }
}

}  // namespace hub::api
