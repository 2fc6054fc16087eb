#include "store/events.h"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "base/log.h"
#include "kql/kql.h"
#include "os/file.h"
#include "store/append.h"
#include "store/event_store_state.h"

namespace store {
namespace {

std::string quote(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

std::string create_table_sql(const TableDefinition& table) {
  std::string sql = fmt::format("CREATE TABLE IF NOT EXISTS {}(", table.relation);
  for (const StoredColumn& column : table.stored) {
    sql += fmt::format("{}\"{}\" {} NOT NULL", sql.ends_with('(') ? "" : ", ", column.name,
                       sql_name(column.storage));
  }
  return sql + ");\n";
}

// The name is the stored table's neighbour, never the table itself: queries see views only.
std::string create_view_sql(const TableDefinition& table, std::string_view tenant,
                            std::string_view resource) {
  std::string sql;
  for (const ViewColumn& column : table.visible) {
    std::string expression(column.expression);
    replace_all(expression, "{tenant}", quote(tenant));
    replace_all(expression, "{resource}", quote(resource));
    sql += fmt::format("{}{} AS \"{}\"", sql.empty() ? "" : ", ", expression, column.name);
  }
  return fmt::format("CREATE OR REPLACE VIEW \"{}\" AS SELECT {} FROM {};\n", table.name, sql,
                     table.relation);
}

}  // namespace

std::string_view Batch::keep(std::string_view text) {
  if (text.empty()) return {};
  char* copy = static_cast<char*>(text_->allocate(text.size(), 1));
  std::ranges::copy(text, copy);
  return {copy, text.size()};
}

void Batch::clear() {
  events.clear();
  alerts.clear();
  operations.clear();
  text_->release();
}

EventStore::State::Lease::~Lease() {
  if (state_ == nullptr) return;
  const std::lock_guard lock(state_->mutex);
  std::erase(state_->leased, connection_.get());
  // Disconnected before the writer may close the database.
  {
    const duck::Connection closing = std::move(connection_);
  }
  state_->returned.notify_all();
}

base::Result<EventStore::State::Lease> EventStore::State::lease() {
  const std::lock_guard lock(mutex);
  if (!database)
    return base::fail(base::Code::Unavailable, "event store", -1, "it is being opened again");
  auto connection = TRY(duck::Connection::open(*database));
  leased.push_back(connection.get());
  return Lease(*this, std::move(connection));
}

base::Result<void> EventStore::State::open_database() {
  duck::Settings settings{options.memory_limit, options.threads, options.path + ".tmp"};
  auto opened = duck::Database::open(options.path, settings);
  if (!opened) {
    base::Error error = std::move(opened).error();
    error.detail = options.path + ": " + error.detail;
    if (error.code == base::Code::Corrupt) {
      error.detail +=
          "; move this file and " + options.path +
          ".wal away to begin with an empty event store (alerts, devices and what the journal "
          "still holds are kept), or put a copy back";
    } else if (error.code == base::Code::Conflict) {
      error.detail += "; another process has the event store open";
    }
    return std::unexpected(std::move(error));
  }
  auto connection = TRY(duck::Connection::open(*opened));
  TRY(prepare_tables(connection));
  TRY(read_position(connection));
  const std::lock_guard lock(mutex);
  database = std::move(*opened);
  writer = std::move(connection);
  broken = false;
  return {};
}

base::Result<void> EventStore::State::prepare_tables(duck::Connection& connection) {
  std::string sql = "BEGIN;\n";
  for (const TableDefinition* table : {&raw_event_table(), &alert_table(), &operation_table()}) {
    sql += create_table_sql(*table);
  }
  sql += fmt::format(
      "CREATE TABLE IF NOT EXISTS position(journal_sequence BIGINT NOT NULL, outbox BIGINT NOT "
      "NULL);\n"
      "CREATE TABLE IF NOT EXISTS workspace(tenant VARCHAR NOT NULL);\n"
      "INSERT INTO position SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM position);\n"
      "INSERT INTO workspace SELECT {} WHERE NOT EXISTS (SELECT * FROM workspace);\n"
      "COMMIT;",
      quote(base::Guid::random().to_string()));
  TRY(connection.execute(sql));
  auto rows = TRY(connection.query("SELECT tenant FROM workspace"));
  if (!TRY(rows.next()))
    return base::fail(base::Code::Corrupt, "event store", -1, "no workspace row");
  tenant = rows.column(0).text(0);

  std::string views = "BEGIN;\n";
  for (const TableDefinition* table : {&raw_event_table(), &alert_table(), &operation_table()}) {
    views += create_view_sql(*table, tenant, options.resource_id);
  }
  TRY(connection.execute(views + "COMMIT;"));
  return connection.execute(std::string(kql::duckdb_prelude()));
}

base::Result<void> EventStore::State::read_position(duck::Connection& connection) {
  auto rows = TRY(connection.query("SELECT journal_sequence, outbox FROM position"));
  if (!TRY(rows.next()))
    return base::fail(base::Code::Corrupt, "event store", -1, "no position row");
  journal_sequence = static_cast<std::uint64_t>(rows.column(0).as<std::int64_t>(0));
  outbox = static_cast<std::uint64_t>(rows.column(1).as<std::int64_t>(0));
  return {};
}

base::Result<void> EventStore::State::load_recent_keys(duck::Connection& connection) {
  const std::size_t wanted = std::max<std::size_t>(options.recent_keys / 2, 1);
  auto rows = TRY(connection.query(
      fmt::format("SELECT DeviceId, ModuleId, EventId, Item, TimeStamp FROM raw_event "
                  "ORDER BY TimeStamp DESC LIMIT {}",
                  wanted)));
  std::size_t count = 0;
  kql::Ticks oldest = std::numeric_limits<kql::Ticks>::max();
  while (TRY(rows.next())) {
    const auto device = rows.column(0);
    const auto module = rows.column(1);
    const auto id = rows.column(2);
    const auto item = rows.column(3);
    const auto time = rows.column(4);
    for (idx_t row = 0; row < rows.size(); ++row) {
      base::Guid guid;
      duck::uuid_bytes(id.as<duckdb_hugeint>(row), guid.bytes);
      const auto digest = event_digest(device.text(row), module.text(row), guid);
      const auto when = time.as<std::int64_t>(row);
      recent.insert(item_digest(digest, static_cast<std::uint32_t>(item.as<std::int32_t>(row))),
                    when);
      oldest = std::min(oldest, when);
      ++count;
    }
  }
  // Rows of the oldest time stamp may have been cut off by the limit.
  if (count == wanted) recent.set_horizon(oldest + 1);
  return {};
}

base::Result<void> EventStore::State::reopen() {
  {
    std::unique_lock lock(mutex);
    auto closing = std::exchange(database, std::nullopt);
    // Again and again: a query that has just begun forgets an interrupt.
    do {
      for (duckdb_connection connection : leased)
        duckdb_interrupt(connection);
    } while (
        !returned.wait_for(lock, std::chrono::milliseconds(20), [this] { return leased.empty(); }));
    writer.reset();
    closing.reset();
  }
  LOG_WARNING("store.reopen").field("path", options.path);
  return open_database();
}

base::Result<std::unique_ptr<EventStore>> EventStore::open(EventStoreOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  TRY(os::make_dirs(state->options.path + ".tmp"));
  TRY(state->open_database());
  TRY(state->load_recent_keys(*state->writer));
  return std::unique_ptr<EventStore>(new EventStore(std::move(state)));
}

EventStore::EventStore(std::unique_ptr<State> state) : state_(std::move(state)) {}

EventStore::~EventStore() {
  ASSERT(state_->leased.empty());
  state_->writer.reset();
}

base::Result<void> EventStore::State::find_stored(std::span<const EventKey> keys,
                                                  std::span<const std::size_t> unknown,
                                                  std::vector<std::uint8_t>& is_new) {
  constexpr std::size_t kAtOnce = 1000;
  for (std::size_t begin = 0; begin < unknown.size(); begin += kAtOnce) {
    const auto part = unknown.subspan(begin, std::min(kAtOnce, unknown.size() - begin));
    kql::Ticks first = std::numeric_limits<kql::Ticks>::max();
    kql::Ticks last = std::numeric_limits<kql::Ticks>::min();
    std::string ids;
    for (const std::size_t index : part) {
      first = std::min(first, keys[index].time_stamp);
      last = std::max(last, keys[index].time_stamp);
      ids += fmt::format("{}'{}'", ids.empty() ? "" : ",", keys[index].event_id.to_string());
    }
    auto rows =
        TRY(writer->query(fmt::format("SELECT DeviceId, ModuleId, EventId, Item FROM raw_event "
                                      "WHERE TimeStamp BETWEEN {} AND {} AND EventId IN ({})",
                                      first, last, ids)));
    RecentKeys stored;
    while (TRY(rows.next())) {
      const auto device = rows.column(0);
      const auto module = rows.column(1);
      const auto id = rows.column(2);
      const auto item = rows.column(3);
      for (idx_t row = 0; row < rows.size(); ++row) {
        base::Guid guid;
        duck::uuid_bytes(id.as<duckdb_hugeint>(row), guid.bytes);
        const auto digest = event_digest(device.text(row), module.text(row), guid);
        stored.insert(item_digest(digest, static_cast<std::uint32_t>(item.as<std::int32_t>(row))),
                      0);
      }
    }
    for (const std::size_t index : part) {
      const EventKey& key = keys[index];
      const auto digest =
          item_digest(event_digest(key.device_id, key.module_id, key.event_id), key.item);
      if (stored.contains(digest)) is_new[index] = 0;
    }
  }
  return {};
}

base::Result<std::vector<std::uint8_t>> EventStore::claim(std::span<const EventKey> keys) {
  State& state = *state_;
  if (state.broken || !state.writer) TRY(state.reopen());
  std::vector<KeyDigest> digests;
  digests.reserve(keys.size());
  std::vector<std::uint8_t> is_new(keys.size(), 1);
  std::vector<std::size_t> unknown;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const EventKey& key = keys[i];
    // Items of one event follow each other: one hash for all.
    const bool same = i > 0 && key.item != 0 && key.event_id == keys[i - 1].event_id &&
                      key.device_id == keys[i - 1].device_id &&
                      key.module_id == keys[i - 1].module_id;
    const KeyDigest event =
        same ? KeyDigest{digests.back().high, digests.back().low - keys[i - 1].item}
             : event_digest(key.device_id, key.module_id, key.event_id);
    digests.push_back(item_digest(event, key.item));
    if (state.recent.contains(digests.back())) {
      is_new[i] = 0;
    } else if (key.time_stamp < state.recent.horizon()) {
      unknown.push_back(i);
    }
  }
  if (!unknown.empty()) {
    state.lookups.add(unknown.size());
    auto found = state.find_stored(keys, unknown, is_new);
    if (!found) {
      state.broken = state.broken || found.error().code == base::Code::Corrupt;
      return std::unexpected(std::move(found).error());
    }
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (is_new[i] != 0 && !state.recent.insert(digests[i], keys[i].time_stamp)) is_new[i] = 0;
    if (is_new[i] == 0) state.duplicates.add();
  }
  return is_new;
}

base::Result<void> EventStore::State::append_rows(const Batch& batch, std::uint64_t sequence,
                                                  std::uint64_t new_outbox) {
  TRY(append_batch(*writer, batch));
  return writer->execute(fmt::format(
      "UPDATE position SET journal_sequence = {}, outbox = {}; COMMIT", sequence, new_outbox));
}

base::Result<void> EventStore::append(const Batch& batch, std::uint64_t journal_sequence) {
  State& state = *state_;
  const std::uint64_t outbox =
      batch.alerts.empty() ? state.outbox.load() : batch.alerts.back().outbox;
  const auto attempt = [&]() -> base::Result<void> {
    if (state.broken || !state.writer) {
      TRY(state.reopen());
      // The commit that broke it may have been complete all the same.
      if (state.journal_sequence.load() >= journal_sequence && state.outbox.load() >= outbox)
        return {};
    }
    TRY(state.writer->execute("BEGIN"));
    return state.append_rows(batch, journal_sequence, outbox);
  };
  auto result = attempt();
  if (!result) {
    state.failures.add();
    state.broken = state.broken || result.error().code == base::Code::Corrupt ||
                   (state.writer && !state.writer->execute("ROLLBACK"));
    return result;
  }
  state.journal_sequence = journal_sequence;
  state.outbox = outbox;
  state.rows_appended.add(batch.rows());
  state.batches.add();
  state.recent.shrink(state.options.recent_keys);
  return {};
}

std::uint64_t EventStore::journal_sequence() const {
  return state_->journal_sequence.load();
}
std::uint64_t EventStore::alert_outbox() const {
  return state_->outbox.load();
}
std::string EventStore::tenant_id() const {
  return state_->tenant;
}

EventStore::Stats EventStore::stats() const {
  return {state_->rows_appended.value(), state_->duplicates.value(), state_->lookups.value(),
          state_->batches.value(), state_->failures.value()};
}

}  // namespace store
