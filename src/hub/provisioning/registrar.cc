#include "hub/provisioning/registrar.h"

#include <condition_variable>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include <pthread.h>

#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "hub/provisioning/assign.h"

namespace hub::provisioning {

using base::Code;
using base::Result;

namespace {

// Results that could not be stored and that nobody asked for yet.
constexpr std::size_t kMaxLost = 1024;

std::string key_of(std::string_view registration_id) {
  return base::to_lower(registration_id);
}

}  // namespace

struct Registrar::State {
  struct Job {
    Grant grant;
    std::string operation_id;
    operations::Record record;
    base::MonoTime began;
  };

  State(EnrollmentTable own_table, identity::Registry& identities, twins::Twins& documents,
        std::size_t most, std::function<base::WallTime()> clock)
      : table(std::move(own_table)),
        registry(identities),
        twins(documents),
        max_queued(most),
        now(std::move(clock)) {}

  EnrollmentTable table;  // the thread's
  identity::Registry& registry;
  twins::Twins& twins;
  const std::size_t max_queued;
  const std::function<base::WallTime()> now;
  Finished finished;

  mutable std::mutex mutex;  // guards the four below
  std::condition_variable wake;
  std::deque<Job> jobs;
  // Of those that wait or are worked on: the operation.
  std::unordered_map<std::string, std::string> pending;
  std::unordered_map<std::string, Registration> lost;
  bool stopping = false;
  std::thread thread;

  void run();
  void work(Job job);
  Registration end(const Job& job, std::string& detail);
  Result<void> settle(const Job& job, Registration& ended, std::string& detail);
};

void Registrar::State::run() {
  // Signals are the main thread's.
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  ::pthread_setname_np(::pthread_self(), "registrar");
  for (;;) {
    std::unique_lock lock(mutex);
    wake.wait(lock, [this] { return stopping || !jobs.empty(); });
    if (stopping) return;
    Job job = std::move(jobs.front());
    jobs.pop_front();
    lock.unlock();
    work(std::move(job));
  }
}

void Registrar::State::work(Job job) {
  std::string detail;
  const Registration ended = end(job, detail);
  job.record.detail = std::move(detail);
  job.record.duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(base::mono_now() - job.began);
  const auto stored = table.store_registration(ended);
  if (!stored) {
    LOG_ERROR("provisioning.store").field("error", stored.error().to_string());
  }
  {
    const std::lock_guard lock(mutex);
    const std::string key = key_of(job.grant.registration_id);
    pending.erase(key);
    lost.erase(key);
    if (!stored && lost.size() < kMaxLost) lost.emplace(key, ended);
  }
  finished(std::move(job.record), job.grant, ended);
}

Registration Registrar::State::end(const Job& job, std::string& detail) {
  Registration ended;
  ended.id = job.grant.registration_id;
  ended.kind = job.grant.kind;
  ended.enrollment_id = job.grant.enrollment_id;
  ended.operation_id = job.operation_id;
  ended.etag = base::Guid::random().to_string();
  ended.updated = now();
  ended.created = ended.updated;
  if (const auto settled = settle(job, ended, detail); !settled) {
    ended.status = RegistrationStatus::Failed;
    ended.error_code = 500001;
    ended.error = "the registration cannot be worked off now";
    detail = settled.error().to_string();
  }
  return ended;
}

// An error is the store's.
Result<void> Registrar::State::settle(const Job& job, Registration& ended, std::string& detail) {
  const auto former = TRY(table.find_registration(job.grant.registration_id));
  if (former) {
    ended.id = former->id;
    ended.created = former->created;
  }
  const auto refuse = [&](RegistrationStatus status, int code, const char* message) {
    ended.status = status;
    ended.error_code = code;
    ended.error = message;
    if (!former || former->device_id.empty()) return Result<void>();
    // Whose the device is stays known, and is not who tried in vain.
    ended.kind = former->kind;
    ended.enrollment_id = former->enrollment_id;
    ended.device_id = former->device_id;
    ended.substatus = former->substatus;
    return Result<void>();
  };
  const auto enrollment = table.find(job.grant.kind, job.grant.enrollment_id);
  if (!enrollment && enrollment.error().code == Code::NotFound)
    return refuse(RegistrationStatus::Failed, 404201, "the enrollment was deleted");
  if (!enrollment) return std::unexpected(enrollment.error());
  // What was proved may not hold any more.
  if (enrollment->etag != job.grant.enrollment_etag)
    return refuse(RegistrationStatus::Failed, 401002, "the enrollment was changed; prove it again");
  const auto assigned = assign(job.grant, *enrollment, former, registry, twins);
  if (!assigned) {
    detail = assigned.error().detail;
    return refuse(RegistrationStatus::Failed, static_cast<int>(assigned.error().code),
                  assigned.error().message.c_str());
  }
  ended.status = RegistrationStatus::Assigned;
  ended.device_id = assigned->device_id;
  ended.substatus = assigned->substatus;
  return {};
}

Registrar::Registrar(std::unique_ptr<State> state) : state_(std::move(state)) {}
Registrar::Registrar(Registrar&&) noexcept = default;

Registrar::~Registrar() {
  if (state_) stop();
}

Registrar Registrar::create(EnrollmentTable table, identity::Registry& registry,
                            twins::Twins& twins, std::size_t max_queued,
                            std::function<base::WallTime()> now) {
  return Registrar(
      std::make_unique<State>(std::move(table), registry, twins, max_queued, std::move(now)));
}

void Registrar::start(Finished finished) {
  state_->finished = std::move(finished);
  state_->thread = std::thread([raw = state_.get()] { raw->run(); });
}

std::optional<Registrar::Submitted> Registrar::submit(const Grant& grant,
                                                      const operations::Record& record) {
  Submitted submitted;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopping) return std::nullopt;
    const std::string key = key_of(grant.registration_id);
    const auto found = state_->pending.find(key);
    if (found != state_->pending.end()) return Submitted{found->second, false};
    if (state_->jobs.size() >= state_->max_queued) return std::nullopt;
    submitted.operation_id = base::Guid::random().to_string();
    state_->pending.emplace(key, submitted.operation_id);
    state_->jobs.push_back({grant, submitted.operation_id, record, base::mono_now()});
  }
  state_->wake.notify_one();
  return submitted;
}

Registrar::Standing Registrar::find(std::string_view registration_id,
                                    std::string_view operation_id) const {
  const std::lock_guard lock(state_->mutex);
  const std::string key = key_of(registration_id);
  Standing standing;
  const auto waits = state_->pending.find(key);
  standing.pending = waits != state_->pending.end() && waits->second == operation_id;
  const auto ended = state_->lost.find(key);
  if (ended != state_->lost.end() && ended->second.operation_id == operation_id)
    standing.lost = ended->second;
  return standing;
}

void Registrar::stop() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake.notify_all();
  if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace hub::provisioning
