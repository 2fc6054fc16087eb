#include "hub/provisioning/provisioning.h"

#include <mutex>

#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "hub/provisioning/registrar.h"
#include "hub/provisioning/registration.h"
#include "store/sqlite.h"

namespace hub::provisioning {

using base::Code;
using base::fail;
using base::Result;
using identity::Refusal;
using operations::Category;
using operations::Level;
using operations::Reason;
using operations::Record;

namespace {

int status_of(const base::Error& error) {
  switch (error.code) {
    case Code::NotFound:
      return 404;
    case Code::Exists:
      return 409;
    case Code::Conflict:
      return 412;
    case Code::Invalid:
      return 400;
    case Code::Full:
      return 403;
    default:
      return 500;
  }
}

Result<std::string> from_cursor(std::string_view cursor) {
  const auto id = base::base64_decode(cursor);
  if (!id) return fail(Code::Invalid, "cursor");
  return std::string(base::as_text(*id));
}

std::string_view unstarred(std::string_view if_match) {
  return if_match == "*" ? std::string_view() : if_match;
}

}  // namespace

struct Provisioning::State {
  State(Options given, operations::Operations& records, EnrollmentTable reading,
        EnrollmentTable writing, Registrar registration_thread)
      : options(std::move(given)),
        operations(records),
        reader(std::move(reading)),
        writer(std::move(writing)),
        registrar(std::move(registration_thread)),
        registration_pace(options.registrations),
        poll_pace(options.polls) {}

  const Options options;
  operations::Operations& operations;
  std::string id_scope;
  Counters counters;

  // Connections of their own, so that devices do not wait for the fsync of a change.
  std::mutex reader_mutex;
  EnrollmentTable reader;  // guarded by reader_mutex
  std::mutex writer_mutex;
  EnrollmentTable writer;  // guarded by writer_mutex
  std::mutex groups_mutex;
  std::shared_ptr<const std::vector<Enrollment>> groups;  // guarded by groups_mutex

  Registrar registrar;
  std::mutex pace_mutex;
  Pace registration_pace;  // guarded by pace_mutex
  Pace poll_pace;          // guarded by pace_mutex

  Result<void> reload_groups() {
    auto all = TRY(writer.groups());
    const std::lock_guard lock(groups_mutex);
    groups = std::make_shared<const std::vector<Enrollment>>(std::move(all));
    return {};
  }
  std::shared_ptr<const std::vector<Enrollment>> current_groups() {
    const std::lock_guard lock(groups_mutex);
    return groups;
  }

