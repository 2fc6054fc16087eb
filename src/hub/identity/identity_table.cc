#include "hub/identity/identity_table.h"

#include <algorithm>
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

constexpr std::array<std::string_view, 5> kSteps = {R"sql(
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
)sql",
                                                    R"sql(
  ALTER TABLE identity ADD COLUMN primary_thumbprint TEXT NOT NULL DEFAULT '';
  ALTER TABLE identity ADD COLUMN secondary_thumbprint TEXT NOT NULL DEFAULT '';
)sql",
                                                    R"sql(
  ALTER TABLE identity ADD COLUMN status_updated INTEGER NOT NULL DEFAULT 0;
  UPDATE identity SET status_updated = created;
  ALTER TABLE identity ADD COLUMN iot_edge INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE identity ADD COLUMN managed_by TEXT NOT NULL DEFAULT '';
)sql",
                                                    R"sql(
  ALTER TABLE identity ADD COLUMN authentication INTEGER NOT NULL DEFAULT 0;
  UPDATE identity SET authentication = 1 WHERE primary_thumbprint <> '';
  CREATE TABLE shared_access_policy_made (made INTEGER NOT NULL PRIMARY KEY) STRICT;
)sql",
                                                    R"sql(
  ALTER TABLE identity_activity ADD COLUMN security_sizes TEXT NOT NULL DEFAULT '';
  ALTER TABLE identity_activity ADD COLUMN clock_ahead INTEGER;
  ALTER TABLE identity_activity ADD COLUMN clock_observed INTEGER;
  ALTER TABLE identity_activity ADD COLUMN day_messages INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE identity_activity ADD COLUMN day_small INTEGER NOT NULL DEFAULT 0;
)sql"};

constexpr std::string_view kColumns =
    "device_id, module_id, status, status_reason, primary_key, secondary_key, generation_id, etag, "
    "created, updated, primary_thumbprint, secondary_thumbprint, status_updated, iot_edge, "
    "managed_by, authentication";

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
  identity.thumbprints = {row.string(10), row.string(11)};
  identity.status_updated = from_ticks(row.integer(12));
  identity.iot_edge = row.integer(13) != 0;
  identity.managed_by = row.string(14);
  identity.authentication =
      static_cast<Authentication>(std::clamp<std::int64_t>(row.integer(15), 0, std::int64_t{2}));
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
  auto transaction = TRY(Transaction::begin(database));
  auto made = TRY(database.prepare("SELECT count(*) FROM shared_access_policy_made"));
  TRY(made.step());
  // Once: a policy that somebody deleted stays deleted.
  if (made.integer(0) > 0) return {};
  for (const BuiltIn& policy : kBuiltIn) {
    TRY(database.run("INSERT OR IGNORE INTO shared_access_policy VALUES (?, ?, ?, ?)", policy.name,
                     std::int64_t{policy.rights}, make_key(), make_key()));
  }
  made.reset();
  TRY(database.run("INSERT INTO shared_access_policy_made VALUES (1)"));
  return transaction.commit();
}

Result<void> IdentityTable::insert_policy(const Policy& policy, std::size_t most) {
  auto transaction = TRY(Transaction::begin(database_));
  auto count = TRY(database_.prepare("SELECT count(*) FROM shared_access_policy"));
  TRY(count.step());
  if (count.integer(0) >= static_cast<std::int64_t>(most))
    return fail(Code::Full, "policy", -1, "there are " + std::to_string(most) + " already");
  TRY(database_.run("INSERT INTO shared_access_policy VALUES (?, ?, ?, ?)", policy.name,
                    std::int64_t{policy.rights}, policy.keys.primary, policy.keys.secondary));
  return transaction.commit();
}

Result<void> IdentityTable::replace_policy(const Policy& policy) {
  TRY(database_.run(
      "UPDATE shared_access_policy SET rights = ?, primary_key = ?, secondary_key = ? WHERE name = "
      "?",
      std::int64_t{policy.rights}, policy.keys.primary, policy.keys.secondary, policy.name));
  if (database_.changes() == 1) return {};
  return fail(Code::NotFound, "policy", -1, policy.name);
}

Result<void> IdentityTable::erase_policy(std::string_view name) {
  TRY(database_.run("DELETE FROM shared_access_policy WHERE name = ?", name));
  if (database_.changes() == 1) return {};
  return fail(Code::NotFound, "policy", -1, std::string(name));
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
  TRY(database_.run("INSERT INTO identity VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    identity.name.device_id, identity.name.module_id,
                    static_cast<int>(identity.status), identity.status_reason,
                    identity.keys.primary, identity.keys.secondary, identity.generation_id,
                    identity.etag, to_ticks(identity.created), to_ticks(identity.updated),
                    identity.thumbprints.primary, identity.thumbprints.secondary,
                    to_ticks(identity.status_updated), identity.iot_edge, identity.managed_by,
                    static_cast<int>(identity.authentication)));
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
      "= ?, updated = ?, primary_thumbprint = ?, secondary_thumbprint = ?, status_updated = ?, "
      "iot_edge = ?, managed_by = ?, authentication = ? WHERE device_id = ? AND module_id = ? AND "
      "(? = '' OR etag = ?)",
      static_cast<int>(identity.status), identity.status_reason, identity.keys.primary,
      identity.keys.secondary, identity.etag, to_ticks(identity.updated),
      identity.thumbprints.primary, identity.thumbprints.secondary,
      to_ticks(identity.status_updated), identity.iot_edge, identity.managed_by,
      static_cast<int>(identity.authentication), identity.name.device_id, identity.name.module_id,
      if_match, if_match));
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

