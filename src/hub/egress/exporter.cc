#include "hub/egress/exporter.h"

#include <utility>

namespace hub::egress {

Exporter::Exporter(store::Queries& queries, Options options)
    : queries_(queries),
      options_(options),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

Exporter::~Exporter() {
  stop();
}

bool Exporter::submit(Job& job) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || waiting_.size() >= options_.max_waiting) {
    counters_.refused.add();
    return false;
  }
  waiting_.push_back(std::move(job));
  wake_.notify_one();
  return true;
}

void Exporter::stop() {
  std::deque<Job> waiting;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    waiting.swap(waiting_);
    if (running_ != nullptr) running_->cancel();
  }
  for (const Job& job : waiting) {
    job.done(std::unexpected(
        store::QueryFailure{{}, {base::Code::Closed, "export", -1, "the hub is stopping"}}));
  }
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Exporter::run(const std::stop_token& stop) {
  while (true) {
    Job job;
    store::Cancel own;
    {
      std::unique_lock lock(mutex_);
      if (!wake_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
      running_ = job.cancel == nullptr ? &own : job.cancel;
    }
    store::ExportOptions options;
    options.now = job.now;
    options.timeout = options_.timeout;
    options.max_bytes = options_.max_bytes;
    options.parameters = std::move(job.parameters);
    options.cancel = running_;
    Outcome outcome = queries_.export_kql(job.query, job.format, options);
    {
      const std::lock_guard lock(mutex_);
      running_ = nullptr;
    }
    if (outcome) {
      counters_.exports.add();
      counters_.bytes.add(outcome->bytes);
    } else {
      counters_.failed.add();
    }
    job.done(std::move(outcome));
  }
}

}  // namespace hub::egress
