#include "hub/identity/registry.h"

#include <mutex>

#include "base/id.h"
#include "base/text.h"
#include "hub/identity/authorities.h"
#include "hub/identity/checks.h"
#include "hub/identity/credentials.h"
#include "hub/identity/identity_table.h"
#include "hub/identity/ip_filter.h"
#include "hub/identity/login.h"
#include "hub/identity/presence.h"
#include "hub/identity/sign_ins.h"
#include "wire/connection_string.h"
#include "wire/sas.h"

namespace hub::identity {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::uint16_t kUsualPort = 8883;

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

std::string_view to_string(Authentication authentication) {
  switch (authentication) {
    case Authentication::SelfSigned:
      return "selfSigned";
    case Authentication::CertificateAuthority:
      return "certificateAuthority";
    case Authentication::Sas:
      break;
  }
  return "sas";
}

std::optional<Authentication> parse_authentication(std::string_view text) {
  for (const auto candidate :
       {Authentication::Sas, Authentication::SelfSigned, Authentication::CertificateAuthority}) {
    if (text == to_string(candidate)) return candidate;
  }
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
  std::unique_ptr<Authorities> authorities;
  std::unique_ptr<IpFilterStore> ip_filter;
  std::unique_ptr<Credentials> credentials;
  SignIns sign_ins;
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

  Activity stored_activity(const Name& name) {
    const std::lock_guard lock(reader_mutex);
    return reader.activity(name).value_or(Activity{});
  }

  Lookup lookup() {
    Lookup lookup;
    lookup.identity = [this](const Name& name) { return find(name); };
    lookup.policy = [this](std::string_view name) {
      const std::lock_guard lock(reader_mutex);
      return reader.policy(name);
    };
    lookup.chain = [this](const ClientCertificate& certificate, base::WallTime now) {
      return authorities->judge(certificate.chain, now);
    };
    lookup.credential = [this](CredentialKind kind, std::string_view secret) {
      return credentials->hash(kind, secret);
    };
    return lookup;
  }

  std::expected<Grant, Refusal> note_use(std::expected<Grant, Refusal> verdict) const {
    if (!verdict) return verdict;
    const operations::Auth& auth = verdict->auth;
    const CredentialKind kind = auth.type == "x509" ? CredentialKind::Certificate
                                : auth.skn.empty()  ? CredentialKind::Key
                                                    : CredentialKind::Policy;
    credentials->used(verdict->name, kind, auth.credential);
    return verdict;
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
  TRY(check_managed_by(wanted.managed_by));
  Identity identity;
  identity.name = wanted.name;
  identity.status = wanted.status;
  identity.status_reason = wanted.status_reason;
  identity.thumbprints = TRY(check_thumbprints(wanted.thumbprints));
  const bool printed = !identity.thumbprints.primary.empty();
  identity.authentication =
      wanted.authentication.value_or(printed ? Authentication::SelfSigned : Authentication::Sas);
  if (identity.authentication == Authentication::Sas) {
    identity.keys = wanted.keys;
    fit_proof(identity);
  }
  TRY(check_authentication(identity));
  identity.generation_id = random_text();
  identity.etag = random_text();
  identity.created = options.now();
  identity.updated = identity.created;
  identity.status_updated = identity.created;
  identity.iot_edge = wanted.iot_edge;
  identity.managed_by = wanted.managed_by;
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
  const base::WallTime now = options.now();
  if (change.status && *change.status != identity.status) identity.status_updated = now;
  if (change.status) identity.status = *change.status;
  if (change.status_reason) identity.status_reason = *change.status_reason;
  if (change.iot_edge) identity.iot_edge = *change.iot_edge;
  if (change.managed_by) identity.managed_by = *change.managed_by;
  if (change.thumbprints) {
    identity.thumbprints = TRY(check_thumbprints(*change.thumbprints));
    const bool printed = !identity.thumbprints.primary.empty();
    if (!change.authentication)
      identity.authentication = printed ? Authentication::SelfSigned : Authentication::Sas;
  }
  if (change.authentication) identity.authentication = *change.authentication;
  if (change.primary_key)
    identity.keys.primary = change.primary_key->empty() ? make_key() : *change.primary_key;
  if (change.secondary_key) {
    identity.keys.secondary = change.secondary_key->empty() ? make_key() : *change.secondary_key;
  }
  if (change.thumbprints || change.authentication) fit_proof(identity);
  TRY(check_managed_by(identity.managed_by));
  TRY(check_reason(identity.status_reason));
  TRY(check_authentication(identity));
  identity.etag = random_text();
  identity.updated = now;
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
  const Options& given = state->options;
  state->authorities = TRY(Authorities::open(given.path, given.now));
  state->ip_filter = TRY(IpFilterStore::open(given.path, given.now));
  state->credentials = TRY(Credentials::open(given.path, given.now));
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
    state_->sign_ins.forget(name);
  }
  return removed;
}

Result<std::uint64_t> Registry::count_devices() const {
  const std::lock_guard lock(state_->reader_mutex);
  return state_->reader.count_devices();
}

Result<Counts> Registry::counts() const {
  Counts counts;
  counts.connected = state_->presence.connected_devices();
  const std::lock_guard lock(state_->reader_mutex);
  counts.total = TRY(state_->reader.count_devices());
  counts.disabled = TRY(state_->reader.count_disabled_devices());
  return counts;
}

Authorities& Registry::authorities() const {
  return *state_->authorities;
}
IpFilterStore& Registry::ip_filter() const {
  return *state_->ip_filter;
}
Credentials& Registry::credentials() const {
  return *state_->credentials;
}
SignIns& Registry::sign_ins() const {
  return state_->sign_ins;
}

Result<std::vector<Policy>> Registry::policies() const {
  const std::lock_guard lock(state_->reader_mutex);
  return state_->reader.policies();
}

Result<Policy> Registry::policy(std::string_view name) const {
  const std::lock_guard lock(state_->reader_mutex);
  return state_->reader.policy(name);
}

Result<Policy> Registry::create_policy(const Policy& wanted) {
  TRY(check_policy_name(wanted.name));
  Policy policy = wanted;
  if (policy.keys.primary.empty()) policy.keys.primary = make_key();
  if (policy.keys.secondary.empty()) policy.keys.secondary = make_key();
  TRY(check_policy(policy));
  const std::lock_guard lock(state_->writer_mutex);
  auto inserted = state_->writer.insert_policy(policy, kMaxPolicies);
  if (!inserted && inserted.error().code == Code::Exists)
    return fail(Code::Exists, "policy", -1, policy.name);
  TRY(std::move(inserted));
  return policy;
}

Result<Policy> Registry::update_policy(std::string_view name, const PolicyChange& change) {
  const std::lock_guard lock(state_->writer_mutex);
  Policy policy = TRY(state_->writer.policy(name));
  if (change.rights) policy.rights = *change.rights;
  if (change.swap_keys) std::swap(policy.keys.primary, policy.keys.secondary);
  if (change.primary_key)
    policy.keys.primary = change.primary_key->empty() ? make_key() : *change.primary_key;
  if (change.secondary_key)
    policy.keys.secondary = change.secondary_key->empty() ? make_key() : *change.secondary_key;
  TRY(check_policy(policy));
  TRY(state_->writer.replace_policy(policy));
  return policy;
}

Result<void> Registry::remove_policy(std::string_view name) {
  const std::lock_guard lock(state_->writer_mutex);
  return state_->writer.erase_policy(name);
}

std::string Registry::connection_string(const Policy& policy) const {
  wire::ConnectionString connection;
  connection.host_name = host_name();
  connection.policy = policy.name;
  connection.key_base64 = policy.keys.primary;
  return wire::format_connection_string(connection);
}

std::expected<Grant, Refusal> Registry::authenticate(const Login& login, base::WallTime now) const {
  const Lookup lookup = state_->lookup();
  return state_->note_use(check_login(login, host_name(), now, lookup));
}

std::expected<Grant, Refusal> Registry::prove(const Proof& proof, base::WallTime now) const {
  const Lookup lookup = state_->lookup();
  return state_->note_use(admit(check_proof(proof, host_name(), now, lookup), proof.ip));
}

// Last, so that a refusal names the identity.
std::expected<Grant, Refusal> Registry::admit(std::expected<Grant, Refusal> verdict,
                                              std::string_view ip) const {
  if (ip.empty()) return verdict;
  const IpFilterStore::Verdict address = state_->ip_filter->decide(ip);
  if (address.access == Access::Allow) {
    (verdict ? verdict->auth : verdict.error().auth).accepting_ip_filter_rule = address.rule;
    return verdict;
  }
  Refusal refusal;
  refusal.reason = operations::Reason::IpFilter;
  refusal.name = verdict ? verdict->name : verdict.error().name;
  refusal.client_type = verdict ? verdict->client_type : verdict.error().client_type;
  refusal.auth = verdict ? verdict->auth : verdict.error().auth;
  refusal.detail = "refused by the rule '" + address.rule + "'";
  return std::unexpected(std::move(refusal));
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
  connection.x509 = identity.authentication != Authentication::Sas;
  return wire::format_connection_string(connection);
}

const std::string& Registry::host_name() const {
  return state_->options.host_name;
}

std::uint64_t Registry::connected(const Name& name, std::string_view client_type,
                                  std::string_view ip) {
  // Without it only the totals start anew; no reason to refuse the connection.
  const Activity stored = state_->stored_activity(name);
  const std::uint64_t connection = state_->presence.connected(name, client_type, ip, stored);
  state_->tell(name, Event::Connected);
  return connection;
}

void Registry::disconnected(const Name& name, std::uint64_t connection) {
  if (state_->presence.disconnected(name, connection)) state_->tell(name, Event::Disconnected);
}

void Registry::active(const Name& name, std::uint64_t messages, std::uint64_t security_messages,
                      std::uint64_t small_security_messages) {
  auto& presence = state_->presence;
  if (presence.active(name, messages, security_messages, small_security_messages)) return;
  presence.remember(name, state_->stored_activity(name));
  presence.active(name, messages, security_messages, small_security_messages);
}

void Registry::observe_clock(const Name& name, base::WallTime theirs, base::WallTime received) {
  auto& presence = state_->presence;
  if (presence.observe_clock(name, theirs, received)) return;
  presence.remember(name, state_->stored_activity(name));
  presence.observe_clock(name, theirs, received);
}

Activity Registry::activity(const Name& name) const {
  if (auto found = state_->presence.find(name)) return std::move(*found);
  return state_->stored_activity(name);
}

Result<ActivityPage> Registry::list_activity(const ActivityFilter& filter, std::size_t limit,
                                             std::string_view cursor) {
  const auto after = base::base64_decode(cursor);
  if (!after) return fail(Code::Invalid, "cursor");
  TRY(flush());
  ActivityPage page;
  {
    const std::lock_guard lock(state_->reader_mutex);
    page =
        TRY(state_->reader.activities(filter, state_->options.now(), limit, base::as_text(*after)));
  }
  page.next_cursor = base::base64_encode(base::as_bytes(page.next_cursor));
  // Connections are known here only.
  for (auto& [name, activity] : page.items) {
    if (auto found = state_->presence.find(name)) activity = std::move(*found);
  }
  return page;
}

std::uint64_t Registry::connected_count() const {
  return state_->presence.connected_count();
}

Result<void> Registry::flush() {
  const auto changed = state_->presence.take_changed();
  const std::lock_guard lock(state_->writer_mutex);
  auto stored = state_->writer.store_activity(changed);
  if (!stored) {
    state_->presence.put_back(changed);
    return stored;
  }
  return state_->credentials->flush();
}

void Registry::add_listener(Listener listener) {
  state_->listeners.push_back(std::move(listener));
}

}  // namespace hub::identity
