#include "hub/configurations/rounds.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include <pthread.h>

#include "base/log.h"

namespace hub::configurations {

using base::Code;
using base::fail;
using base::Result;

namespace {

// Above that all devices are looked at instead.
constexpr std::size_t kMaxDirty = 10'000;
// Device ids that are read at once.
constexpr std::size_t kBatch = 256;
constexpr std::string_view kOwnActor = "configuration";
// Before a device is tried again whose twin changed meanwhile or whose store failed.
constexpr std::chrono::milliseconds kRetry{200};

bool uses_reported(const std::vector<Configuration>& configurations) {
  constexpr std::string_view kPath[] = {"properties", "reported"};
  return std::ranges::any_of(configurations, [&](const Configuration& configuration) {
    return configuration.target->condition_uses(kPath);
  });
}

}  // namespace

void Rounds::start() {
  thread_ = std::thread([this] { run(); });
}

void Rounds::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Snapshot Rounds::configurations() {
  const std::lock_guard lock(mutex_);
  return configurations_;
}

void Rounds::enforce(Snapshot configurations) {
  {
    const std::lock_guard lock(mutex_);
    reported_matters_ = uses_reported(*configurations);
    configurations_ = std::move(configurations);
    all_ = true;
    metrics_now_ = true;
  }
  wake_.notify_all();
}

void Rounds::mark(const std::string& device_id) {
  {
    const std::lock_guard lock(mutex_);
    metrics_stale_ = true;
    if (configurations_->empty()) return;
  }
  look_again(device_id);
}

void Rounds::look_again(const std::string& device_id) {
  {
    const std::lock_guard lock(mutex_);
    dirty_.insert(device_id);
    if (dirty_.size() > kMaxDirty) {
      dirty_.clear();
      all_ = true;
    }
  }
  wake_.notify_all();
}

void Rounds::changed(const twins::Change& change) {
  bool matters = change.tags || change.desired;
  {
    const std::lock_guard lock(mutex_);
    metrics_stale_ = true;
    matters = matters || reported_matters_;
  }
  // Our own changes are what we want already.
  if (matters && !change.actor.starts_with(kOwnActor)) mark(change.name.device_id);
}

bool Rounds::wait_settled(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return settled_.wait_for(lock, timeout,
                           [this] { return !busy_ && !all_ && dirty_.empty() && !metrics_now_; });
}

// False: the end has come.
bool Rounds::pause_until(base::MonoTime time) {
  std::unique_lock lock(mutex_);
  return !wake_.wait_until(lock, time, [this] { return stopping_; });
}

bool Rounds::may_update() {
  const base::MonoTime now = base::mono_now();
  if (next_update_ > now && !pause_until(next_update_)) return false;
  next_update_ = std::max(next_update_, now) + std::chrono::nanoseconds(std::chrono::seconds(1)) /
                                                   parts_.options.updates_per_second;
  return true;
}

bool Rounds::wait_for_work(std::set<std::string>& devices, bool& everything) {
  std::unique_lock lock(mutex_);
  busy_ = false;
  settled_.notify_all();
  const auto has_work = [this] { return stopping_ || all_ || !dirty_.empty() || metrics_now_; };
  const base::MonoTime deadline = metrics_stale_ ? std::min(next_pass_, next_metrics_) : next_pass_;
  wake_.wait_until(lock, deadline, has_work);
  if (stopping_) return false;
  const bool due = base::mono_now() >= next_pass_;
  everything = all_ || (due && !configurations_->empty());
  if (due && configurations_->empty()) next_pass_ = base::mono_now() + parts_.options.pass_interval;
  all_ = false;
  devices = std::exchange(dirty_, {});
  busy_ = true;
  return true;
}

void Rounds::run() {
  // Signals are the main thread's.
  sigset_t signals;
  ::sigfillset(&signals);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::pthread_setname_np(::pthread_self(), "configurations");
  Enforcement enforcement({parts_.options, parts_.twins, parts_.queries, parts_.operations,
                           parts_.table, parts_.table_mutex, parts_.counters,
                           [this] { return may_update(); }});
  std::set<std::string> devices;
  bool everything = false;
  while (wait_for_work(devices, everything)) {
    if (everything) {
      look_at_all(enforcement);
    } else {
      for (const std::string& device_id : devices) {
        if (!look_at(enforcement, device_id)) break;
      }
    }
    if (metrics_are_due()) count_metrics();
  }
  const std::lock_guard lock(mutex_);
  busy_ = false;
  settled_.notify_all();
}

// A change of the configurations, or the end: what is under way is done anew, or not at all.
bool Rounds::is_interrupted() {
  const std::lock_guard lock(mutex_);
  return stopping_ || all_;
}

bool Rounds::look_at(Enforcement& enforcement, const std::string& device_id) {
  if (is_interrupted()) return false;
  const auto looked = enforcement.look_at(device_id, configurations());
  if (looked && *looked == Enforcement::Outcome::Settled) return true;
  if (!looked && looked.error().code == Code::Closed) return false;
  if (!looked) {
    LOG_ERROR("configurations.device")
        .field("device", device_id)
        .field("error", looked.error().to_string());
  }
  look_again(device_id);
  return pause_until(base::mono_now() + kRetry);
}

Result<std::vector<std::string>> Rounds::device_ids(const std::string& after) {
  std::vector<std::string> ids;
  TRY(parts_.queries.with_fleet([&](queries::Fleet& fleet) {
    queries::Fleet::Range range;
    range.after = {after, {}};
    return fleet.scan(range, [&](const queries::TwinDocument& twin) {
      ids.push_back(twin.name().device_id);
      return ids.size() < kBatch ? queries::Fleet::Next::Go : queries::Fleet::Next::Stop;
    });
  }));
  return ids;
}

void Rounds::look_at_all(Enforcement& enforcement) {
  {
    const std::lock_guard lock(parts_.table_mutex);
    if (const auto forgotten = parts_.table.forget_gone(); !forgotten) {
      LOG_ERROR("configurations.forget").field("error", forgotten.error().to_string());
    }
  }
  std::string after;
  for (;;) {
    const auto ids = device_ids(after);
    if (!ids) {
      LOG_ERROR("configurations.pass").field("error", ids.error().to_string());
      break;
    }
    if (ids->empty()) break;
    for (const std::string& device_id : *ids) {
      if (!look_at(enforcement, device_id)) return;
    }
    after = ids->back();
  }
  parts_.counters.passes.add();
  next_pass_ = base::mono_now() + parts_.options.pass_interval;
}

bool Rounds::metrics_are_due() {
  const std::lock_guard lock(mutex_);
  const bool due = metrics_now_ || (metrics_stale_ && base::mono_now() >= next_metrics_);
  return due && !stopping_ && !all_ && dirty_.empty();
}

// Those of its queries that can be answered.
std::map<std::string, std::uint64_t> Rounds::count(const Configuration& configuration) {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [name, text] : configuration.metrics) {
    if (is_interrupted()) return counts;
    const auto query = iotql::Query::parse(text);
    const auto rows = query ? parts_.queries.count(*query) : fail(Code::Corrupt, "metric");
    if (rows) {
      counts[name] = *rows;
    } else {
      LOG_WARNING("configurations.metric")
          .field("configuration", configuration.id)
          .field("metric", name)
          .field("error", rows.error().to_string());
    }
  }
  return counts;
}

void Rounds::count_metrics() {
  {
    const std::lock_guard lock(mutex_);
    metrics_now_ = false;
    metrics_stale_ = false;
  }
  const Snapshot current = configurations();
  for (const Configuration& configuration : *current) {
    const auto counts = count(configuration);
    if (is_interrupted()) return;
    const std::lock_guard lock(parts_.table_mutex);
    if (const auto stored = parts_.table.store_metrics(configuration.id, counts); !stored) {
      LOG_ERROR("configurations.metrics").field("error", stored.error().to_string());
    }
  }
  next_metrics_ = base::mono_now() + parts_.options.metrics_interval;
}

}  // namespace hub::configurations
