#include "hub/twins/twins.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "hub/twins/twin_outbox.h"
#include "hub/twins/twin_table.h"
#include "os/batch_queue.h"
#include "os/thread.h"

namespace hub::twins {

using base::Code;
using base::fail;
using base::Result;
using operations::Category;
using operations::Level;

namespace {

int status_of(const base::Error& error) {
  switch (error.code) {
    case Code::NotFound:
      return 404;
    case Code::Conflict:
      return 412;
    case Code::TooLarge:
      return 413;
    case Code::Malformed:
    case Code::Invalid:
      return 400;
    case Code::Full:
    case Code::Unavailable:
      return 503;
    default:
      return 500;
  }
}

// The SDKs want both members, or they ignore the status.
DeviceAnswer error_answer(const base::Error& error) {
  DeviceAnswer answer;
  answer.status = status_of(error);
  // What the store says is not the device's business.
  const std::string message = answer.status < 500 ? error.detail : "the twin cannot be kept now";
  base::json::Writer writer(answer.body);
  writer.begin_object();
  writer.field("errorCode", answer.status * 1000 + 1);
  writer.field("message", message.empty() ? std::string_view(error.what) : message);
  writer.end_object();
  return answer;
}

// The store failed, and not the request.
bool is_ours(const base::Error& error) {
  return status_of(error) >= 500;
}

}  // namespace

struct Twins::State {
  struct Job {
    // Of a device.
    DeviceRequest request;
    Done done;
    DeviceAnswer answer;
    // Of the service.
    identity::Name name;
    Update update;
    std::string actor;
    Updated updated;
    Result<Twin> result = Twin{};
    std::optional<DesiredChange> change;
    // Of the registry: the identity is gone, or new.
    bool forget = false;
    bool born = false;

    bool writes() const { return updated || forget || born || request.patch; }
    std::size_t bytes() const { return request.patch ? request.patch->size() : 0; }
    // What the registry says must not be lost: it is small.
    bool is_vital() const { return forget || born; }
  };

  State(Options given, identity::Registry& identities, operations::Operations& records,
        TwinTable reading, TwinTable writing, store::Sqlite sending)
      : options(std::move(given)),
        registry(identities),
        operations(records),
        outbox(std::move(sending)),
        reader(std::move(reading)),
        writer(std::move(writing)),
        jobs({options.max_queued, options.max_queued_bytes}) {}

  const Options options;
  identity::Registry& registry;
  operations::Operations& operations;
  TwinOutbox outbox;
  std::vector<std::function<void(const DesiredChange&)>> listeners;  // before serving only
  std::vector<std::function<void(const Change&)>> change_listeners;  // as well

  std::mutex reader_mutex;
  TwinTable reader;  // guarded by reader_mutex
  TwinTable writer;  // the thread's

  os::BatchQueue<Job> jobs;
  std::thread thread;

