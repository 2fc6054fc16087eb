#include "store/events.h"

#include <algorithm>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "os/file.h"
#include "store/append.h"
#include "store/event_store_state.h"
#include "store/keeper.h"

namespace store {
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
  telemetry.clear();
  audits.clear();
  recommendations.clear();
  twins.clear();
  text_->release();
}

base::Result<std::unique_ptr<EventStore>> EventStore::open(EventStoreOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  TRY(os::make_dirs(state->options.path + ".tmp"));
  if (const std::string& folder = state->options.export_dir; !folder.empty()) {
    TRY(os::make_dirs(folder));
    // What a run that ended half-way left behind.
    for (const std::string& name : TRY(os::list_dir(folder)))
      TRY(os::remove_file(folder + "/" + name));
  }
  TRY(state->open_database());
  TRY(state->tidy_pieces(*state->writer));
  TRY(state->load_recent_keys(*state->writer));
  state->keeper = std::make_unique<Keeper>(*state);
  state->keeper->start();
  return std::unique_ptr<EventStore>(new EventStore(std::move(state)));
}

EventStore::EventStore(std::unique_ptr<State> state) : state_(std::move(state)) {}

EventStore::~EventStore() {
  state_->keeper.reset();
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
    std::set<std::string_view> devices;
    for (const std::size_t index : part) {
      devices.insert(keys[index].device_id);
      first = std::min(first, keys[index].time_stamp);
      last = std::max(last, keys[index].time_stamp);
      ids += fmt::format("{}'{}'", ids.empty() ? "" : ",", keys[index].event_id.to_string());
    }
    std::string senders;
    for (const std::string_view device : devices)
      senders +=
          fmt::format("{}{}", senders.empty() ? "" : ",", duck::quote(base::to_utf8(device)));
    // The time and the sender say where rows are; the id says whether they are the ones.
    auto rows = TRY(writer->query(
        fmt::format("SELECT DeviceId, ModuleId, EventId, Item FROM raw_event WHERE TimeStamp "
                    "BETWEEN {} AND {} AND DeviceId IN ({}) AND EventId IN ({})",
                    first, last, senders, ids)));
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
  if (state.broken || !state.writer) {
    const std::lock_guard lock(state.gate);
    TRY(state.reopen());
  }
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
    const std::uint64_t reading = state.begin_read();
    auto found = state.find_stored(keys, unknown, is_new);
    state.end_read(reading);
    if (!found) {
      // A damaged piece is left out before this is tried again; the database is as it was.
      const bool piece = state.keeper->suspect(found.error());
      state.broken = state.broken || (!piece && found.error().code == base::Code::Corrupt);
      return std::unexpected(std::move(found).error());
    }
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (is_new[i] != 0 && !state.recent.insert(digests[i], keys[i].time_stamp)) is_new[i] = 0;
    if (is_new[i] == 0) state.duplicates.add();
  }
  return is_new;
}

EventStore::State::Positions EventStore::State::positions_after(const Batch& batch) const {
  Positions after;
  after.outbox = batch.alerts.empty() ? outbox.load() : batch.alerts.back().outbox;
  after.audit = batch.audits.empty() ? audit.load() : batch.audits.back().id;
  after.twins = batch.twins.empty() ? twins.load() : batch.twins.back().id;
  after.recommendations =
      batch.recommendations.empty() ? recommendations.load() : batch.recommendations.back().outbox;
  return after;
}

base::Result<void> EventStore::State::append_rows(const Batch& batch, std::uint64_t sequence,
                                                  const Positions& positions) {
  TRY(append_batch(*writer, batch, [this](const TableDefinition& table) {
    return has_pieces(table) ? hot_name(table, generation.at(table.relation))
                             : std::string(table.relation);
  }));
  TRY(usage.append(*writer, batch));
  TRY(writer->execute(fmt::format(
      "UPDATE position SET journal_sequence = {}, outbox = {}, audit = {}, twins = {}, "
      "recommendations = {}",
      sequence, positions.outbox, positions.audit, positions.twins, positions.recommendations)));
  return writer->execute_patiently("COMMIT");
}

base::Result<void> EventStore::append(const Batch& batch, std::uint64_t journal_sequence) {
  State& state = *state_;
  const std::lock_guard appending(state.gate);
  const State::Positions after = state.positions_after(batch);
  const auto attempt = [&]() -> base::Result<void> {
    if (state.broken || !state.writer) {
      TRY(state.reopen());
      // The commit that broke it may have been complete all the same.
      if (state.journal_sequence.load() >= journal_sequence &&
          state.outbox.load() >= after.outbox && state.audit.load() >= after.audit &&
          state.twins.load() >= after.twins &&
          state.recommendations.load() >= after.recommendations)
        return {};
    }
    TRY(state.writer->execute("BEGIN"));
    return state.append_rows(batch, journal_sequence, after);
  };
  auto result = attempt();
  if (!result) {
    state.failures.add();
    state.broken = state.broken || result.error().code == base::Code::Corrupt ||
                   (state.writer && !state.writer->execute("ROLLBACK"));
    return result;
  }
  state.journal_sequence = journal_sequence;
  state.outbox = after.outbox;
  state.audit = after.audit;
  state.twins = after.twins;
  state.recommendations = after.recommendations;
  state.rows_appended.add(batch.rows());
  state.batches.add();
  state.unlooked_rows += batch.rows();
  if (state.unlooked_rows * 4 >= state.options.seal.rows) {
    state.unlooked_rows = 0;
    state.keeper->wake();
  }
  state.recent.shrink(state.options.recent_keys);
  state.usage.settle(*state.writer);
  return {};
}

std::uint64_t EventStore::journal_sequence() const {
  return state_->journal_sequence.load();
}
std::uint64_t EventStore::alert_outbox() const {
  return state_->outbox.load();
}
std::uint64_t EventStore::audit_position() const {
  return state_->audit.load();
}
std::uint64_t EventStore::twin_position() const {
  return state_->twins.load();
}
std::uint64_t EventStore::recommendation_position() const {
  return state_->recommendations.load();
}
std::string EventStore::tenant_id() const {
  return state_->tenant;
}

EventStore::Stats EventStore::stats() const {
  return {state_->rows_appended.value(), state_->duplicates.value(), state_->lookups.value(),
          state_->batches.value(),       state_->failures.value(),   state_->usage.failures()};
}

}  // namespace store
