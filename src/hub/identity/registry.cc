#include "hub/identity/registry.h"

#include <mutex>

#include "base/id.h"
#include "base/text.h"
#include "hub/identity/identity_table.h"
#include "hub/identity/login.h"
#include "hub/identity/presence.h"
#include "wire/connection_string.h"
#include "wire/sas.h"
#include "wire/topics.h"

namespace hub::identity {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMinKeyBytes = 16;
constexpr std::size_t kMaxKeyBytes = 64;
constexpr std::size_t kMaxReason = 128;
constexpr std::uint16_t kUsualPort = 8883;

Result<void> check_id(std::string_view id, const char* what) {
  if (wire::is_valid_id(id)) return {};
  return fail(
      Code::Invalid, "id", -1,
      std::string(what) + ": expected 1 to 128 of ASCII letters, digits and -:.+%_#*?!(),=@;$'");
}

Result<void> check_key(std::string_view key, const char* what) {
  const auto bytes = base::base64_decode(key);
  if (bytes && bytes->size() >= kMinKeyBytes && bytes->size() <= kMaxKeyBytes) return {};
  return fail(Code::Invalid, "key", -1, std::string(what) + ": expected base64 of 16 to 64 bytes");
}

Result<void> check_reason(std::string_view reason) {
  if (reason.size() <= kMaxReason && base::is_utf8(reason)) return {};
  return fail(Code::Invalid, "status reason", -1, "expected at most 128 bytes of UTF-8");
}

std::string random_text() {
  return base::Guid::random().to_string();
}

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

}  // namespace

std::string Name::to_string() const {
  return is_module() ? device_id + "/" + module_id : device_id;
}

std::string_view to_string(Status status) {
  return status == Status::Enabled ? "enabled" : "disabled";
}

std::optional<Status> parse_status(std::string_view text) {
  if (text == "enabled") return Status::Enabled;
  if (text == "disabled") return Status::Disabled;
  return std::nullopt;
}

struct Registry::State {
  State(Options given, operations::Operations& records, IdentityTable reading,
        IdentityTable writing)
      : options(std::move(given)),
        operations(records),
        presence(options.now),
        reader(std::move(reading)),
        writer(std::move(writing)) {}

  Options options;
  operations::Operations& operations;
  Presence presence;
  std::vector<Listener> listeners;  // before serving only

  // Two connections, so that logins do not wait for the fsync of a change. Each lock is the one
  // that SQLite would take itself.
  std::mutex reader_mutex;
  IdentityTable reader;
  std::mutex writer_mutex;
  IdentityTable writer;

  Result<Identity> find(const Name& name) {
    const std::lock_guard lock(reader_mutex);
    return reader.find(name);
  }

  void tell(const Name& name, Event event) const {
    for (const Listener& listener : listeners)
      listener(name, event);
  }

  // The record of a change, made or refused.
  void record(const char* operation, const Name& name, std::string_view actor,
              const base::Error* error, std::string_view generation) {
    operations::Record record;
    record.time = options.now();
    record.category = operations::Category::DeviceIdentityOperations;
    record.operation = operation;
    record.status_code = error == nullptr ? 200 : status_of(*error);
    record.level = error == nullptr ? operations::Level::Information : operations::Level::Error;
    record.device_id = base::to_utf8(name.device_id.substr(0, 128));
    record.module_id = base::to_utf8(name.module_id.substr(0, 128));
    record.generation_id = generation;
    record.actor = actor;
    if (error != nullptr) record.detail = error->to_string();
    operations.record(std::move(record));
  }

  Result<Identity> create(const NewIdentity& wanted);
  Result<Identity> update(const Name& name, const Change& change);
  Result<void> remove(const Name& name, std::string_view if_match);
};