  void run();
  void settle(std::vector<Job>& batch);
  Result<void> apply_all(std::vector<Job>& batch);
  Result<void> apply(Job& job);
  Result<void> forget(const identity::Name& name);
  Result<void> welcome(const identity::Name& name);
  Result<void> serve_device(Job& job);
  Result<Twin> serve_service(Job& job);
  void finish(Job& job);
  void tell_change(const Job& job) const;
  void record_device(Job& job);
  void record_service(const Job& job);
};

void Twins::State::run() {
  while (!jobs.is_over()) {
    std::vector<Job> batch = jobs.take();
    if (!batch.empty()) settle(batch);
  }
}

void Twins::State::settle(std::vector<Job>& batch) {
  const auto applied = apply_all(batch);
  if (!applied) {
    LOG_ERROR("twins.store").field("error", applied.error().to_string());
  }
  if (applied && std::ranges::any_of(batch, &Job::writes)) outbox.grown();
  for (Job& job : batch) {
    if (!applied && job.writes()) {
      job.answer = error_answer(applied.error());
      job.result = std::unexpected(applied.error());
      job.change.reset();
    }
    finish(job);
  }
}

Result<void> Twins::State::apply_all(std::vector<Job>& batch) {
  const bool writes = std::ranges::any_of(batch, &Job::writes);
  std::optional<store::Transaction> transaction;
  if (writes) transaction.emplace(TRY(writer.begin()));
  for (Job& job : batch)
    TRY(apply(job));
  return writes ? transaction->commit() : Result<void>();
}

// An error is the store's; the request's own are in its answer.
Result<void> Twins::State::apply(Job& job) {
  if (job.forget) return forget(job.name);
  if (job.born) return welcome(job.name);
  if (job.updated) {
    job.result = serve_service(job);
    if (!job.result && is_ours(job.result.error())) return std::unexpected(job.result.error());
    return {};
  }
  const auto served = serve_device(job);
  if (served) return {};
  job.answer = error_answer(served.error());
  if (is_ours(served.error()) && job.writes()) return served;
  return {};
}

Result<void> Twins::State::forget(const identity::Name& name) {
  // Made anew meanwhile: the rows of the former one are of another generation.
  if (registry.get(name)) return {};
  Twin twin;
  twin.name = name;
  TRY(writer.note({twin, {}, "deleted", {}, {}, options.now()}));
  return writer.erase(name);
}

Result<void> Twins::State::welcome(const identity::Name& name) {
  const auto identity = registry.get(name);
  if (!identity) return {};
  const Twin twin = TRY(writer.find(name, identity->generation_id));
  return writer.note({twin, identity->generation_id, "created", {}, {}, options.now()});
}

Result<void> Twins::State::serve_device(Job& job) {
  const DeviceRequest& request = job.request;
  const identity::Identity identity = TRY(registry.get(request.name));
  // Deleted and made anew while the connection was there.
  if (identity.generation_id != request.generation_id)
    return fail(Code::NotFound, "twin", -1, "the identity was deleted");
  Twin twin = TRY(writer.find(request.name, identity.generation_id));
  if (!request.patch) {
    job.answer.body = device_view(twin);
    return {};
  }
  const auto patch = read_patch(*request.patch, options.limits);
  if (!patch)
    return fail(Code::Invalid, "twin", -1,
                patch.error().detail.empty() ? "no JSON" : patch.error().detail);
  TRY(apply_patch(twin.reported, Part::Reported, *patch, options.now(), options.limits));
  ++twin.version;
  TRY(writer.store(twin, identity.generation_id));
  TRY(writer.note({twin, identity.generation_id, "updated", "Reported", {}, options.now()}));
  job.answer.status = 204;
  job.answer.version = twin.reported.version;
  return {};
}

Result<Twin> Twins::State::serve_service(Job& job) {
  const Update& update = job.update;
  const identity::Identity identity = TRY(registry.get(job.name));
  Twin twin = TRY(writer.find(job.name, identity.generation_id));
  if (!update.if_match.empty() && update.if_match != "*" && update.if_match != twin.etag)
    return fail(Code::Conflict, "etag", -1, "the twin was changed in between");
  const base::WallTime now = options.now();
  std::optional<base::json::Value> told;
  for (const Part part : {Part::Tags, Part::Desired}) {
    const auto& wanted = part == Part::Tags ? update.tags : update.desired;
    if (!wanted) continue;
    base::json::Value patch = TRY(check_patch(*wanted, options.limits));
    if (update.mode == Update::Mode::Replace) {
      patch = TRY(replace(twin.section(part), part, patch, now, options.limits));
    } else {
      TRY(apply_patch(twin.section(part), part, patch, now, options.limits));
    }
    if (part == Part::Desired) told = std::move(patch);
  }
  ++twin.version;
  twin.etag = new_etag();
  TRY(writer.store(twin, identity.generation_id));
  const std::string_view parts =
      update.tags && update.desired ? "Tags,Desired" : (update.tags ? "Tags" : "Desired");
  TRY(writer.note({twin, identity.generation_id, "updated", parts, job.actor, now}));
  if (told) {
    job.change =
        DesiredChange{job.name, twin.desired.version, desired_patch(*told, twin.desired.version)};
  }
  return twin;
}

// Durable, or refused: now it may be told.
void Twins::State::finish(Job& job) {
  if (job.change) {
    for (const auto& listener : listeners)
      listener(*job.change);
  }
  tell_change(job);
  if (job.updated) {
    record_service(job);
    job.updated(std::move(job.result));
  } else if (job.done) {
    record_device(job);
    job.done(std::move(job.answer));
  }
}

void Twins::State::tell_change(const Job& job) const {
  Change change;
  if (job.updated && job.result) {
    change = {job.name, job.update.tags.has_value(), job.change.has_value(), false, job.actor};
  } else if (job.done && job.request.patch && job.answer.status < 400) {
    change = {job.request.name, false, false, true, {}};
  } else {
    return;
  }
  for (const auto& listener : change_listeners)
    listener(change);
}

void Twins::State::record_device(Job& job) {
  operations::Record record = std::move(job.request.record);
  record.category = Category::D2CTwinOperations;
  record.operation = job.request.patch ? "update" : "read";
  record.status_code = job.answer.status;
  record.level = job.answer.status < 400 ? Level::Information : Level::Error;
  record.bytes = job.request.patch ? job.request.patch->size() : job.answer.body.size();
  if (job.answer.status >= 400) record.detail = job.answer.body;
  operations.record(std::move(record));
}

void Twins::State::record_service(const Job& job) {
  operations::Record record;
  record.time = options.now();
  record.category = Category::C2DTwinOperations;
  record.operation = job.update.mode == Update::Mode::Replace ? "replace" : "update";
  record.device_id = job.name.device_id;
  record.module_id = job.name.module_id;
  record.actor = job.actor;
  if (job.result) {
    if (job.change) record.bytes = job.change->json.size();
    record.detail = job.change ? "desired version " + std::to_string(job.change->version) : "tags";
  } else {
    record.status_code = status_of(job.result.error());
    record.level = Level::Error;
    record.detail = job.result.error().to_string();
  }
  operations.record(std::move(record));
}

Twins::Twins(std::shared_ptr<State> state) : state_(std::move(state)) {}

Twins::~Twins() {
  stop();
}

Result<std::unique_ptr<Twins>> Twins::open(Options options, identity::Registry& registry,
                                           operations::Operations& operations) {
  auto writing = TRY(store::Sqlite::open(options.path));
  TRY(TwinTable::migrate(writing));
  auto reading = TRY(store::Sqlite::open(options.path, store::SqliteMode::ReadOnly));
  auto sending = TRY(store::Sqlite::open(options.path));
  auto state = std::make_shared<State>(std::move(options), registry, operations,
                                       TwinTable(std::move(reading)), TwinTable(std::move(writing)),
                                       std::move(sending));
  // The registry may outlive the twins.
  registry.add_listener(
      [weak = std::weak_ptr(state)](const identity::Name& name, identity::Registry::Event event) {
        const auto alive = weak.lock();
        State::Job job;
        job.forget = event == identity::Registry::Event::Deleted;
        job.born = event == identity::Registry::Event::Created;
        if (!alive || (!job.forget && !job.born)) return;
        job.name = name;
        // After the end the row stays: it is of a generation that is gone.
        (void)alive->jobs.submit(std::move(job));
      });
  state->thread = os::start_thread("twins", [raw = state.get()] { raw->run(); });
  return std::unique_ptr<Twins>(new Twins(std::move(state)));
}

bool Twins::request(DeviceRequest request, Done done) {
  State::Job job;
  job.request = std::move(request);
  job.done = std::move(done);
  return state_->jobs.submit(std::move(job));
}

Result<Twin> Twins::get(const identity::Name& name) {
  const identity::Identity identity = TRY(state_->registry.get(name));
  const std::lock_guard lock(state_->reader_mutex);
  return state_->reader.find(name, identity.generation_id);
}

Result<Twin> Twins::update(const identity::Name& name, const Update& update,
                           std::string_view actor) {
  std::promise<Result<Twin>> promise;
  this->update(name, update, actor,
               [&promise](Result<Twin> twin) { promise.set_value(std::move(twin)); });
  return promise.get_future().get();
}

void Twins::update(const identity::Name& name, const Update& update, std::string_view actor,
                   const Updated& done) {
  State::Job job;
  job.name = name;
  job.update = update;
  job.actor = actor;
  job.updated = done;
  if (!state_->jobs.submit(std::move(job)))
    done(fail(Code::Unavailable, "twin", -1, "too many changes are waiting"));
}

void Twins::add_listener(std::function<void(const DesiredChange&)> listener) {
  state_->listeners.push_back(std::move(listener));
}

void Twins::add_change_listener(std::function<void(const Change&)> listener) {
  state_->change_listeners.push_back(std::move(listener));
}

TwinOutbox& Twins::outbox() const {
  return state_->outbox;
}

void Twins::stop() {
  state_->jobs.stop();
  if (state_->thread.joinable()) state_->thread.join();
}

}  // namespace hub::twins
