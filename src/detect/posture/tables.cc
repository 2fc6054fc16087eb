#include "detect/posture/tables.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

#include "base/id.h"
#include "kql/ticks.h"

namespace detect::posture {
namespace {

using base::json::Value;
using base::json::Writer;
using store::Sqlite;
using store::Statement;

// Items that a row of SecurityRecommendation tells; the rest is counted.
constexpr std::size_t kRowItems = 100;

constexpr std::array<std::string_view, 1> kMigrations = {R"sql(
CREATE TABLE posture_device(
  device_id TEXT PRIMARY KEY, own_tag TEXT NOT NULL, module_tag TEXT NOT NULL,
  security_group TEXT NOT NULL GENERATED ALWAYS AS (CASE WHEN module_tag <> '' THEN module_tag
    WHEN own_tag <> '' THEN own_tag ELSE 'default' END) STORED) WITHOUT ROWID, STRICT;
CREATE INDEX posture_device_group ON posture_device(security_group);
CREATE TABLE posture_assessment(
  recommendation TEXT NOT NULL, device_id TEXT NOT NULL, state INTEGER NOT NULL,
  severity INTEGER NOT NULL, first_evaluated INTEGER NOT NULL, evaluated INTEGER NOT NULL,
  observed INTEGER NOT NULL, changed INTEGER NOT NULL, discovered INTEGER NOT NULL,
  resolved INTEGER NOT NULL, credit REAL NOT NULL, item_count INTEGER NOT NULL,
  accepted_count INTEGER NOT NULL, PRIMARY KEY(recommendation, device_id)) WITHOUT ROWID, STRICT;
CREATE INDEX posture_assessment_device ON posture_assessment(device_id);
CREATE TABLE posture_item(
  recommendation TEXT NOT NULL, device_id TEXT NOT NULL, key TEXT NOT NULL, title TEXT NOT NULL,
  severity INTEGER NOT NULL, detail TEXT NOT NULL, since INTEGER NOT NULL,
  exception INTEGER NOT NULL, PRIMARY KEY(recommendation, device_id, key)) WITHOUT ROWID, STRICT;
CREATE INDEX posture_item_key ON posture_item(recommendation, key);
CREATE TABLE posture_exception(
  id INTEGER PRIMARY KEY AUTOINCREMENT, recommendation TEXT NOT NULL, device_id TEXT NOT NULL,
  security_group TEXT NOT NULL, item TEXT NOT NULL, reason TEXT NOT NULL, actor TEXT NOT NULL,
  created INTEGER NOT NULL, expires INTEGER NOT NULL) STRICT;
CREATE TABLE posture_setting(
  device_id TEXT NOT NULL, module_id TEXT NOT NULL, digest TEXT NOT NULL,
  PRIMARY KEY(device_id, module_id)) WITHOUT ROWID, STRICT;
CREATE TABLE posture_outbox(
  position INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, device_id TEXT NOT NULL,
  id TEXT NOT NULL, recommendation TEXT NOT NULL, severity TEXT NOT NULL, state TEXT NOT NULL,
  discovered INTEGER NOT NULL, first_evaluated INTEGER NOT NULL, changed INTEGER NOT NULL,
  resolved INTEGER NOT NULL, additional TEXT NOT NULL, properties TEXT NOT NULL) STRICT;
)sql"};

// What an item is beyond its columns.
std::string detail_json(const Item& item) {
  std::string out;
  Writer writer(out);
  const auto texts = [&writer](std::string_view name, const std::vector<std::string>& list) {
    writer.key(name);
    writer.begin_array();
    for (const std::string& text : list)
      writer.value(text);
    writer.end_array();
  };
  writer.begin_object();
  texts("steps", item.steps);
  texts("commands", item.commands);
  writer.key("facts");
  item.facts.write(writer);
  writer.end_object();
  return out;
}

std::vector<std::string> texts_of(const Value* list) {
  std::vector<std::string> out;
  if (list == nullptr || list->if_array() == nullptr) return out;
  for (const Value& text : *list->if_array()) {
    if (text.if_string() != nullptr) out.push_back(*text.if_string());
  }
  return out;
}

base::Result<void> read_detail(std::string_view json, Item& item) {
  const auto detail = TRY(base::json::parse(json));
  item.steps = texts_of(detail.find("steps"));
  item.commands = texts_of(detail.find("commands"));
  if (const Value* facts = detail.find("facts")) item.facts = *facts;
  return {};
}

bool same(const KeptItem& a, const KeptItem& b) {
  return a.item.title == b.item.title && a.item.severity == b.item.severity && a.since == b.since &&
         a.exception == b.exception && detail_json(a.item) == detail_json(b.item);
}

std::int64_t ticks_of(std::int64_t nanoseconds) {
  return nanoseconds == 0 ? 0 : kql::to_ticks(to_time(nanoseconds));
}

// The word under which a recommendation's items stand in RecommendationAdditionalData.
std::string_view data_name(Kind kind) {
  switch (kind) {
    case Kind::OpenPorts:
      return "OpenPorts";
    case Kind::FirewallPolicy:
      return "Policies";
    case Kind::FirewallInput:
    case Kind::FirewallOutput:
      return "Rules";
    case Kind::Baseline:
      return "FailedChecks";
    case Kind::KnownVulnerabilities:
      return "VulnerablePackages";
    default:
      return "Items";
  }
}

// As published: a member whose value is a text of JSON, a list of what was seen.
std::string additional_data(Kind kind, const std::vector<KeptItem>& items) {
  std::string list;
  Writer writer(list);
  writer.begin_array();
  std::size_t told = 0;
  for (const KeptItem& kept : items) {
    if (kept.exception != 0 || told++ >= kRowItems) continue;
    writer.begin_object();
    writer.field("Key", kept.item.key);
    writer.field("Title", kept.item.title);
    writer.field("Severity", detect::to_string(kept.item.severity));
    for (const base::json::Member& fact : *kept.item.facts.if_object()) {
      writer.key(fact.name);
      fact.value.write(writer);
    }
    writer.end_object();
  }
  writer.end_array();
  std::string out;
  Writer object(out);
  object.begin_object();
  object.field(data_name(kind), list);
  object.end_object();
  return out;
}

std::string properties(const Assessment& assessment, std::string_view reason) {
  std::string out;
  Writer writer(out);
  writer.begin_object();
  writer.field("Items", assessment.item_count);
  writer.field("AcceptedItems", assessment.accepted_count);
  if (!assessment.group.empty()) writer.field("SecurityGroup", assessment.group);
  if (!reason.empty()) writer.field("Reason", reason);
  writer.field("Remediation", recommendation(assessment.kind).remediation);
  writer.end_object();
  return out;
}

std::string_view row_state(State state) {
  switch (state) {
    case State::Active:
      return "Active";
    case State::Resolved:
      return "Resolved";
    case State::Dismissed:
      break;
  }
  return "Dismissed";
}

}  // namespace

std::span<const std::string_view> posture_migrations() {
  return kMigrations;
}

std::int64_t first_expiry(const std::vector<Exception>& exceptions) {
  std::int64_t first = std::numeric_limits<std::int64_t>::max();
  for (const Exception& exception : exceptions) {
    if (exception.expires) first = std::min(first, to_integer(*exception.expires));
  }
  return first;
}

std::int64_t to_integer(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime to_time(std::int64_t nanoseconds) {
  return base::WallTime(std::chrono::nanoseconds(nanoseconds));
}
std::optional<base::WallTime> to_optional_time(std::int64_t nanoseconds) {
  if (nanoseconds == 0) return std::nullopt;
  return to_time(nanoseconds);
}

std::optional<Assessment> read_assessment(const Statement& row) {
  const Recommendation* known = find_recommendation(row.text(0));
  if (known == nullptr) return std::nullopt;
  Assessment out;
  out.kind = known->kind;
  out.device_id = row.string(1);
  out.group = row.string(2);
  out.state = static_cast<State>(std::clamp<std::int64_t>(row.integer(3), 0, 2));
  out.severity = static_cast<Severity>(std::clamp<std::int64_t>(row.integer(4), 0, 3));
  out.first_evaluated = to_time(row.integer(5));
  out.evaluated = to_time(row.integer(6));
  out.observed = to_time(row.integer(7));
  out.changed = to_time(row.integer(8));
  out.discovered = to_optional_time(row.integer(9));
  out.resolved = to_optional_time(row.integer(10));
  out.credit = row.real(11);
  out.item_count = row.integer(12);
  out.accepted_count = row.integer(13);
  return out;
}

base::Result<std::optional<Assessment>> find_assessment(Sqlite& db, Kind kind,
                                                        std::string_view device_id) {
  auto row =
      TRY(db.prepare(fmt::format("SELECT {} FROM {} WHERE a.recommendation = ? AND "
                                 "a.device_id = ?",
                                 kAssessmentColumns, kAssessmentTables)));
  row.bind_all(recommendation(kind).name, device_id);
  if (!TRY(row.step())) return std::optional<Assessment>();
  return read_assessment(row);
}

base::Result<void> put_assessment(Sqlite& db, const Assessment& a) {
  const auto time = [](const std::optional<base::WallTime>& given) {
    return given ? to_integer(*given) : std::int64_t{0};
  };
  return db.run(
      "INSERT OR REPLACE INTO posture_assessment VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
      "?, ?)",
      recommendation(a.kind).name, a.device_id, static_cast<int>(a.state),
      static_cast<int>(a.severity), to_integer(a.first_evaluated), to_integer(a.evaluated),
      to_integer(a.observed), to_integer(a.changed), time(a.discovered), time(a.resolved), a.credit,
      a.item_count, a.accepted_count);
}

base::Result<std::vector<KeptItem>> read_kept(Sqlite& db, Kind kind, std::string_view device_id) {
  auto row = TRY(
      db.prepare("SELECT key, title, severity, detail, since, exception FROM posture_item WHERE "
                 "recommendation = ? AND device_id = ? ORDER BY severity DESC, key"));
  row.bind_all(recommendation(kind).name, device_id);
  std::vector<KeptItem> items;
  while (TRY(row.step())) {
    KeptItem kept;
    kept.item.key = row.string(0);
    kept.item.title = row.string(1);
    kept.item.severity = static_cast<Severity>(std::clamp<std::int64_t>(row.integer(2), 0, 3));
    TRY(read_detail(row.text(3), kept.item));
    kept.since = to_time(row.integer(4));
    kept.exception = row.integer(5);
    items.push_back(std::move(kept));
  }
  return items;
}

base::Result<bool> replace_kept(Sqlite& db, const Assessment& of,
                                const std::vector<KeptItem>& before,
                                const std::vector<KeptItem>& after) {
  const std::string_view name = recommendation(of.kind).name;
  const auto find = [](const std::vector<KeptItem>& items, const std::string& key) {
    return std::ranges::find_if(items, [&](const KeptItem& kept) { return kept.item.key == key; });
  };
  bool other_keys = false;
  for (const KeptItem& gone : before) {
    if (find(after, gone.item.key) != after.end()) continue;
    TRY(db.run("DELETE FROM posture_item WHERE recommendation = ? AND device_id = ? AND key = ?",
               name, of.device_id, gone.item.key));
    other_keys = true;
  }
  for (const KeptItem& kept : after) {
    const auto known = find(before, kept.item.key);
    if (known != before.end() && same(*known, kept)) continue;
    other_keys = other_keys || known == before.end();
    TRY(db.run("INSERT OR REPLACE INTO posture_item VALUES(?, ?, ?, ?, ?, ?, ?, ?)", name,
               of.device_id, kept.item.key, kept.item.title, static_cast<int>(kept.item.severity),
               detail_json(kept.item), to_integer(kept.since), kept.exception));
  }
  return other_keys;
}

base::Result<std::vector<Exception>> read_exceptions(Sqlite& db) {
  auto row = TRY(db.prepare(
      "SELECT id, recommendation, device_id, security_group, item, reason, actor, created, "
      "expires FROM posture_exception ORDER BY id"));
  std::vector<Exception> all;
  while (TRY(row.step())) {
    const Recommendation* known = find_recommendation(row.text(1));
    if (known == nullptr) continue;
    Exception exception;
    exception.id = row.integer(0);
    exception.kind = known->kind;
    exception.device_id = row.string(2);
    exception.group = row.string(3);
    exception.item = row.string(4);
    exception.reason = row.string(5);
    exception.actor = row.string(6);
    exception.created = to_time(row.integer(7));
    exception.expires = to_optional_time(row.integer(8));
    all.push_back(std::move(exception));
  }
  return all;
}

base::Result<std::optional<std::string>> find_group(Sqlite& db, std::string_view device_id) {
  auto row = TRY(db.prepare("SELECT security_group FROM posture_device WHERE device_id = ?"));
  row.bind_all(device_id);
  if (!TRY(row.step())) return std::optional<std::string>();
  return std::optional(row.string(0));
}

base::Result<void> put_tag(Sqlite& db, std::string_view device_id, TagOf of,
                           std::string_view group) {
  return db.run(
      fmt::format("INSERT INTO posture_device(device_id, own_tag, module_tag) VALUES(?1, {}) ON "
                  "CONFLICT DO UPDATE SET {} = ?2",
                  of == TagOf::Device ? "?2, ''" : "'', ?2",
                  of == TagOf::Device ? "own_tag" : "module_tag"),
      device_id, group);
}

base::Result<void> add_row(Sqlite& db, const Assessment& a, const std::vector<KeptItem>& items,
                           std::string_view reason, base::WallTime now) {
  const Recommendation& what = recommendation(a.kind);
  const std::string id =
      base::Guid::derived("recommendation", fmt::format("{}\n{}", what.name, a.device_id))
          .to_string();
  const auto time = [](const std::optional<base::WallTime>& given) {
    return given ? to_integer(*given) : std::int64_t{0};
  };
  return db.run(
      "INSERT INTO posture_outbox(time, device_id, id, recommendation, severity, state, "
      "discovered, "
      "first_evaluated, changed, resolved, additional, properties) VALUES(?, ?, ?, ?, ?, ?, ?, ?, "
      "?, ?, ?, ?)",
      to_integer(now), a.device_id, id, what.name, detect::to_string(a.severity),
      row_state(a.state), time(a.discovered), to_integer(a.first_evaluated), to_integer(a.changed),
      time(a.resolved), additional_data(a.kind, items), properties(a, reason));
}

base::Result<void> read_rows(Sqlite& db, std::uint64_t after, std::size_t limit,
                             store::Batch& batch) {
  auto row = TRY(db.prepare(
      "SELECT position, time, device_id, id, recommendation, severity, state, discovered, "
      "first_evaluated, changed, resolved, additional, properties FROM posture_outbox WHERE "
      "position > ? ORDER BY position LIMIT ?"));
  row.bind_all(static_cast<std::int64_t>(after), static_cast<std::int64_t>(limit));
  while (TRY(row.step())) {
    store::RecommendationRow out;
    out.outbox = static_cast<std::uint64_t>(row.integer(0));
    out.time_generated = ticks_of(row.integer(1));
    out.device_id = batch.keep(row.text(2));
    out.id = batch.keep(row.text(3));
    const Recommendation* what = find_recommendation(row.text(4));
    out.name = batch.keep(row.text(4));
    if (what != nullptr) {
      out.display_name = what->title;
      out.description = what->description;
    }
    out.severity = batch.keep(row.text(5));
    out.state = batch.keep(row.text(6));
    out.discovered = ticks_of(row.integer(7));
    out.first_evaluated = ticks_of(row.integer(8));
    out.state_changed = ticks_of(row.integer(9));
    out.resolved = ticks_of(row.integer(10));
    out.additional_data = batch.keep(row.text(11));
    out.properties = batch.keep(row.text(12));
    batch.recommendations.push_back(out);
  }
  return {};
}

}  // namespace detect::posture
