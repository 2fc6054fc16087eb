#include "hub/configurations/configuration_table.h"

#include <array>

namespace hub::configurations {

using base::Code;
using base::fail;
using base::Result;
using store::Transaction;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE configuration (
    id TEXT NOT NULL PRIMARY KEY,
    etag TEXT NOT NULL,
    priority INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    document TEXT NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE configuration_metric (
    configuration_id TEXT NOT NULL,
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (configuration_id, name)
  ) WITHOUT ROWID, STRICT;
  CREATE TABLE configuration_target (
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    configuration_id TEXT NOT NULL,
    applied INTEGER NOT NULL,
    PRIMARY KEY (device_id, module_id, configuration_id)
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX configuration_target_by_configuration
    ON configuration_target (configuration_id, applied);
  CREATE TABLE configuration_twin (
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    owned TEXT NOT NULL,
    PRIMARY KEY (device_id, module_id)
  ) WITHOUT ROWID, STRICT;
)sql"};

std::int64_t to_ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime from_ticks(std::int64_t ticks) {
  return base::WallTime(std::chrono::nanoseconds(ticks));
}

Status status_of(std::int64_t applied) {
  return applied != 0 ? Status::Applied : Status::Targeted;
}

}  // namespace

Result<void> ConfigurationTable::migrate(store::Sqlite& database) {
  return database.migrate("configurations", kSteps);
}

Result<std::vector<Configuration>> ConfigurationTable::all() {
  auto rows =
      TRY(database_.prepare("SELECT id, etag, priority, created, updated, document FROM "
                            "configuration ORDER BY priority DESC, created DESC, id"));
  std::vector<Configuration> all;
  while (TRY(rows.step())) {
    const auto document = base::json::parse(rows.text(5));
    if (!document) return fail(Code::Corrupt, "configuration", -1, rows.string(0));
    auto read = read_configuration(rows.text(0), *document);
    if (!read) return fail(Code::Corrupt, "configuration", -1, rows.string(0));
    read->etag = rows.string(1);
    read->created = from_ticks(rows.integer(3));
    read->updated = from_ticks(rows.integer(4));
    all.push_back(std::move(*read));
  }
  return all;
}

Result<void> ConfigurationTable::store(const Configuration& configuration) {
  auto transaction = TRY(Transaction::begin(database_));
  TRY(database_.run("INSERT OR REPLACE INTO configuration VALUES (?, ?, ?, ?, ?, ?)",
                    configuration.id, configuration.etag, configuration.priority,
                    to_ticks(configuration.created), to_ticks(configuration.updated),
                    document_of(configuration)));
  // Those of other queries say nothing.
  TRY(database_.run("DELETE FROM configuration_metric WHERE configuration_id = ?",
                    configuration.id));
  return transaction.commit();
}

Result<void> ConfigurationTable::erase(std::string_view id) {
  auto transaction = TRY(Transaction::begin(database_));
  TRY(database_.run("DELETE FROM configuration WHERE id = ?", id));
  TRY(database_.run("DELETE FROM configuration_metric WHERE configuration_id = ?", id));
  return transaction.commit();
}

Result<Results> ConfigurationTable::results(std::string_view id) {
  Results results;
  auto counts = TRY(database_.prepare(
      "SELECT count(*), total(applied) FROM configuration_target WHERE configuration_id = ?"));
  counts.bind_all(id);
  TRY(counts.step());
  results.targeted = static_cast<std::uint64_t>(counts.integer(0));
  results.applied = static_cast<std::uint64_t>(counts.real(1));
  auto metrics = TRY(
      database_.prepare("SELECT name, value FROM configuration_metric WHERE configuration_id = ?"));
  metrics.bind_all(id);
  while (TRY(metrics.step()))
    results.metrics[metrics.string(0)] = static_cast<std::uint64_t>(metrics.integer(1));
  return results;
}

Result<void> ConfigurationTable::store_metrics(
    std::string_view id, const std::map<std::string, std::uint64_t>& metrics) {
  if (metrics.empty()) return {};
  auto transaction = TRY(Transaction::begin(database_));
  for (const auto& [name, value] : metrics) {
    TRY(database_.run("INSERT OR REPLACE INTO configuration_metric VALUES (?, ?, ?)", id, name,
                      static_cast<std::int64_t>(value)));
  }
  return transaction.commit();
}

Result<std::map<identity::Name, TwinState>> ConfigurationTable::twins_of(
    std::string_view device_id) {
  std::map<identity::Name, TwinState> twins;
  auto targets = TRY(database_.prepare(
      "SELECT module_id, configuration_id, applied FROM configuration_target WHERE device_id = ?"));
  targets.bind_all(device_id);
  while (TRY(targets.step())) {
    TwinState& state = twins[{std::string(device_id), targets.string(0)}];
    state.targets[targets.string(1)] = status_of(targets.integer(2));
  }
  auto owned = TRY(database_.prepare(
      "SELECT module_id, generation_id, owned FROM configuration_twin WHERE device_id = ?"));
  owned.bind_all(device_id);
  while (TRY(owned.step())) {
    TwinState& state = twins[{std::string(device_id), owned.string(0)}];
    state.generation_id = owned.string(1);
    state.owned = TRY(paths_from_json(owned.text(2)));
  }
  return twins;
}

Result<void> ConfigurationTable::store_twin(const identity::Name& name, const TwinState& state) {
  auto transaction = TRY(Transaction::begin(database_));
  TRY(database_.run("DELETE FROM configuration_target WHERE device_id = ? AND module_id = ?",
                    name.device_id, name.module_id));
  for (const auto& [id, status] : state.targets) {
    TRY(database_.run("INSERT INTO configuration_target VALUES (?, ?, ?, ?)", name.device_id,
                      name.module_id, id, status == Status::Applied));
  }
  if (state.owned.empty()) {
    TRY(database_.run("DELETE FROM configuration_twin WHERE device_id = ? AND module_id = ?",
                      name.device_id, name.module_id));
  } else {
    TRY(database_.run("INSERT OR REPLACE INTO configuration_twin VALUES (?, ?, ?, ?)",
                      name.device_id, name.module_id, state.generation_id,
                      paths_to_json(state.owned)));
  }
  return transaction.commit();
}

Result<std::map<std::string, Status>> ConfigurationTable::targets_of(const identity::Name& name) {
  auto rows =
      TRY(database_.prepare("SELECT configuration_id, applied FROM configuration_target WHERE "
                            "device_id = ? AND module_id = ?"));
  rows.bind_all(name.device_id, name.module_id);
  std::map<std::string, Status> targets;
  while (TRY(rows.step()))
    targets[rows.string(0)] = status_of(rows.integer(1));
  return targets;
}

Result<void> ConfigurationTable::forget_gone() {
  for (const std::string_view table : {"configuration_target", "configuration_twin"}) {
    std::string sql = "DELETE FROM ";
    sql.append(table).append(
        " AS c WHERE NOT EXISTS (SELECT 1 FROM identity i WHERE i.device_id = c.device_id AND "
        "i.module_id = c.module_id)");
    TRY(database_.execute(sql));
  }
  return {};
}

}  // namespace hub::configurations
