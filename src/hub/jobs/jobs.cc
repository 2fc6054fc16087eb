#include "hub/jobs/jobs.h"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <pthread.h>

#include "base/log.h"

namespace hub::jobs {

using base::Code;
using base::fail;
using base::Result;

namespace {

// How many rows one transaction writes at most: others write to the file, too.
constexpr std::size_t kChunk = 1'000;
constexpr std::chrono::seconds kLook{1};  // at the clock, while something waits for it
constexpr std::chrono::hours kForget{1};  // how often old jobs are looked for
// After the store failed.
constexpr std::chrono::seconds kRetry{5};

const Outcome kInterrupted{
    Status::Failed, {}, "HubRestarted", "The hub ended before the device had answered."};
const Outcome kOverdue{Status::Failed, {}, "JobTimedOut", "The time of the job was over."};
const Outcome kDropped{Status::Cancelled, {}, {}, {}};

}  // namespace

struct Jobs::State : std::enable_shared_from_this<State> {
  // A job that runs.
  struct Active {
    Job job;  // `updated` is when it began: what its time counts from
    std::size_t in_flight = 0;
    bool drained = false;  // nobody is pending any more
    bool ending = false;   // cancelled or overdue: nobody new is asked
  };

  State(Options given, World surroundings, operations::Operations& records, JobTable rows)
      : options(std::move(given)),
        world(std::move(surroundings)),
        operations(records),
        table(std::move(rows)) {}

  const Options options;
  const World world;
  operations::Operations& operations;
  Counters counters;

  mutable std::mutex table_mutex;
  mutable JobTable table;  // guarded by table_mutex

  std::mutex mutex;  // guards the four below
  std::condition_variable wake;
  std::vector<JobTable::Finished> finished;
  bool changed = true;  // look at the table
  bool stopping = false;
  std::thread thread;

  // The thread's own.
  std::map<std::string, Active> active;
  bool waiting = false;  // some job is queued
  base::WallTime forgotten;