Result<Identity> Registry::State::create(const NewIdentity& wanted) {
  TRY(check_id(wanted.name.device_id, "device id"));
  if (wanted.name.is_module()) TRY(check_id(wanted.name.module_id, "module id"));
  TRY(check_reason(wanted.status_reason));
  Identity identity;
  identity.name = wanted.name;
  identity.status = wanted.status;
  identity.status_reason = wanted.status_reason;
  identity.keys.primary = wanted.keys.primary.empty() ? make_key() : wanted.keys.primary;
  identity.keys.secondary = wanted.keys.secondary.empty() ? make_key() : wanted.keys.secondary;
  TRY(check_key(identity.keys.primary, "primary key"));
  TRY(check_key(identity.keys.secondary, "secondary key"));
  identity.generation_id = random_text();
  identity.etag = random_text();
  identity.created = options.now();
  identity.updated = identity.created;
  const std::lock_guard lock(writer_mutex);
  auto inserted = writer.insert(identity);
  if (!inserted && inserted.error().code == Code::Exists) {
    return fail(Code::Exists, "identity", -1, identity.name.to_string());
  }
  TRY(std::move(inserted));
  return identity;
}

Result<Identity> Registry::State::update(const Name& name, const Change& change) {
  const std::lock_guard lock(writer_mutex);
  Identity identity = TRY(writer.find(name));
  // What was read is what must still be there, whatever the caller asked for.
  const std::string read_etag = identity.etag;
  if (!change.if_match.empty() && change.if_match != "*" && change.if_match != read_etag) {
    return fail(Code::Conflict, "etag", -1, "the identity was changed in between");
  }
  if (change.status) identity.status = *change.status;
  if (change.status_reason) identity.status_reason = *change.status_reason;
  if (change.primary_key)
    identity.keys.primary = change.primary_key->empty() ? make_key() : *change.primary_key;
  if (change.secondary_key) {
    identity.keys.secondary = change.secondary_key->empty() ? make_key() : *change.secondary_key;
  }
  TRY(check_reason(identity.status_reason));
  TRY(check_key(identity.keys.primary, "primary key"));
  TRY(check_key(identity.keys.secondary, "secondary key"));
  identity.etag = random_text();
  identity.updated = options.now();
  TRY(writer.replace(identity, read_etag));
  return identity;
}

Result<void> Registry::State::remove(const Name& name, std::string_view if_match) {
  const std::lock_guard lock(writer_mutex);
  return writer.erase(name, if_match == "*" ? std::string_view() : if_match);
}

Registry::Registry(std::unique_ptr<State> state) : state_(std::move(state)) {}
Registry::~Registry() = default;

Result<std::unique_ptr<Registry>> Registry::open(Options options,
                                                 operations::Operations& operations) {
  auto writing = TRY(store::Sqlite::open(options.path));
  TRY(IdentityTable::migrate(writing));
  auto reading = TRY(store::Sqlite::open(options.path, store::SqliteMode::ReadOnly));
  auto state =
      std::make_unique<State>(std::move(options), operations, IdentityTable(std::move(reading)),
                              IdentityTable(std::move(writing)));
  return std::unique_ptr<Registry>(new Registry(std::move(state)));
}

Result<Identity> Registry::create(const NewIdentity& wanted, std::string_view actor) {
  auto created = state_->create(wanted);
  state_->record("create", wanted.name, actor, created ? nullptr : &created.error(),
                 created ? created->generation_id : std::string());
  if (created) state_->tell(wanted.name, Event::Created);
  return created;
}

Result<Identity> Registry::get(const Name& name) const {
  return state_->find(name);
}

Result<Page> Registry::list_devices(std::string_view search, std::size_t limit,
                                    std::string_view cursor) const {
  // A cursor is the last id of the page before; nobody need know.
  const auto after = base::base64_decode(cursor);
  if (!after) return fail(Code::Invalid, "cursor");
  const std::lock_guard lock(state_->reader_mutex);
  Page page = TRY(state_->reader.devices(search, limit, base::as_text(*after)));
  page.next_cursor = base::base64_encode(base::as_bytes(page.next_cursor));
  return page;
}

Result<std::vector<Identity>> Registry::list_modules(std::string_view device_id) const {
  const std::lock_guard lock(state_->reader_mutex);
  TRY(state_->reader.find({std::string(device_id), {}}));
  return state_->reader.modules(device_id);
}

