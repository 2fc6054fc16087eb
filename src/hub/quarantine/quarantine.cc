#include "hub/quarantine/quarantine.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <mutex>

#include "base/log.h"
#include "base/text.h"
#include "store/sqlite.h"

namespace hub::quarantine {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE held (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sequence INTEGER NOT NULL,
    device_id TEXT NOT NULL,
    module_id TEXT NOT NULL,
    generation_id TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    received INTEGER NOT NULL,
    properties TEXT NOT NULL,
    reason TEXT NOT NULL,
    why TEXT NOT NULL,
    payload BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_attempt INTEGER,
    last_answer TEXT NOT NULL DEFAULT '',
    UNIQUE (sequence, received)
  ) STRICT;
  CREATE INDEX held_by_device ON held (device_id, id);
)sql"};

constexpr std::string_view kColumns =
    "id, sequence, device_id, module_id, generation_id, auth_method, received, properties, reason, "
    "why, bytes, attempts, last_attempt, last_answer";

std::int64_t ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime time_at(std::int64_t count) {
  return base::WallTime(std::chrono::nanoseconds(count));
}

Message read(const store::Statement& row) {
  Message message;
  message.id = row.integer(0);
  message.sequence = static_cast<std::uint64_t>(row.integer(1));
  message.device_id = row.string(2);
  message.module_id = row.string(3);
  message.generation_id = row.string(4);
  message.auth_method = row.string(5);
  message.received = time_at(row.integer(6));
  message.properties = row.string(7);
  message.reason = row.string(8);
  message.why = row.string(9);
  message.bytes = static_cast<std::uint64_t>(row.integer(10));
  message.attempts = static_cast<std::uint32_t>(row.integer(11));
  if (const auto at = row.optional_integer(12)) message.last_attempt = time_at(*at);
  message.last_answer = row.string(13);
  return message;
}

// What a message takes of the bound: rows have more than their payload.
std::uint64_t cost(const Message& message) {
  constexpr std::uint64_t kRow = 256;
  return kRow + message.payload.size() + message.properties.size() + message.why.size();
}
constexpr std::string_view kCost =
    "256 + bytes + length(CAST(properties AS BLOB)) + "
    "length(CAST(why AS BLOB))";

}  // namespace

struct Quarantine::State {
  State(Options given, store::Sqlite opened) : options(std::move(given)), db(std::move(opened)) {}

  Options options;
  Counters counters;
  mutable std::mutex mutex;  // guards all below; held while the disk is written
  mutable store::Sqlite db;
  std::map<std::string, std::uint64_t, std::less<>> bytes_of;  // by device
  Held held;

  Result<void> count();
  Result<bool> insert(const Message& message);
  Result<void> make_room();
  Result<void> evict_one();
  Result<void> remove(std::int64_t id);
};

// What there is, from the start.
Result<void> Quarantine::State::count() {
  bytes_of.clear();
  held = {};
  auto rows = TRY(db.prepare("SELECT device_id, COUNT(*), SUM(" + std::string(kCost) +
                             ") FROM held GROUP BY device_id"));
  while (TRY(rows.step())) {
    const auto bytes = static_cast<std::uint64_t>(rows.integer(2));
    bytes_of[rows.string(0)] = bytes;
    held.messages += static_cast<std::uint64_t>(rows.integer(1));
    held.bytes += bytes;
  }
  return {};
}

// False: it is there already.
Result<bool> Quarantine::State::insert(const Message& message) {
  auto statement = TRY(db.prepare(
      "INSERT INTO held (sequence, device_id, module_id, generation_id, auth_method, received, "
      "properties, reason, why, payload, bytes) VALUES (?,?,?,?,?,?,?,?,?,?,?) "
      "ON CONFLICT DO NOTHING"));
  TRY(statement
          .bind_all(static_cast<std::int64_t>(message.sequence), message.device_id,
                    message.module_id, message.generation_id, message.auth_method,
                    ticks(message.received), message.properties, message.reason, message.why,
                    base::as_bytes(message.payload),
                    static_cast<std::int64_t>(message.payload.size()))
          .run());
  if (db.changes() == 0) return false;
  const std::uint64_t bytes = cost(message);
  bytes_of[message.device_id] += bytes;
  held.bytes += bytes;
  ++held.messages;
  return true;
}

// The oldest of the device that has most.
Result<void> Quarantine::State::evict_one() {
  const auto most =
      std::ranges::max_element(bytes_of, {}, [](const auto& each) { return each.second; });
  if (most == bytes_of.end()) return {};
  auto row = TRY(db.prepare("SELECT id FROM held WHERE device_id = ? ORDER BY id LIMIT 1"));
  row.bind(1, most->first);
  if (!TRY(row.step())) return fail(Code::Corrupt, "quarantine", -1, "its rows do not add up");
  const std::int64_t id = row.integer(0);
  row.reset();
  TRY(remove(id));
  counters.evicted.add();
  return {};
}

Result<void> Quarantine::State::make_room() {
  while (held.messages > 1 &&
         (held.bytes > options.max_bytes || held.messages > options.max_messages)) {
    TRY(evict_one());
  }
  return {};
}