  void run();
  Result<void> step(std::vector<JobTable::Finished>& done);
  Result<void> recover();
  Result<void> settle(const std::vector<JobTable::Finished>& done);
  Result<void> look();
  Result<void> begin(Job job);
  Result<void> add_targets(const Job& job);
  Result<void> advance(Active& entry);
  Result<void> ask(Active& entry);
  Result<void> end(Active& entry, Status status, const std::string& failure);
  void execute(const Job& job, const identity::Name& name);
  void record(const char* operation, const std::string& id, std::string_view actor, int status,
              std::string detail);
};

void Jobs::State::record(const char* operation, const std::string& id, std::string_view actor,
                         int status, std::string detail) {
  operations::Record record;
  record.time = options.now();
  record.category = operations::Category::JobsOperations;
  record.operation = operation;
  record.status_code = status;
  record.level = status < 400 ? operations::Level::Information : operations::Level::Error;
  record.request_id = id;
  record.actor = actor;
  record.detail = std::move(detail);
  operations.record(std::move(record));
}

void Jobs::State::run() {
  // Signals are the main thread's.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::pthread_setname_np(::pthread_self(), "jobs");
  std::vector<JobTable::Finished> done;
  bool failed = false;
  for (;;) {
    {
      std::unique_lock lock(mutex);
      const auto ready = [this] { return stopping || changed || !finished.empty(); };
      if (failed) {
        wake.wait_for(lock, kRetry, [this] { return stopping; });
      } else if (!active.empty() || waiting) {
        wake.wait_for(lock, kLook, ready);
      } else {
        wake.wait_for(lock, kForget, ready);
      }
      // What is done is kept even now.
      done.insert(done.end(), std::make_move_iterator(finished.begin()),
                  std::make_move_iterator(finished.end()));
      finished.clear();
      changed = false;
      if (stopping) break;
    }
    const auto stepped = step(done);
    failed = !stepped;
    if (failed) {
      LOG_ERROR("jobs.store").field("error", stepped.error().to_string());
    }
  }
  if (const auto settled = settle(done); !settled) {
    LOG_ERROR("jobs.store").field("error", settled.error().to_string());
  }
}

// `done` is kept until it is on disk.
Result<void> Jobs::State::step(std::vector<JobTable::Finished>& done) {
  TRY(settle(done));
  for (const JobTable::Finished& each : done) {
    const auto found = active.find(each.job_id);
    if (found != active.end() && found->second.in_flight > 0) --found->second.in_flight;
  }
  done.clear();
  TRY(look());
  for (auto item = active.begin(); item != active.end();) {
    TRY(advance(item->second));
    const bool over = item->second.ending && item->second.in_flight == 0;
    item = over ? active.erase(item) : std::next(item);
  }
  return {};
}

Result<void> Jobs::State::settle(const std::vector<JobTable::Finished>& done) {
  const base::WallTime now = options.now();
  for (std::size_t at = 0; at < done.size(); at += kChunk) {
    const std::lock_guard lock(table_mutex);
    TRY(table.finish(std::span(done).subspan(at, std::min(kChunk, done.size() - at)), now));
  }
  for (const JobTable::Finished& each : done) {
    (each.outcome.status == Status::Completed ? counters.devices_succeeded
                                              : counters.devices_failed)
        .add();
  }
  return {};
}

// What was running when the hub ended.
Result<void> Jobs::State::recover() {
  const base::WallTime now = options.now();
  for (Job& job : TRY(table.unfinished())) {
    if (job.status != Status::Running) continue;
    const bool again = job.kind == Kind::UpdateTwin;
    TRY(table.move_all(job.id, Status::Running,
                       again ? Outcome{Status::Queued, {}, {}, {}} : kInterrupted, now));
    record("resume", job.id, job.actor, 200, {});
    std::string id = job.id;
    active.emplace(std::move(id), Active{std::move(job)});
  }
  return {};
}

// Begins what is due, notices what was cancelled, forgets what is old.
Result<void> Jobs::State::look() {
  const base::WallTime now = options.now();
  std::vector<Job> jobs;
  {
    const std::lock_guard lock(table_mutex);
    jobs = TRY(table.unfinished());
    if (now - forgotten > kForget || now < forgotten) {
      TRY(table.forget(now - options.keep));
      forgotten = now;
    }
  }
  for (auto& [id, entry] : active) {
    const auto same = [&id](const Job& job) { return job.id == id; };
    if (std::ranges::none_of(jobs, same)) entry.ending = true;
  }
  waiting = false;
  for (Job& job : jobs) {
    if (job.status != Status::Queued) continue;
    waiting = true;
    if (job.start <= now && active.size() < options.max_running) TRY(begin(std::move(job)));
  }
  return {};
}

Result<void> Jobs::State::add_targets(const Job& job) {
  std::vector<identity::Name> names;
  Result<void> added;
  const auto add = [&] {
    const std::lock_guard lock(table_mutex);
    if (added) added = table.add_devices(job.id, names, options.now());
    names.clear();
  };
  {
    // Of a start that a crash cut off.
    const std::lock_guard lock(table_mutex);
    TRY(table.drop_devices(job.id));
  }
  TRY(world.select(job.condition, [&](const identity::Name& name) {
    names.push_back(name);
    if (names.size() == kChunk) add();
  }));
  add();
  return added;
}

Result<void> Jobs::State::begin(Job job) {
  const auto added = add_targets(job);
  if (!added && added.error().code != Code::Invalid && added.error().code != Code::Expired)
    return added;
  Active entry{std::move(job)};
  if (!added) return end(entry, Status::Failed, added.error().detail);
  {
    const std::lock_guard lock(table_mutex);
    // Cancelled meanwhile: stays so.
    if (TRY(table.find(entry.job.id)).status != Status::Queued)
      return table.move_all(entry.job.id, Status::Queued, kDropped, options.now());
    entry.job.updated = options.now();
    TRY(table.set(entry.job.id, Status::Running, {}, entry.job.updated));
  }
  record("start", entry.job.id, entry.job.actor, 200, entry.job.condition);
  std::string id = entry.job.id;
  active.emplace(std::move(id), std::move(entry));
  return {};
}

Result<void> Jobs::State::advance(Active& entry) {
  if (entry.ending) return {};
  if (options.now() > entry.job.updated + entry.job.max_execution) {
    {
      const std::lock_guard lock(table_mutex);
      for (const Status left : {Status::Queued, Status::Running})
        TRY(table.move_all(entry.job.id, left, kOverdue, options.now()));
    }
    entry.ending = true;
    return end(entry, Status::Failed, kOverdue.error_text);
  }
  if (!entry.drained) TRY(ask(entry));
  if (!entry.drained || entry.in_flight > 0) return {};
  entry.ending = true;
  return end(entry, Status::Completed, {});
}

Result<void> Jobs::State::ask(Active& entry) {
  if (entry.in_flight >= options.concurrency) return {};
  const std::size_t room = options.concurrency - entry.in_flight;
  std::vector<identity::Name> names;
  {
    const std::lock_guard lock(table_mutex);
    // A cancellation that comes from now on finds them running.
    names = TRY(table.take(entry.job.id, room, options.now()));
  }
  entry.drained = names.size() < room;
  entry.in_flight += names.size();
  for (const identity::Name& name : names)
    execute(entry.job, name);
  return {};
}

void Jobs::State::execute(const Job& job, const identity::Name& name) {
  world.execute(job, name, [weak = weak_from_this(), id = job.id, name](Outcome outcome) {
    const auto alive = weak.lock();
    if (!alive) return;
    {
      const std::lock_guard lock(alive->mutex);
      alive->finished.push_back({id, name, std::move(outcome)});
    }
    alive->wake.notify_one();
  });
}

Result<void> Jobs::State::end(Active& entry, Status status, const std::string& failure) {
  const std::string& id = entry.job.id;
  Statistics statistics;
  {
    const std::lock_guard lock(table_mutex);
    const Job now = TRY(table.find(id));
    if (now.status != Status::Queued && now.status != Status::Running) return {};
    TRY(table.set(id, status, failure, options.now()));
    statistics = now.statistics;
  }
  const bool completed = status == Status::Completed;
  (completed ? counters.completed : counters.failed).add();
  record("end", id, entry.job.actor, completed ? 200 : 400,
         completed ? std::to_string(statistics.succeeded) + " succeeded, " +
                         std::to_string(statistics.failed) + " failed"
                   : failure);
  return {};
}

Jobs::Jobs(std::shared_ptr<State> state) : state_(std::move(state)) {}

Jobs::~Jobs() {
  stop();
}

Result<std::unique_ptr<Jobs>> Jobs::open(Options options, World world,
                                         operations::Operations& operations) {
  auto database = TRY(store::Sqlite::open(options.path));
  TRY(JobTable::migrate(database));
  auto state = std::make_shared<State>(std::move(options), std::move(world), operations,
                                       JobTable(std::move(database)));
  TRY(state->recover());
  state->thread = std::thread([raw = state.get()] { raw->run(); });
  return std::unique_ptr<Jobs>(new Jobs(std::move(state)));
}

Result<Job> Jobs::create(Job job) {
  const auto insert = [&]() -> Result<void> {
    TRY(state_->world.check(job.condition));
    const std::lock_guard lock(state_->table_mutex);
    if (TRY(state_->table.count_unfinished()) >= state_->options.max_unfinished)
      return fail(Code::Full, "job", -1, "too many jobs wait or run");
    auto inserted = state_->table.insert(job);
    if (!inserted && inserted.error().code == Code::Exists)
      return fail(Code::Exists, "job", -1, job.id);
    return inserted;
  };
  const auto inserted = insert();
  (inserted ? state_->counters.created : state_->counters.refused).add();
  if (!inserted) return std::unexpected(inserted.error());
  state_->record("create", job.id, job.actor, 200, std::string(to_string(job.kind)));
  wake();
  return job;
}

Result<Job> Jobs::get(std::string_view id) const {
  const std::lock_guard lock(state_->table_mutex);
  return state_->table.find(id);
}

Result<std::vector<Job>> Jobs::list(std::optional<Kind> kind, std::optional<Status> status,
                                    std::string_view after, std::size_t limit) const {
  const std::lock_guard lock(state_->table_mutex);
  return state_->table.list(kind, status, after, limit);
}

Result<Job> Jobs::cancel(std::string_view id, std::string_view actor) {
  Job job;
  {
    const std::lock_guard lock(state_->table_mutex);
    job = TRY(state_->table.find(id));
    if (job.status != Status::Queued && job.status != Status::Running)
      return Result<Job>(std::in_place, std::move(job));
    const base::WallTime now = state_->options.now();
    TRY(state_->table.set(id, Status::Cancelled, {}, now));
    TRY(state_->table.move_all(id, Status::Queued, kDropped, now));
    job = TRY(state_->table.find(id));
  }
  state_->counters.cancelled.add();
  state_->record("cancel", job.id, actor, 200, {});
  wake();
  return Result<Job>(std::in_place, std::move(job));
}

Result<std::vector<DeviceJob>> Jobs::device_jobs(const JobTable::Key& after,
                                                 std::size_t limit) const {
  const std::lock_guard lock(state_->table_mutex);
  return state_->table.device_jobs(after, limit);
}

void Jobs::wake() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->changed = true;
  }
  state_->wake.notify_one();
}

const Counters& Jobs::counters() const {
  return state_->counters;
}

void Jobs::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace hub::jobs