Result<Identity> Registry::update(const Name& name, const Change& change, std::string_view actor) {
  auto updated = state_->update(name, change);
  state_->record("update", name, actor, updated ? nullptr : &updated.error(),
                 updated ? updated->generation_id : std::string());
  if (updated)
    state_->tell(name, updated->status == Status::Disabled ? Event::Disabled : Event::Updated);
  return updated;
}

Result<void> Registry::remove(const Name& name, std::string_view if_match, std::string_view actor) {
  auto removed = state_->remove(name, if_match);
  state_->record("delete", name, actor, removed ? nullptr : &removed.error(), {});
  if (removed) {
    state_->tell(name, Event::Deleted);
    state_->presence.forget(name);
  }
  return removed;
}

Result<std::uint64_t> Registry::count_devices() const {
  const std::lock_guard lock(state_->reader_mutex);
  return state_->reader.count_devices();
}

Result<std::vector<Policy>> Registry::policies() const {
  const std::lock_guard lock(state_->reader_mutex);
  return state_->reader.policies();
}

Result<Policy> Registry::policy(std::string_view name) const {
  const std::lock_guard lock(state_->reader_mutex);
  return state_->reader.policy(name);
}

std::expected<Grant, Refusal> Registry::authenticate(const Login& login, base::WallTime now) const {
  const Lookup lookup{[this](const Name& name) { return get(name); },
                      [this](std::string_view name) { return policy(name); }};
  return check_login(login, host_name(), now, lookup);
}

Result<Policy> Registry::authenticate_service(std::string_view token, base::WallTime now) const {
  const wire::SasToken sas = TRY(wire::parse_sas(token));
  if (!wire::sas_covers(sas, host_name()))
    return fail(Code::Denied, "token", -1, "for another resource");
  Policy found = TRY(policy(sas.policy));
  auto verdict = wire::verify_sas(sas, found.keys.primary, now);
  if (!verdict && verdict.error().code == Code::Denied)
    verdict = wire::verify_sas(sas, found.keys.secondary, now);
  TRY(std::move(verdict));
  return found;
}

std::string Registry::connection_string(const Identity& identity, std::uint16_t port) const {
  wire::ConnectionString connection;
  connection.host_name = host_name();
  if (port != kUsualPort) connection.port = port;
  connection.device_id = identity.name.device_id;
  connection.module_id = identity.name.module_id;
  connection.key_base64 = identity.keys.primary;
  return wire::format_connection_string(connection);
}

const std::string& Registry::host_name() const {
  return state_->options.host_name;
}

std::uint64_t Registry::connected(const Name& name, std::string_view client_type,
                                  std::string_view ip) {
  Activity stored;
  {
    const std::lock_guard lock(state_->reader_mutex);
    // Without it only the totals start anew; no reason to refuse the connection.
    if (auto found = state_->reader.activity(name)) stored = std::move(*found);
  }
  const std::uint64_t connection = state_->presence.connected(name, client_type, ip, stored);
  state_->tell(name, Event::Connected);
  return connection;
}

void Registry::disconnected(const Name& name, std::uint64_t connection) {
  if (state_->presence.disconnected(name, connection)) state_->tell(name, Event::Disconnected);
}

void Registry::active(const Name& name, std::uint64_t messages, std::uint64_t security_messages) {
  state_->presence.active(name, messages, security_messages);
}

Activity Registry::activity(const Name& name) const {
  if (auto found = state_->presence.find(name)) return std::move(*found);
  const std::lock_guard lock(state_->reader_mutex);
  return state_->reader.activity(name).value_or(Activity{});
}

std::uint64_t Registry::connected_count() const {
  return state_->presence.connected_count();
}

Result<void> Registry::flush() {
  const auto changed = state_->presence.take_changed();
  const std::lock_guard lock(state_->writer_mutex);
  auto stored = state_->writer.store_activity(changed);
  if (!stored) state_->presence.put_back(changed);
  return stored;
}

void Registry::add_listener(Listener listener) {
  state_->listeners.push_back(std::move(listener));
}

}  // namespace hub::identity