  Reply answer(int status, std::string body) const {
    Reply reply{status, std::move(body), {}};
    if (status == 202 || status == 429 || status == 503) reply.retry_after = options.retry_after;
    return reply;
  }
  Reply error(Record record, int status, std::uint32_t code, std::string_view message);
  void finish(Record record, const Grant& grant, const Registration& registration);
  Reply told(const Registration& registration, Record record);
  void record_change(const char* operation, Kind kind, std::string_view id, std::string_view actor,
                     const base::Error* error);
  Result<Put> put(Kind kind, std::string_view id, const base::json::Value& body,
                  std::string_view if_match);
};

// What was refused, recorded and said.
Reply Provisioning::State::error(Record record, int status, std::uint32_t code,
                                 std::string_view message) {
  std::string body = error_body(code, message, record.request_id, options.wall_now());
  record.status_code = status;
  record.sub_code = code;
  record.level = Level::Error;
  if (record.detail.empty()) record.detail = message;
  operations.record(std::move(record));
  return answer(status, std::move(body));
}

// A registration that was begun has ended.
void Provisioning::State::finish(Record record, const Grant& grant,
                                 const Registration& registration) {
  record.actor = name_of(grant.kind, grant.enrollment_id);
  if (registration.status == RegistrationStatus::Assigned) {
    counters.assigned.add();
    record.device_id = registration.device_id;
    record.detail = "assigned: " + registration.substatus;
  } else {
    counters.failed.add();
    record.level = Level::Error;
    record.sub_code = static_cast<std::uint32_t>(registration.error_code);
    record.status_code = registration.error_code / 1000;
    if (record.detail.empty()) record.detail = registration.error;
    if (registration.status == RegistrationStatus::Disabled) record.reason = Reason::Disabled;
  }
  operations.record(std::move(record));
}

Reply Provisioning::State::told(const Registration& registration, Record record) {
  record.detail = to_string(registration.status);
  operations.record(std::move(record));
  return answer(200, operation_body(registration.operation_id, registration.id, &registration,
                                    options.host_name));
}

void Provisioning::State::record_change(const char* operation, Kind kind, std::string_view id,
                                        std::string_view actor, const base::Error* error) {
  Record record;
  record.time = options.wall_now();
  record.category = Category::DeviceIdentityOperations;
  record.operation = operation;
  record.actor = actor;
  record.status_code = error == nullptr ? 200 : status_of(*error);
  record.level = error == nullptr ? Level::Information : Level::Error;
  record.detail =
      (kind == Kind::Group ? "enrollmentGroup/" : "enrollment/") + base::to_utf8(id.substr(0, 128));
  if (error != nullptr) record.detail += ": " + error->to_string();
  operations.record(std::move(record));
}

Provisioning::Provisioning(std::unique_ptr<State> state) : state_(std::move(state)) {}

Provisioning::~Provisioning() {
  stop();
}

Result<std::unique_ptr<Provisioning>> Provisioning::open(Options options,
                                                         identity::Registry& registry,
                                                         twins::Twins& twins,
                                                         operations::Operations& operations) {
  auto writing = TRY(store::Sqlite::open(options.path));
  TRY(EnrollmentTable::migrate(writing));
  auto own = TRY(store::Sqlite::open(options.path));
  auto reading = TRY(store::Sqlite::open(options.path, store::SqliteMode::ReadOnly));
  Registrar registrar = Registrar::create(EnrollmentTable(std::move(own)), registry, twins,
                                          options.max_queued, options.wall_now);
  auto state =
      std::make_unique<State>(std::move(options), operations, EnrollmentTable(std::move(reading)),
                              EnrollmentTable(std::move(writing)), std::move(registrar));
  state->id_scope = TRY(state->writer.id_scope());
  TRY(state->reload_groups());
  state->registrar.start(
      [raw = state.get()](Record record, const Grant& grant, const Registration& registration) {
        raw->finish(std::move(record), grant, registration);
      });
  return std::unique_ptr<Provisioning>(new Provisioning(std::move(state)));
}

const std::string& Provisioning::id_scope() const {
  return state_->id_scope;
}

const Options& Provisioning::options() const {
  return state_->options;
}

const Counters& Provisioning::counters() const {
  return state_->counters;
}

std::expected<Grant, Refusal> Provisioning::attest(const Credentials& credentials) const {
  const auto groups = state_->current_groups();
  const Enrollments enrollments{state_->id_scope,
                                [this](std::string_view id) {
                                  const std::lock_guard lock(state_->reader_mutex);
                                  return state_->reader.find(Kind::Individual, id);
                                },
                                *groups};
  return provisioning::attest(credentials, state_->options.wall_now(), enrollments);
}

Reply Provisioning::begin(const Grant& grant, std::string_view body, Record record) {
  State& state = *state_;
  record.category = Category::DeviceIdentityOperations;
  record.operation = "register";
  record.device_id = grant.registration_id;
  record.auth = grant.auth;
  record.bytes = body.size();
  if (const auto checked = check_registration_body(body, grant.registration_id); !checked) {
    const bool large = checked.error().code == Code::TooLarge;
    if (large) record.reason = Reason::Oversize;
    return state.error(std::move(record), large ? 413 : 400, large ? 413001 : 400004,
                       checked.error().detail);
  }
  {
    const std::lock_guard lock(state.pace_mutex);
    if (!state.registration_pace.take({}, state.options.mono_now())) {
      state.counters.throttled.add();
      record.reason = Reason::Limit;
      return state.error(std::move(record), 429, 429001, "too many registrations; try again later");
    }
  }
  if (!grant.enabled) {
    Registration refused;
    refused.id = grant.registration_id;
    refused.kind = grant.kind;
    refused.enrollment_id = grant.enrollment_id;
    refused.status = RegistrationStatus::Disabled;
    refused.error_code = 403001;
    refused.error = "the enrollment is disabled";
    state.finish(std::move(record), grant, refused);
    return state.answer(200, operation_body("", refused.id, &refused, state.options.host_name));
  }
  const auto submitted = state.registrar.submit(grant, record);
  if (!submitted) {
    return state.error(std::move(record), 503, 503001,
                       "too many registrations are waiting; try again later");
  }
  if (submitted->fresh) {
    state.counters.registrations.add();
  } else {
    record.status_code = 202;
    record.detail = "on its way already";
    state.operations.record(std::move(record));
  }
  return state.answer(202, operation_body(submitted->operation_id, grant.registration_id, nullptr,
                                          state.options.host_name));
}

Reply Provisioning::poll(const Grant& grant, std::string_view operation_id, Record record) {
  State& state = *state_;
  record.category = Category::DeviceIdentityOperations;
  record.operation = "registrationStatus";
  record.device_id = grant.registration_id;
  record.auth = grant.auth;
  {
    const std::lock_guard lock(state.pace_mutex);
    const std::string name = base::to_lower(grant.registration_id);
    if (!state.poll_pace.take(name, state.options.mono_now())) {
      state.counters.throttled.add();
      record.reason = Reason::Limit;
      return state.error(std::move(record), 429, 429001, "asked too often; try again later");
    }
  }
  const auto waiting = state.registrar.find(grant.registration_id, operation_id);
  if (waiting.pending) {
    record.status_code = 202;
    record.detail = to_string(RegistrationStatus::Assigning);
    state.operations.record(std::move(record));
    return state.answer(
        202, operation_body(operation_id, grant.registration_id, nullptr, state.options.host_name));
  }
  if (waiting.lost) return state.told(*waiting.lost, std::move(record));
  Result<std::optional<Registration>> stored = std::nullopt;
  {
    const std::lock_guard lock(state.reader_mutex);
    stored = state.reader.find_registration(grant.registration_id);
  }
  if (!stored) {
    record.detail = stored.error().to_string();
    return state.error(std::move(record), 500, 500001, "the registration cannot be read now");
  }
  if (!*stored || (*stored)->operation_id != operation_id)
    return state.error(std::move(record), 404, 404202, "there is no such operation");
  return state.told(**stored, std::move(record));
}

Reply Provisioning::look_up(const Grant& grant, Record record) {
  State& state = *state_;
  record.category = Category::DeviceIdentityOperations;
  record.operation = "registrationState";
  record.device_id = grant.registration_id;
  record.auth = grant.auth;
  const auto stored = registration(grant.registration_id);
  if (!stored) {
    const bool absent = stored.error().code == Code::NotFound;
    record.detail = stored.error().to_string();
    return state.error(std::move(record), absent ? 404 : 500, absent ? 404202 : 500001,
                       absent ? "the device never registered" : "it cannot be read now");
  }
  record.detail = to_string(stored->status);
  state.operations.record(std::move(record));
  std::string body;
  base::json::Writer writer(body);
  write_registration(writer, *stored, state.options.host_name);
  return state.answer(200, std::move(body));
}

Reply Provisioning::refuse(const Refusal& refusal, Record record) {
  State& state = *state_;
  state.counters.attestations_refused.add();
  if (record.operation.empty()) record.operation = "register";
  record.category = Category::DeviceIdentityOperations;
  record.device_id = refusal.name.device_id;
  record.auth = refusal.auth;
  record.reason = refusal.reason;
  record.detail = refusal.detail;
  const char* message = "the registration is not authorized";
  if (refusal.status_code == 404) message = "there is no such provisioning service or registration";
  if (refusal.status_code >= 500) message = "the enrollment cannot be read now";
  return state.error(std::move(record), refusal.status_code, refusal.sub_code, message);
}

Result<Provisioning::Put> Provisioning::State::put(Kind kind, std::string_view id,
                                                   const base::json::Value& body,
                                                   std::string_view if_match) {
  const std::lock_guard lock(writer_mutex);
  const auto former = writer.find(kind, id);
  if (!former && former.error().code != Code::NotFound) return std::unexpected(former.error());
  if (former && if_match.empty()) return fail(Code::Exists, "enrollment", -1, std::string(id));
  if (!former && !if_match.empty()) return std::unexpected(former.error());
  if (former && if_match != "*" && if_match != former->etag)
    return fail(Code::Conflict, "etag", -1, "the enrollment was changed in between");
  Put done;
  done.created = !former;
  done.enrollment = TRY(read_enrollment(kind, id, body, former ? &*former : nullptr,
                                        options.host_name, options.twin_limits));
  Enrollment& enrollment = done.enrollment;
  enrollment.etag = base::Guid::random().to_string();
  enrollment.updated = options.wall_now();
  enrollment.created = former ? former->created : enrollment.updated;
  if (former) {
    TRY(writer.replace(enrollment, former->etag));
  } else {
    TRY(writer.insert(enrollment,
                      kind == Kind::Group ? options.max_groups : options.max_enrollments));
  }
  if (kind == Kind::Group) TRY(reload_groups());
  return done;
}

Result<Provisioning::Put> Provisioning::put(Kind kind, std::string_view id,
                                            const base::json::Value& body,
                                            std::string_view if_match, std::string_view actor) {
  auto done = state_->put(kind, id, body, if_match);
  const char* operation = if_match.empty() ? "createEnrollment" : "updateEnrollment";
  state_->record_change(operation, kind, id, actor, done ? nullptr : &done.error());
  return done;
}

Result<Enrollment> Provisioning::get(Kind kind, std::string_view id) const {
  const std::lock_guard lock(state_->reader_mutex);
  return state_->reader.find(kind, id);
}

std::string Provisioning::cursor_behind(std::string_view id) {
  return base::base64_encode(base::as_bytes(id));
}

Result<Page<Enrollment>> Provisioning::list(Kind kind, std::string_view search, std::size_t limit,
                                            std::string_view cursor) const {
  const std::string after = TRY(from_cursor(cursor));
  const std::lock_guard lock(state_->reader_mutex);
  auto page = TRY(state_->reader.list(kind, search, limit, after));
  page.next_cursor = cursor_behind(page.next_cursor);
  return page;
}

Result<void> Provisioning::remove(Kind kind, std::string_view id, std::string_view if_match,
                                  std::string_view actor) {
  Result<void> removed;
  {
    const std::lock_guard lock(state_->writer_mutex);
    removed = state_->writer.erase(kind, id, unstarred(if_match));
    if (removed && kind == Kind::Group) removed = state_->reload_groups();
  }
  state_->record_change("deleteEnrollment", kind, id, actor, removed ? nullptr : &removed.error());
  return removed;
}

Result<Registration> Provisioning::registration(std::string_view id) const {
  const std::lock_guard lock(state_->reader_mutex);
  auto found = TRY(state_->reader.find_registration(id));
  if (!found) return fail(Code::NotFound, "registration", -1, std::string(id));
  return std::move(*found);
}

Result<Page<Registration>> Provisioning::registrations(Kind kind, std::string_view enrollment_id,
                                                       std::size_t limit,
                                                       std::string_view cursor) const {
  const std::string after = TRY(from_cursor(cursor));
  const std::lock_guard lock(state_->reader_mutex);
  auto page = TRY(state_->reader.registrations(kind, enrollment_id, limit, after));
  page.next_cursor = cursor_behind(page.next_cursor);
  return page;
}

Result<void> Provisioning::remove_registration(std::string_view id, std::string_view if_match,
                                               std::string_view actor) {
  Result<void> removed;
  {
    const std::lock_guard lock(state_->writer_mutex);
    removed = state_->writer.erase_registration(id, unstarred(if_match));
  }
  state_->record_change("deleteRegistration", Kind::Individual, id, actor,
                        removed ? nullptr : &removed.error());
  return removed;
}

Result<Provisioning::Totals> Provisioning::totals() const {
  const std::lock_guard lock(state_->reader_mutex);
  Totals totals;
  totals.enrollments = TRY(state_->reader.count(Kind::Individual));
  totals.groups = TRY(state_->reader.count(Kind::Group));
  totals.registrations = TRY(state_->reader.count_registrations());
  return totals;
}

void Provisioning::stop() {
  state_->registrar.stop();
}

Result<std::string> read_id_scope(const std::string& path) {
  auto database = TRY(store::Sqlite::open(path));
  TRY(EnrollmentTable::migrate(database));
  return EnrollmentTable(std::move(database)).id_scope();
}

}  // namespace hub::provisioning
