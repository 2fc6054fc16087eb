#include "hub/commands/keeper.h"

#include <future>

#include "base/log.h"
#include "os/thread.h"

namespace hub::commands {

using base::Result;

Keeper::Keeper(const Options& options, identity::Registry& registry,
               operations::Operations& operations, Counters& counters, MessageTable table)
    : options_(options),
      registry_(registry),
      operations_(operations),
      counters_(counters),
      table_(std::move(table)),
      queue_({options.max_queued, options.max_queued_bytes}) {}

Result<void> Keeper::start() {
  TRY(table_.unlock_connections());
  remember(TRY(table_.counts()));
  thread_ = os::start_thread("commands", [this] { run(); });
  return {};
}

void Keeper::stop() {
  queue_.stop();
  if (thread_.joinable()) thread_.join();
}

bool Keeper::submit_job(Job job) {
  if (queue_.submit(std::move(job))) return true;
  counters_.overloaded.add();
  return false;
}

void Keeper::submit(std::function<Result<void>(Work&)> step) {
  Job job;
  job.apply = std::move(step);
  job.finish = [](bool) {};
  (void)submit_job(std::move(job));
}

std::size_t Keeper::length(const identity::Name& name) const {
  const std::lock_guard lock(lengths_mutex_);
  const auto found = lengths_.find(name);
  return found == lengths_.end() ? 0 : found->second;
}

void Keeper::remember(const Lengths& changed) {
  const std::lock_guard lock(lengths_mutex_);
  for (const auto& [name, length] : changed) {
    if (length == 0)
      lengths_.erase(name);
    else
      lengths_[name] = length;
  }
}

void Keeper::run() {
  auto next_sweep = base::mono_now() + options_.sweep;
  for (;;) {
    std::vector<Job> batch = idle_ ? queue_.take() : queue_.take(options_.sweep);
    if (!batch.empty()) {
      idle_ = false;
      settle(batch);
    } else if (queue_.is_over()) {
      return;
    }
    if (base::mono_now() >= next_sweep) {
      sweep_now();
      next_sweep = base::mono_now() + options_.sweep;
    }
  }
}

void Keeper::sweep_now() {
  for (bool more = true; more;) {
    more = false;
    Job job;
    job.apply = [this, &more](Work& work) -> Result<void> {
      more = TRY(work.sweep());
      idle_ = TRY(work.nothing_left());
      return {};
    };
    job.finish = [](bool) {};
    if (!commit({&job, 1})) return;
  }
}

void Keeper::sweep() {
  std::promise<void> swept;
  Job job;
  job.apply = [](Work& work) -> Result<void> {
    while (TRY(work.sweep())) {
    }
    return {};
  };
  job.finish = [&swept](bool) { swept.set_value(); };
  if (submit_job(std::move(job))) swept.get_future().wait();
}

void Keeper::settle(std::vector<Job>& batch) {
  if (commit(batch)) return;
  // One of them may be to blame: the others need not suffer.
  const bool alone = batch.size() == 1;
  for (Job& job : batch) {
    if (alone || !commit({&job, 1})) job.finish(false);
  }
}

bool Keeper::commit(std::span<Job> batch) {
  Work work(table_, registry_, counters_, options_, options_.now());
  const auto lengths = apply_all(batch, work);
  if (!lengths) {
    LOG_ERROR("commands.store").field("error", lengths.error().to_string());
    return false;
  }
  remember(*lengths);
  work.count_all();
  for (const operations::Record& record : work.records())
    operations_.record(record);
  for (const Job& job : batch)
    job.finish(true);
  tell(work);
  return true;
}

Result<Keeper::Lengths> Keeper::apply_all(std::span<Job> batch, Work& work) {
  auto transaction = TRY(table_.begin());
  for (const Job& job : batch)
    TRY(job.apply(work));
  Lengths changed = TRY(work.lengths());
  TRY(transaction.commit());
  return changed;
}

void Keeper::add_listener(std::function<void(const identity::Name&)> listener) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.push_back(std::move(listener));
}

void Keeper::add_feedback_listener(std::function<void()> listener) {
  const std::lock_guard lock(listeners_mutex_);
  feedback_listeners_.push_back(std::move(listener));
}

void Keeper::tell(const Work& work) {
  if (work.ready().empty() && !work.feedback_ready()) return;
  decltype(listeners_) listeners;
  decltype(feedback_listeners_) feedback_listeners;
  {
    const std::lock_guard lock(listeners_mutex_);
    listeners = listeners_;
    feedback_listeners = feedback_listeners_;
  }
  for (const identity::Name& name : work.ready()) {
    for (const auto& listener : listeners)
      listener(name);
  }
  if (!work.feedback_ready()) return;
  for (const auto& listener : feedback_listeners)
    listener();
}

}  // namespace hub::commands