// Errors: NotFound.
Result<void> Quarantine::State::remove(std::int64_t id) {
  auto row =
      TRY(db.prepare("DELETE FROM held WHERE id = ? RETURNING device_id, " + std::string(kCost)));
  row.bind(1, id);
  if (!TRY(row.step())) return fail(Code::NotFound, "quarantined message", -1, std::to_string(id));
  const std::string device = row.string(0);
  const auto bytes = static_cast<std::uint64_t>(row.integer(1));
  while (TRY(row.step())) {
  }
  held.bytes -= std::min(held.bytes, bytes);
  --held.messages;
  const auto found = bytes_of.find(device);
  if (found == bytes_of.end()) return {};
  found->second -= std::min(found->second, bytes);
  if (found->second == 0) bytes_of.erase(found);
  return {};
}

Quarantine::Quarantine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Quarantine::~Quarantine() = default;

Result<std::unique_ptr<Quarantine>> Quarantine::open(Options options) {
  auto db = TRY(store::Sqlite::open(options.path));
  TRY(db.migrate("quarantine", kSteps));
  auto state = std::make_unique<State>(std::move(options), std::move(db));
  TRY(state->count());
  return std::unique_ptr<Quarantine>(new Quarantine(std::move(state)));
}

Result<void> Quarantine::add(std::span<const Message> messages) {
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  std::uint64_t added = 0;
  const auto attempt = [&]() -> Result<void> {
    auto transaction = TRY(store::Transaction::begin(state.db));
    for (const Message& message : messages) {
      if (TRY(state.insert(message))) ++added;
      TRY(state.make_room());
    }
    return transaction.commit();
  };
  auto result = attempt();
  if (!result) {
    // What was counted on the way did not happen.
    if (auto counted = state.count(); !counted) return counted;
    return result;
  }
  state.counters.added.add(added);
  return {};
}

Result<Page> Quarantine::list(const Filter& filter) const {
  std::int64_t before = std::numeric_limits<std::int64_t>::max();
  if (!filter.cursor.empty()) {
    const auto parsed = base::parse_int(filter.cursor);
    if (!parsed) return fail(Code::Invalid, "cursor");
    before = *parsed;
  }
  const std::lock_guard lock(state_->mutex);
  constexpr std::string_view kWhere =
      " FROM held WHERE (?1 = '' OR device_id = ?1) AND (?2 = '' OR reason = ?2)";
  Page page;
  auto total = TRY(state_->db.prepare("SELECT COUNT(*)" + std::string(kWhere)));
  total.bind_all(filter.device_id, filter.reason);
  if (TRY(total.step())) page.total = total.integer(0);
  auto rows = TRY(state_->db.prepare("SELECT " + std::string(kColumns) + std::string(kWhere) +
                                     " AND id < ?3 ORDER BY id DESC LIMIT ?4"));
  rows.bind_all(filter.device_id, filter.reason, before,
                static_cast<std::int64_t>(filter.limit) + 1);
  while (TRY(rows.step()))
    page.items.push_back(read(rows));
  if (page.items.size() > filter.limit) {
    page.items.pop_back();
    page.next_cursor = std::to_string(page.items.back().id);
  }
  return page;
}

Result<Message> Quarantine::get(std::int64_t id) const {
  const std::lock_guard lock(state_->mutex);
  auto row = TRY(
      state_->db.prepare("SELECT " + std::string(kColumns) + ", payload FROM held WHERE id = ?"));
  row.bind(1, id);
  if (!TRY(row.step())) return fail(Code::NotFound, "quarantined message", -1, std::to_string(id));
  Message message = read(row);
  message.payload = base::as_text(row.blob(14));
  return message;
}

Result<void> Quarantine::replay(std::int64_t id, const Submit& submit) {
  State& state = *state_;
  const Message message = TRY(get(id));
  // Without the lock: what is set aside meanwhile comes from the very pipeline that may have to
  // make room for this one.
  auto taken = submit(message);
  const std::lock_guard lock(state.mutex);
  if (taken) {
    state.counters.replayed.add();
    // Whoever took it out meanwhile wanted it gone.
    auto removed = state.remove(id);
    if (!removed && removed.error().code != Code::NotFound) return removed;
    return {};
  }
  state.counters.replay_refused.add();
  TRY(state.db.run(
      "UPDATE held SET attempts = attempts + 1, last_attempt = ?, last_answer = ? WHERE id = ?",
      ticks(state.options.now()), taken.error().detail, id));
  return taken;
}

Result<void> Quarantine::discard(std::int64_t id) {
  const std::lock_guard lock(state_->mutex);
  TRY(state_->remove(id));
  state_->counters.discarded.add();
  return {};
}

Result<void> Quarantine::maintain() {
  State& state = *state_;
  const std::int64_t oldest = ticks(state.options.now() - state.options.max_age);
  const std::lock_guard lock(state.mutex);
  if (state.held.messages == 0) return {};
  TRY(state.db.run("DELETE FROM held WHERE received < ?", oldest));
  const auto gone = static_cast<std::uint64_t>(state.db.changes());
  if (gone == 0) return {};
  state.counters.expired.add(gone);
  return state.count();
}

Quarantine::Held Quarantine::held() const {
  const std::lock_guard lock(state_->mutex);
  return state_->held;
}

const Counters& Quarantine::counters() const {
  return state_->counters;
}

}  // namespace hub::quarantine
