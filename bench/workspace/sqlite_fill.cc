#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/time.h"
#include "devices.h"
#include "store/sqlite.h"
#include "workspace/commands.h"
#include "workspace/measures.h"

namespace bench {
namespace {

template <class T>
T expect(base::Result<T> result) {
  if (!result) give_up(result.error().to_string());
  return std::move(*result);
}
void expect(const base::Result<void>& result) {
  if (!result) give_up(result.error().to_string());
}

// The indexes that the questions ask for, and none that they do not: one device's events of a type,
// a type's events of a device, and times. None is unique, as a look for doubles in an index of
// random ids would cost SQLite most of its speed.
constexpr const char* kSchema =
    "CREATE TABLE raw_event(TimeGenerated INTEGER NOT NULL, TimeStamp INTEGER NOT NULL, "
    "DeviceId TEXT NOT NULL, ModuleId TEXT NOT NULL, AgentVersion TEXT NOT NULL, "
    "AgentId BLOB NOT NULL, EventId BLOB NOT NULL, Item INTEGER NOT NULL, "
    "RawEventName TEXT NOT NULL, RawEventCategory TEXT NOT NULL, RawEventType TEXT NOT NULL, "
    "IsEmpty INTEGER NOT NULL, EventDetails TEXT NOT NULL);"
    "CREATE INDEX by_device ON raw_event(DeviceId, RawEventName, TimeStamp);"
    "CREATE INDEX by_name ON raw_event(RawEventName, TimeGenerated);"
    "CREATE INDEX by_time ON raw_event(TimeGenerated, DeviceId);"
    "CREATE TABLE alert(TimeGenerated INTEGER NOT NULL, DisplayName TEXT NOT NULL, "
    "AlertSeverity TEXT NOT NULL, Description TEXT NOT NULL, ExtendedProperties TEXT NOT NULL);";

// WAL as the store opens it; the cache is as large as the memory that DuckDB gets, and only a power
// cut may cost the last batches, while DuckDB loses none.
constexpr const char* kSettings = "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -524288;";

void append(store::Sqlite& database, const store::Batch& batch) {
  auto transaction = expect(store::Transaction::begin(database));
  auto insert = expect(database.prepare("INSERT INTO raw_event VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  for (const store::EventRow& row : batch.events) {
    insert.bind_all(row.time_generated, row.time_stamp, row.device_id, row.module_id,
                    row.agent_version, base::ByteView(row.agent_id.bytes),
                    base::ByteView(row.event_id.bytes), static_cast<std::int64_t>(row.item),
                    row.name, row.category, row.type, row.is_empty, row.details);
    expect(insert.run());
  }
  for (const store::AlertRow& row : batch.alerts) {
    expect(database.run("INSERT INTO alert VALUES(?,?,?,?,?)", row.time_generated, row.title,
                        row.severity, row.description, row.extended_json));
  }
  expect(transaction.commit());
}

}  // namespace

void fill_sqlite(const SqliteFill& plan) {
  auto database = expect(store::Sqlite::open(plan.file));
  expect(database.execute(kSettings));
  expect(database.execute(kSchema));
  Fleet fleet(plan.shape);
  store::Batch batch;
  std::uint64_t rows = 0;
  double generating = 0;
  const auto started = base::mono_now();
  const auto seconds_since = [](base::MonoTime begin) {
    return std::chrono::duration<double>(base::mono_now() - begin).count();
  };
  bool more = true;
  for (; more; batch.clear()) {
    if (plan.seconds > 0 && seconds_since(started) > plan.seconds) break;
    const auto begin = base::mono_now();
    more = fleet.fill(batch, plan.batch);
    generating += seconds_since(begin);
    append(database, batch);
    rows += batch.events.size();
  }
  const double seconds = seconds_since(started);
  expect(database.execute("PRAGMA wal_checkpoint(TRUNCATE); ANALYZE;"));
  std::error_code failed;
  const std::uint64_t bytes = std::filesystem::file_size(plan.file, failed);
  std::string out;
  base::json::Writer json(out);
  json.begin_object();
  json.field("rows", rows);
  json.field("complete", !more);
  json.field("seconds", seconds);
  json.field("rows_per_second", static_cast<double>(rows) / seconds);
  json.field("rows_per_second_without_generator",
             static_cast<double>(rows) / (seconds - generating));
  json.field("disk_bytes", bytes);
  json.field("disk_bytes_per_row", static_cast<double>(bytes) / static_cast<double>(rows));
  json.field("peak_resident_bytes", std::uint64_t{peak_resident_bytes()});
  json.end_object();
  std::puts(out.c_str());
}

}  // namespace bench
