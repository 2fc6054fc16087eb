#include "hub/vulnerabilities/findings.h"

#include <algorithm>
#include <array>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/text.h"

namespace hub::vulnerabilities {

using base::Code;
using base::fail;
using base::Result;
using store::Statement;
using store::Transaction;

namespace {

constexpr std::array<std::string_view, 1> kMigrations = {R"sql(
CREATE TABLE inventory(
  id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, content TEXT NOT NULL) STRICT;
CREATE TABLE device(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, inventory INTEGER NOT NULL,
  observed INTEGER NOT NULL, received INTEGER NOT NULL, judged_inventory INTEGER NOT NULL,
  judged_bundles TEXT NOT NULL, judged INTEGER NOT NULL, covered INTEGER NOT NULL) STRICT;
CREATE INDEX device_inventory ON device(inventory, id);
CREATE TABLE flaw(
  id INTEGER PRIMARY KEY, digest TEXT NOT NULL UNIQUE, name TEXT NOT NULL, package TEXT NOT NULL,
  installed TEXT NOT NULL, fixed TEXT NOT NULL, severity INTEGER NOT NULL, plan INTEGER NOT NULL,
  score REAL NOT NULL, release TEXT NOT NULL, binaries TEXT NOT NULL) STRICT;
CREATE INDEX flaw_name ON flaw(name);
CREATE TABLE finding(
  device INTEGER NOT NULL, flaw INTEGER NOT NULL, since INTEGER NOT NULL,
  PRIMARY KEY(device, flaw)) WITHOUT ROWID, STRICT;
CREATE INDEX finding_flaw ON finding(flaw);
)sql"};

constexpr std::string_view kFlawColumns =
    "f.name, f.package, f.installed, f.fixed, f.severity, f.plan, f.score, f.release, f.binaries";
constexpr int kFlawColumnCount = 9;

std::int64_t to_integer(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime to_time(std::int64_t nanoseconds) {
  return base::WallTime(std::chrono::nanoseconds(nanoseconds));
}

std::string digest_of(std::string_view text) {
  return base::hex_encode(base::ByteView(base::sha256(base::as_bytes(text))).first(16));
}

Flaw read_flaw(const Statement& row, int first) {
  Flaw flaw;
  flaw.name = row.string(first);
  flaw.package = row.string(first + 1);
  flaw.installed = row.string(first + 2);
  flaw.fixed = row.string(first + 3);
  flaw.severity = static_cast<advisories::Severity>(std::clamp<std::int64_t>(
      row.integer(first + 4), 0, static_cast<std::int64_t>(advisories::Severity::Critical)));
  flaw.plan = static_cast<advisories::Plan>(std::clamp<std::int64_t>(
      row.integer(first + 5), 0, static_cast<std::int64_t>(advisories::Plan::Undetermined)));
  flaw.score = row.real(first + 6);
  flaw.release = row.string(first + 7);
  flaw.binaries = row.string(first + 8);
  return flaw;
}

// Conditions on f, with parameters 1 (least severity), 2 (all) and 3 (search) and the kinds of fix.
std::string conditions(const Filter& filter) {
  std::string out = fmt::format(
      "f.severity >= ?1 AND (?2 OR (f.severity <> {} AND (f.fixed <> '' OR f.plan <> "
      "{}))) AND (?3 = '' OR instr(lower(f.name), ?3) > 0 OR instr(f.package, ?3) > 0)",
      static_cast<int>(advisories::Severity::Negligible),
      static_cast<int>(advisories::Plan::Undetermined));
  if (filter.fix == Fix::Available) out += " AND f.fixed <> ''";
  if (filter.fix == Fix::None) out += " AND f.fixed = ''";
  return out;
}

void bind_conditions(Statement& row, const Filter& filter) {
  row.bind(1, static_cast<int>(filter.least));
  row.bind(2, filter.all);
  row.bind(3, base::to_lower(filter.search));
}

// A cursor is how many were told before.
Result<std::int64_t> offset_of(const Filter& filter) {
  if (filter.cursor.empty()) return std::int64_t{0};
  const auto offset = base::parse_int(filter.cursor);
  if (!offset || *offset < 0) return fail(Code::Invalid, "cursor");
  return *offset;
}

template <class T>
void finish(Page<T>& page, std::int64_t offset) {
  const auto told = offset + static_cast<std::int64_t>(page.items.size());
  if (told < page.total && !page.items.empty()) page.next_cursor = std::to_string(told);
}

}  // namespace

Result<std::unique_ptr<Findings>> Findings::open(const std::string& path) {
  auto writer = TRY(store::Sqlite::open(path));
  TRY(writer.migrate("vulnerabilities", kMigrations));
  auto reader = TRY(store::Sqlite::open(path, store::SqliteMode::ReadOnly));
  return std::unique_ptr<Findings>(new Findings(std::move(writer), std::move(reader)));
}

// --- pictures ---

Result<std::int64_t> Findings::inventory_id(const std::string& text) {
  const std::string digest = digest_of(text);
  auto known = TRY(writer_.prepare("SELECT id FROM inventory WHERE digest = ?"));
  known.bind_all(digest);
  if (TRY(known.step())) return known.integer(0);
  TRY(writer_.run("INSERT INTO inventory(digest, content) VALUES(?, ?)", digest, text));
  return writer_.last_insert_id();
}

// Whether its software is another now.
Result<bool> Findings::put_one(const Picture& picture) {
  std::int64_t before = 0;
  std::int64_t observed = 0;
  std::string content;
  {
    auto row = TRY(writer_.prepare(
        "SELECT d.inventory, d.observed, i.content FROM device d JOIN inventory i ON i.id = "
        "d.inventory WHERE d.name = ?"));
    row.bind_all(picture.device_id);
    if (TRY(row.step())) {
      before = row.integer(0);
      observed = row.integer(1);
      content = row.string(2);
    }
  }
  const std::int64_t now_observed = to_integer(picture.observed);
  if (before != 0 && now_observed < observed) return false;
  Inventory whole;
  if (before != 0 && now_observed == observed) whole = Inventory::parse(content);
  whole.add(picture.inventory);
  const std::int64_t after = TRY(inventory_id(whole.to_text()));
  TRY(writer_.run(
      "INSERT INTO device(name, inventory, observed, received, judged_inventory, judged_bundles, "
      "judged, covered) VALUES(?, ?, ?, ?, 0, '', 0, 0) ON CONFLICT(name) DO UPDATE SET inventory "
      "= excluded.inventory, observed = excluded.observed, received = excluded.received",
      picture.device_id, after, now_observed, to_integer(picture.received)));
  if (after == before) return false;
  TRY(writer_.run(
      "DELETE FROM inventory WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM device WHERE inventory = "
      "?1)",
      before));
  return true;
}

Result<std::vector<std::string>> Findings::put(std::span<const Picture> pictures) {
  const std::lock_guard lock(writer_mutex_);
  auto transaction = TRY(Transaction::begin(writer_));
  std::vector<std::string> changed;
  for (const Picture& picture : pictures) {
    const bool other = TRY(put_one(picture));
    if (other) changed.push_back(picture.device_id);
  }
  TRY(transaction.commit());
  return changed;
}

Result<void> Findings::drop_finding(std::int64_t device, std::int64_t flaw) {
  TRY(writer_.run("DELETE FROM finding WHERE device = ? AND flaw = ?", device, flaw));
  return writer_.run(
      "DELETE FROM flaw WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM finding WHERE flaw = ?1)",
      flaw);
}

Result<void> Findings::forget(const std::string& device_id) {
  const std::lock_guard lock(writer_mutex_);
  auto transaction = TRY(Transaction::begin(writer_));
  std::vector<std::int64_t> flaws;
  std::int64_t device = 0;
  std::int64_t inventory = 0;
  {
    auto row = TRY(writer_.prepare("SELECT id, inventory FROM device WHERE name = ?"));
    row.bind_all(device_id);
    if (!TRY(row.step())) return {};
    device = row.integer(0);
    inventory = row.integer(1);
    auto found = TRY(writer_.prepare("SELECT flaw FROM finding WHERE device = ?"));
    found.bind_all(device);
    while (TRY(found.step()))
      flaws.push_back(found.integer(0));
  }
  for (const std::int64_t flaw : flaws)
    TRY(drop_finding(device, flaw));
  TRY(writer_.run("DELETE FROM device WHERE id = ?", device));
  TRY(writer_.run(
      "DELETE FROM inventory WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM device WHERE inventory = "
      "?1)",
      inventory));
  return transaction.commit();
}

// --- judging ---

Result<std::vector<Due>> Findings::due(std::string_view bundles, const Due& after,
                                       std::size_t limit) const {
  const std::lock_guard lock(reader_mutex_);
  auto row = TRY(
      reader_.prepare("SELECT id, inventory, name, covered FROM device WHERE (judged_bundles <> ?1 "
                      "OR judged_inventory <> "
                      "inventory) AND (inventory, id) > (?2, ?3) ORDER BY inventory, id LIMIT ?4"));
  row.bind_all(bundles, after.inventory, after.device, static_cast<std::int64_t>(limit));
  std::vector<Due> out;
  while (TRY(row.step()))
    out.push_back({row.integer(0), row.integer(1), row.string(2), row.integer(3) != 0});
  return out;
}

Result<std::int64_t> Findings::count_due(std::string_view bundles) const {
  const std::lock_guard lock(reader_mutex_);
  auto row = TRY(reader_.prepare(
      "SELECT count(*) FROM device WHERE judged_bundles <> ? OR judged_inventory <> inventory"));
  row.bind_all(bundles);
  if (!TRY(row.step())) return std::int64_t{0};
  return row.integer(0);
}

Result<Inventory> Findings::inventory(std::int64_t id) const {
  const std::lock_guard lock(reader_mutex_);
  auto row = TRY(reader_.prepare("SELECT content FROM inventory WHERE id = ?"));
  row.bind_all(id);
  if (!TRY(row.step())) return fail(Code::NotFound, "inventory");
  return Inventory::parse(row.text(0));
}

Result<std::int64_t> Findings::flaw_id(const Flaw& flaw) {
  const std::string digest =
      digest_of(fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", flaw.name, flaw.package,
                            flaw.installed, flaw.fixed, static_cast<int>(flaw.severity),
                            static_cast<int>(flaw.plan), flaw.score, flaw.release, flaw.binaries));
  auto known = TRY(writer_.prepare("SELECT id FROM flaw WHERE digest = ?"));
  known.bind_all(digest);
  if (TRY(known.step())) return known.integer(0);
  TRY(writer_.run(
      "INSERT INTO flaw(digest, name, package, installed, fixed, severity, plan, score, release, "
      "binaries) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      digest, flaw.name, flaw.package, flaw.installed, flaw.fixed, static_cast<int>(flaw.severity),
      static_cast<int>(flaw.plan), flaw.score, flaw.release, flaw.binaries));
  return writer_.last_insert_id();
}

Result<bool> Findings::replace(const Due& due, const std::vector<Flaw>& flaws, base::WallTime now) {
  const std::lock_guard lock(writer_mutex_);
  auto transaction = TRY(Transaction::begin(writer_));
  // It may have been deleted meanwhile.
  {
    auto row = TRY(writer_.prepare("SELECT 1 FROM device WHERE id = ? AND name = ?"));
    row.bind_all(due.device, due.device_id);
    if (!TRY(row.step())) return false;
  }
  // Something in another version, or with a fix now, is the same thing for those who wait for it.
  std::map<std::pair<std::string, std::string>, std::int64_t> since;
  std::unordered_set<std::int64_t> before;
  {
    auto row = TRY(writer_.prepare(
        "SELECT g.flaw, g.since, f.name, f.package FROM finding g JOIN flaw f ON f.id = g.flaw "
        "WHERE g.device = ?"));
    row.bind_all(due.device);
    while (TRY(row.step())) {
      before.insert(row.integer(0));
      const auto [place, is_new] =
          since.try_emplace({row.string(2), row.string(3)}, row.integer(1));
      if (!is_new) place->second = std::min(place->second, row.integer(1));
    }
  }
  for (const Flaw& flaw : flaws) {
    const std::int64_t id = TRY(flaw_id(flaw));
    if (before.erase(id) != 0) continue;
    const auto known = since.find({flaw.name, flaw.package});
    TRY(writer_.run("INSERT OR IGNORE INTO finding VALUES(?, ?, ?)", due.device, id,
                    known == since.end() ? to_integer(now) : known->second));
  }
  for (const std::int64_t gone : before)
    TRY(drop_finding(due.device, gone));
  TRY(transaction.commit());
  return true;
}

Result<void> Findings::judged(std::span<const Due> devices, std::string_view bundles,
                              base::WallTime now) {
  const std::lock_guard lock(writer_mutex_);
  auto transaction = TRY(Transaction::begin(writer_));
  for (const Due& each : devices) {
    TRY(writer_.run(
        "UPDATE device SET judged_inventory = ?, judged_bundles = ?, judged = ?, covered = ? WHERE "
        "id = ? AND name = ?",
        each.inventory, bundles, to_integer(now), each.covered, each.device, each.device_id));
  }
  return transaction.commit();
}

// --- what is asked ---

Result<DeviceState> Findings::device(const std::string& device_id) const {
  const std::lock_guard lock(reader_mutex_);
  DeviceState state;
  std::int64_t id = 0;
  {
    auto row = TRY(reader_.prepare(
        "SELECT d.id, d.received, d.judged, d.covered, i.content FROM device d JOIN inventory i ON "
        "i.id = d.inventory WHERE d.name = ?"));
    row.bind_all(device_id);
    if (!TRY(row.step())) return fail(Code::NotFound, "device", -1, device_id);
    id = row.integer(0);
    state.received = to_time(row.integer(1));
    if (row.integer(2) != 0) state.judged = to_time(row.integer(2));
    state.covered = row.integer(3) != 0;
    const std::string_view content = row.text(4);
    state.release = content.substr(0, content.find('\n'));
    state.packages = std::ranges::count(content, '\n');
  }
  auto row = TRY(reader_.prepare(
      "SELECT coalesce(sum(f.fixed <> ''), 0), coalesce(sum(f.fixed = ''), 0) FROM finding g JOIN "
      "flaw f ON f.id = g.flaw WHERE " +
      conditions({}) + " AND g.device = ?4"));
  bind_conditions(row, {});
  row.bind(4, id);
  if (TRY(row.step())) {
    state.fixable = row.integer(0);
    state.open = row.integer(1);
  }
  return state;
}

Result<Page<Finding>> Findings::of_device(const std::string& device_id,
                                          const Filter& filter) const {
  const std::int64_t offset = TRY(offset_of(filter));
  const std::lock_guard lock(reader_mutex_);
  const std::string from =
      " FROM device d JOIN finding g ON g.device = d.id JOIN flaw f ON f.id = g.flaw WHERE " +
      conditions(filter) + " AND d.name = ?4";
  Page<Finding> page;
  {
    auto count = TRY(reader_.prepare("SELECT count(*)" + from));
    bind_conditions(count, filter);
    count.bind(4, device_id);
    if (TRY(count.step())) page.total = count.integer(0);
  }
  auto row =
      TRY(reader_.prepare(fmt::format("SELECT {}, g.since{} ORDER BY f.fixed = '', f.severity "
                                      "DESC, f.score DESC, f.name, f.package "
                                      "LIMIT ?5 OFFSET ?6",
                                      kFlawColumns, from)));
  bind_conditions(row, filter);
  row.bind(4, device_id);
  row.bind(5, static_cast<std::int64_t>(filter.limit));
  row.bind(6, offset);
  while (TRY(row.step()))
    page.items.push_back({read_flaw(row, 0), to_time(row.integer(kFlawColumnCount))});
  finish(page, offset);
  return page;
}

Result<Page<FleetFlaw>> Findings::fleet(const Filter& filter) const {
  const std::int64_t offset = TRY(offset_of(filter));
  const std::lock_guard lock(reader_mutex_);
  const std::string from =
      " FROM flaw f JOIN finding g ON g.flaw = f.id WHERE " + conditions(filter);
  Page<FleetFlaw> page;
  {
    auto count = TRY(reader_.prepare("SELECT count(DISTINCT f.name)" + from));
    bind_conditions(count, filter);
    if (TRY(count.step())) page.total = count.integer(0);
  }
  auto row = TRY(reader_.prepare(
      "SELECT f.name, max(f.severity) AS severity, max(f.score), count(DISTINCT g.device) AS "
      "devices, count(DISTINCT CASE WHEN f.fixed <> '' THEN g.device END), "
      "group_concat(DISTINCT f.package), min(g.since)" +
      from + " GROUP BY f.name ORDER BY severity DESC, devices DESC, f.name LIMIT ?4 OFFSET ?5"));
  bind_conditions(row, filter);
  row.bind(4, static_cast<std::int64_t>(filter.limit));
  row.bind(5, offset);
  while (TRY(row.step())) {
    FleetFlaw each;
    each.name = row.string(0);
    each.severity = static_cast<advisories::Severity>(std::clamp<std::int64_t>(
        row.integer(1), 0, static_cast<std::int64_t>(advisories::Severity::Critical)));
    each.score = row.real(2);
    each.devices = row.integer(3);
    each.fixable = row.integer(4);
    for (const std::string_view package : base::split(row.text(5), ','))
      each.packages.emplace_back(package);
    std::ranges::sort(each.packages);
    each.since = to_time(row.integer(6));
    page.items.push_back(std::move(each));
  }
  finish(page, offset);
  return page;
}

Result<Page<DeviceFinding>> Findings::devices_with(const std::string& name,
                                                   const Filter& filter) const {
  const std::int64_t offset = TRY(offset_of(filter));
  const std::lock_guard lock(reader_mutex_);
  constexpr std::string_view kFrom =
      " FROM flaw f JOIN finding g ON g.flaw = f.id JOIN device d ON d.id = g.device WHERE f.name "
      "= ?1";
  Page<DeviceFinding> page;
  {
    auto count = TRY(reader_.prepare(fmt::format("SELECT count(*){}", kFrom)));
    count.bind_all(name);
    if (TRY(count.step())) page.total = count.integer(0);
  }
  auto row = TRY(reader_.prepare(
      fmt::format("SELECT {}, g.since, d.name{} ORDER BY d.name, f.package LIMIT ?2 OFFSET ?3",
                  kFlawColumns, kFrom)));
  row.bind_all(name, static_cast<std::int64_t>(filter.limit), offset);
  while (TRY(row.step())) {
    page.items.push_back({row.string(kFlawColumnCount + 1),
                          {read_flaw(row, 0), to_time(row.integer(kFlawColumnCount))}});
  }
  finish(page, offset);
  return page;
}

Result<FleetState> Findings::state(std::string_view bundles) const {
  FleetState out;
  out.waiting = TRY(count_due(bundles));
  const std::lock_guard lock(reader_mutex_);
  {
    auto row = TRY(reader_.prepare("SELECT count(*), coalesce(sum(covered = 0), 0) FROM device"));
    if (TRY(row.step())) {
      out.devices = row.integer(0);
      out.uncovered = row.integer(1);
    }
  }
  auto row = TRY(
      reader_.prepare("SELECT count(DISTINCT g.device) FROM flaw f JOIN finding g ON g.flaw = f.id "
                      "WHERE " +
                      conditions({.fix = Fix::Available})));
  bind_conditions(row, {});
  if (TRY(row.step())) out.vulnerable = row.integer(0);
  return out;
}

}  // namespace hub::vulnerabilities