Result<std::uint64_t> IdentityTable::count_disabled_devices() {
  auto row =
      TRY(database_.prepare("SELECT count(*) FROM identity WHERE module_id = '' AND status <> 0"));
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

namespace {

constexpr std::string_view kActivityColumns =
    "connection_changed, last_activity, last_message, last_security_message, messages, "
    "security_messages, client_type, ip, security_sizes, clock_ahead, clock_observed ";

std::optional<std::int64_t> to_milliseconds(const std::optional<std::chrono::milliseconds>& time) {
  if (!time) return std::nullopt;
  return time->count();
}

Activity read_activity(const Statement& row, int first) {
  Activity activity;
  activity.connection_changed = from_ticks(row.optional_integer(first));
  activity.last_activity = from_ticks(row.optional_integer(first + 1));
  activity.last_message = from_ticks(row.optional_integer(first + 2));
  activity.last_security_message = from_ticks(row.optional_integer(first + 3));
  activity.messages = static_cast<std::uint64_t>(row.integer(first + 4));
  activity.security_messages = static_cast<std::uint64_t>(row.integer(first + 5));
  activity.client_type = row.string(first + 6);
  activity.ip = row.string(first + 7);
  activity.security_sizes = SizeWindow::parse(row.text(first + 8)).value_or(SizeWindow());
  if (const auto ahead = row.optional_integer(first + 9))
    activity.clock_ahead = std::chrono::milliseconds(*ahead);
  activity.clock_observed = from_ticks(row.optional_integer(first + 10));
  return activity;
}

}  // namespace

Result<Activity> IdentityTable::activity(const Name& name) {
  auto row = TRY(database_.prepare("SELECT " + std::string(kActivityColumns) +
                                   "FROM identity_activity WHERE device_id = ? AND module_id = ?"));
  row.bind_all(name.device_id, name.module_id);
  if (!TRY(row.step())) return Activity();
  return read_activity(row, 0);
}

Result<ActivityPage> IdentityTable::activities(const ActivityFilter& filter, base::WallTime now,
                                               std::size_t limit, std::string_view after) {
  const std::size_t cut = after.find('\0');
  const std::string_view device = after.substr(0, cut);
  const std::string_view module =
      cut == std::string_view::npos ? std::string_view() : after.substr(cut + 1);
  const auto day_ago = to_ticks(now - SizeWindow::kLength);
  // Negative: that does not count.
  const std::int64_t percent = filter.small_percent ? std::int64_t{*filter.small_percent} : -1;
  const std::int64_t off = filter.clock_off_by ? filter.clock_off_by->count() : -1;
  auto rows = TRY(database_.prepare(
      "SELECT i.device_id, i.module_id, connection_changed, last_activity, last_message, "
      "last_security_message, ifnull(messages, 0), ifnull(security_messages, 0), "
      "ifnull(client_type, ''), ifnull(ip, ''), ifnull(security_sizes, ''), clock_ahead, "
      "clock_observed FROM identity i LEFT JOIN identity_activity a ON a.device_id = i.device_id "
      "AND a.module_id = i.module_id WHERE (?1 = '' OR (i.device_id, i.module_id) > (?1, ?2)) "
      "AND (?3 IS NULL OR ifnull(last_message, 0) < ?3) "
      "AND (?4 IS NULL OR ifnull(last_security_message, 0) < ?4) "
      "AND (?5 < 0 OR abs(clock_ahead) >= ?5) "
      "AND (?6 < 0 OR (last_security_message >= ?7 AND day_messages > 0 AND "
      "day_small * 100 >= ?6 * day_messages)) "
      "ORDER BY i.device_id, i.module_id LIMIT ?8"));
  rows.bind_all(device, module, to_ticks(filter.no_message_since),
                to_ticks(filter.no_security_message_since), off, percent, day_ago,
                static_cast<std::int64_t>(limit) + 1);
  ActivityPage page;
  while (TRY(rows.step())) {
    if (page.items.size() == limit) {
      if (limit == 0) break;
      const Name& last = page.items.back().first;
      page.next_cursor = last.device_id + '\0' + last.module_id;
      break;
    }
    page.items.emplace_back(Name{rows.string(0), rows.string(1)}, read_activity(rows, 2));
  }
  return page;
}

Result<void> IdentityTable::store_activity(const std::vector<std::pair<Name, Activity>>& changed) {
  if (changed.empty()) return {};
  auto transaction = TRY(Transaction::begin(database_));
  // Not for an identity that was deleted meanwhile.
  auto statement = TRY(database_.prepare(
      "INSERT OR REPLACE INTO identity_activity (device_id, module_id, " +
      std::string(kActivityColumns) +
      ", day_messages, day_small) SELECT device_id, module_id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
      "?, ? FROM identity WHERE device_id = ? AND module_id = ?"));
  for (const auto& [name, activity] : changed) {
    // As of the last security message: the day before it.
    const SizeWindow::Sum day =
        activity.security_sizes.sum(activity.last_security_message.value_or(base::WallTime{}));
    statement.bind_all(to_ticks(activity.connection_changed), to_ticks(activity.last_activity),
                       to_ticks(activity.last_message), to_ticks(activity.last_security_message),
                       static_cast<std::int64_t>(activity.messages),
                       static_cast<std::int64_t>(activity.security_messages), activity.client_type,
                       activity.ip, activity.security_sizes.to_text(),
                       to_milliseconds(activity.clock_ahead), to_ticks(activity.clock_observed),
                       static_cast<std::int64_t>(day.messages),
                       static_cast<std::int64_t>(day.small), name.device_id, name.module_id);
    TRY(statement.run());
  }
  return transaction.commit();
}

}  // namespace hub::identity
