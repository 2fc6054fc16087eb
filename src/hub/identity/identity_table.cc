#include "hub/identity/identity_table.h"

#include <array>

#include "base/hash.h"
#include "base/id.h"
#include "base/text.h"

namespace hub::identity {

using base::Code;
using base::fail;
using base::Result;
using store::Statement;
using store::Transaction;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE identity (
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    status_reason TEXT NOT NULL,
    primary_key TEXT NOT NULL,
    secondary_key TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    etag TEXT NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (device_id, module_id)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE identity_activity (
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    connection_changed INTEGER,
    last_activity INTEGER,
    last_message INTEGER,
    last_security_message INTEGER,
    messages INTEGER NOT NULL,
    security_messages INTEGER NOT NULL,
    client_type TEXT NOT NULL,
    ip TEXT NOT NULL,
    PRIMARY KEY (device_id, module_id)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE shared_access_policy (
    name TEXT NOT NULL PRIMARY KEY,
    rights INTEGER NOT NULL,
    primary_key TEXT NOT NULL,
    secondary_key TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;
)sql"};

constexpr std::string_view kColumns =
    "device_id, module_id, status, status_reason, primary_key, secondary_key, generation_id, etag, "
    "created, updated";

struct BuiltIn {
  std::string_view name;
  Rights rights;
};
constexpr std::array<BuiltIn, 5> kBuiltIn = {{
    {"iothubowner", kRegistryRead | kRegistryWrite | kServiceConnect | kDeviceConnect},
    {"service", kServiceConnect},
    {"device", kDeviceConnect},
    {"registryRead", kRegistryRead},
    {"registryReadWrite", kRegistryRead | kRegistryWrite},
}};

std::int64_t to_ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime from_ticks(std::int64_t ticks) {
  return base::WallTime(std::chrono::nanoseconds(ticks));
}

std::optional<std::int64_t> to_ticks(const std::optional<base::WallTime>& time) {
  if (!time) return std::nullopt;
  return to_ticks(*time);
}
std::optional<base::WallTime> from_ticks(const std::optional<std::int64_t>& ticks) {
  if (!ticks) return std::nullopt;
  return from_ticks(*ticks);
}

Identity read_identity(const Statement& row) {
  Identity identity;
  identity.name = {row.string(0), row.string(1)};
  identity.status = row.integer(2) == 0 ? Status::Enabled : Status::Disabled;
  identity.status_reason = row.string(3);
  identity.keys = {row.string(4), row.string(5)};
  identity.generation_id = row.string(6);
  identity.etag = row.string(7);
  identity.created = from_ticks(row.integer(8));
  identity.updated = from_ticks(row.integer(9));
  return identity;
}

Policy read_policy(const Statement& row) {
  return {row.string(0), static_cast<Rights>(row.integer(1)), {row.string(2), row.string(3)}};
}

std::string select_identities(std::string_view condition) {
  std::string sql = "SELECT ";
  sql.append(kColumns).append(" FROM identity ").append(condition);
  return sql;
}

}  // namespace

std::string make_key() {
  std::array<std::uint8_t, 32> bytes{};
  base::random_bytes(bytes);
  std::string key = base::base64_encode(bytes);
  base::wipe(bytes);
  return key;
}

Result<void> IdentityTable::migrate(store::Sqlite& database) {
  TRY(database.migrate("identity", kSteps));
  for (const BuiltIn& policy : kBuiltIn) {
    TRY(database.run("INSERT OR IGNORE INTO shared_access_policy VALUES (?, ?, ?, ?)", policy.name,
                     std::int64_t{policy.rights}, make_key(), make_key()));
  }
  return {};
}

Result<void> IdentityTable::insert(const Identity& identity) {
  auto transaction = TRY(Transaction::begin(database_));
  if (identity.name.is_module()) {
    TRY(find(device_of(identity.name)));
    auto count = TRY(
        database_.prepare("SELECT count(*) FROM identity WHERE device_id = ? AND module_id <> ''"));
    count.bind_all(identity.name.device_id);
    TRY(count.step());
    if (count.integer(0) >= kMaxModules)
      return fail(Code::Full, "module", -1, "a device has at most 50 modules");
  }
  TRY(database_.run("INSERT INTO identity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    identity.name.device_id, identity.name.module_id,
                    static_cast<int>(identity.status), identity.status_reason,
                    identity.keys.primary, identity.keys.secondary, identity.generation_id,
                    identity.etag, to_ticks(identity.created), to_ticks(identity.updated)));
  return transaction.commit();
}

Result<Identity> IdentityTable::find(const Name& name) {
  auto row = TRY(database_.prepare(select_identities("WHERE device_id = ? AND module_id = ?")));
  row.bind_all(name.device_id, name.module_id);
  if (!TRY(row.step()))
    return fail(Code::NotFound, name.is_module() ? "module" : "device", -1, name.to_string());
  return read_identity(row);
}

Result<void> IdentityTable::replace(const Identity& identity, std::string_view if_match) {
  TRY(database_.run(
      "UPDATE identity SET status = ?, status_reason = ?, primary_key = ?, secondary_key = ?, etag "
      "= ?, "
      "updated = ? WHERE device_id = ? AND module_id = ? AND (? = '' OR etag = ?)",
      static_cast<int>(identity.status), identity.status_reason, identity.keys.primary,
      identity.keys.secondary, identity.etag, to_ticks(identity.updated), identity.name.device_id,
      identity.name.module_id, if_match, if_match));
  if (database_.changes() == 1) return {};
  TRY(find(identity.name));
  return fail(Code::Conflict, "etag", -1, "the identity was changed in between");
}

Result<void> IdentityTable::erase(const Name& name, std::string_view if_match) {
  auto transaction = TRY(Transaction::begin(database_));
  const Identity identity = TRY(find(name));
  if (!if_match.empty() && if_match != identity.etag) {
    return fail(Code::Conflict, "etag", -1, "the identity was changed in between");
  }
  // A device takes its modules with it.
  for (const std::string_view table : {"identity", "identity_activity"}) {
    std::string sql = "DELETE FROM ";
    sql.append(table).append(" WHERE device_id = ? AND (? = '' OR module_id = ?)");
    TRY(database_.run(sql, name.device_id, name.module_id, name.module_id));
  }
  return transaction.commit();
}

Result<Page> IdentityTable::devices(std::string_view search, std::size_t limit,
                                    std::string_view after) {
  Page page;
  auto count =
      TRY(database_.prepare("SELECT count(*) FROM identity WHERE module_id = '' AND (? = '' OR "
                            "instr(lower(device_id), lower(?)) > 0)"));
  count.bind_all(search, search);
  TRY(count.step());
  page.total = static_cast<std::uint64_t>(count.integer(0));

  auto rows =
      TRY(database_.prepare(select_identities("WHERE module_id = '' AND device_id > ? AND (? = '' "
                                              "OR instr(lower(device_id), lower(?)) > 0) "
                                              "ORDER BY device_id LIMIT ?")));
  // One more than asked for tells whether there is a next page.
  rows.bind_all(after, search, search, static_cast<std::int64_t>(limit) + 1);
  while (TRY(rows.step())) {
    if (page.items.size() == limit) {
      if (!page.items.empty()) page.next_cursor = page.items.back().name.device_id;
      break;
    }
    page.items.push_back(read_identity(rows));
  }
  return page;
}

Result<std::vector<Identity>> IdentityTable::modules(std::string_view device_id) {
  auto rows = TRY(database_.prepare(
      select_identities("WHERE device_id = ? AND module_id <> '' ORDER BY module_id")));
  rows.bind_all(device_id);
  std::vector<Identity> modules;
  while (TRY(rows.step()))
    modules.push_back(read_identity(rows));
  return modules;
}

Result<std::uint64_t> IdentityTable::count_devices() {
  auto row = TRY(database_.prepare("SELECT count(*) FROM identity WHERE module_id = ''"));
  TRY(row.step());
  return static_cast<std::uint64_t>(row.integer(0));
}

Result<std::vector<Policy>> IdentityTable::policies() {
  auto rows = TRY(
      database_.prepare("SELECT name, rights, primary_key, secondary_key FROM shared_access_policy "
                        "ORDER BY name"));
  std::vector<Policy> policies;
  while (TRY(rows.step()))
    policies.push_back(read_policy(rows));
  return policies;
}

Result<Policy> IdentityTable::policy(std::string_view name) {
  auto row = TRY(
      database_.prepare("SELECT name, rights, primary_key, secondary_key FROM shared_access_policy "
                        "WHERE name = ?"));
  row.bind_all(name);
  if (!TRY(row.step())) return fail(Code::NotFound, "policy", -1, std::string(name));
  return read_policy(row);
}

Result<Activity> IdentityTable::activity(const Name& name) {
  auto row = TRY(database_.prepare(
      "SELECT connection_changed, last_activity, last_message, last_security_message, messages, "
      "security_messages, client_type, ip FROM identity_activity WHERE device_id = ? AND module_id "
      "= ?"));
  row.bind_all(name.device_id, name.module_id);
  Activity activity;
  if (!TRY(row.step())) return activity;
  activity.connection_changed = from_ticks(row.optional_integer(0));
  activity.last_activity = from_ticks(row.optional_integer(1));
  activity.last_message = from_ticks(row.optional_integer(2));
  activity.last_security_message = from_ticks(row.optional_integer(3));
  activity.messages = static_cast<std::uint64_t>(row.integer(4));
  activity.security_messages = static_cast<std::uint64_t>(row.integer(5));
  activity.client_type = row.string(6);
  activity.ip = row.string(7);
  return activity;
}

Result<void> IdentityTable::store_activity(const std::vector<std::pair<Name, Activity>>& changed) {
  if (changed.empty()) return {};
  auto transaction = TRY(Transaction::begin(database_));
  // Not for an identity that was deleted meanwhile.
  auto statement =
      TRY(database_.prepare("INSERT OR REPLACE INTO identity_activity SELECT device_id, module_id, "
                            "?, ?, ?, ?, ?, ?, ?, ? "
                            "FROM identity WHERE device_id = ? AND module_id = ?"));
  for (const auto& [name, activity] : changed) {
    statement.bind_all(to_ticks(activity.connection_changed), to_ticks(activity.last_activity),
                       to_ticks(activity.last_message), to_ticks(activity.last_security_message),
                       static_cast<std::int64_t>(activity.messages),
                       static_cast<std::int64_t>(activity.security_messages), activity.client_type,
                       activity.ip, name.device_id, name.module_id);
    TRY(statement.run());
  }
  return transaction.commit();
}

}  // namespace hub::identity
