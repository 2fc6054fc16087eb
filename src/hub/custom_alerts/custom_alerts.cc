#include "hub/custom_alerts/custom_alerts.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "detect/custom/document.h"
#include "os/file.h"
#include "store/sqlite.h"

namespace hub::custom_alerts {

using base::Code;
using base::fail;
using base::Result;
using detect::custom::Kind;
using detect::custom::Rule;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE custom_alerts (
    id TEXT NOT NULL PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    definition TEXT NOT NULL,
    since INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    version INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE custom_alert_files (
    key TEXT NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL
  ) STRICT;
)sql"};

constexpr std::string_view kColumns =
    "id, definition, since, created, updated, updated_by, version";

std::int64_t ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime time_at(std::int64_t ticks) {
  return base::WallTime(std::chrono::nanoseconds(ticks));
}

std::string json_of(const Definition& definition) {
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  write_members(writer, definition);
  writer.end_object();
  return json;
}

Result<Entry> entry_at(const store::Statement& row) {
  Entry out;
  out.id = row.string(0);
  const auto json = TRY(base::json::parse(row.text(1)));
  out.definition = TRY(detect::custom::read_definition(json));
  out.key = id_of(out.definition);
  out.since = time_at(row.integer(2));
  out.created = time_at(row.integer(3));
  out.updated = time_at(row.integer(4));
  out.updated_by = row.string(5);
  out.etag = std::to_string(row.integer(6));
  return out;
}

bool in_order(const Entry& a, const Entry& b) {
  const auto place = [](const Entry& entry) {
    return std::tuple(std::string_view(entry.definition.group), entry.definition.type,
                      entry.definition.window, entry.definition.mode, std::string_view(entry.id));
  };
  return place(a) < place(b);
}

bool is_document(const std::filesystem::path& path) {
  return path.extension() == ".yml" || path.extension() == ".yaml" || path.extension() == ".json";
}

// The folder's files, and what shows that one has changed.
std::map<std::string, std::string> look_at(const std::string& folder) {
  std::map<std::string, std::string> out;
  std::error_code error;
  if (folder.empty()) return out;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    std::error_code gone;
    if (!entry.is_regular_file(gone) || !is_document(entry.path())) continue;
    out[entry.path().string()] = fmt::format(
        "{} {}", entry.file_size(gone), entry.last_write_time(gone).time_since_epoch().count());
  }
  return out;
}

std::unexpected<base::Error> there_is_one(const Definition& definition) {
  return fail(Code::Exists, "custom alert", -1,
              fmt::format("the group '{}' has {} for this {} already", definition.group,
                          definition.info().name,
                          definition.info().kind == Kind::Range ? "window" : "kind of list"));
}

}  // namespace

struct CustomAlerts::State {
  State(Options given, store::Sqlite opened) : options(std::move(given)), db(std::move(opened)) {}

  const Options options;
  mutable std::mutex mutex;  // guards all below
  store::Sqlite db;
  std::vector<Entry> entries;  // of the database
  std::vector<Entry> files;
  std::vector<Problem> problems;
  std::map<std::string, std::string> last_look;
  std::map<std::string, std::string> read_look;
  Sink sink;

  Result<void> read_entries();
  Result<void> read_files(base::WallTime now);
  Result<base::WallTime> since_of(const std::string& key, base::WallTime now);
  const Entry* find_key(std::string_view key) const;
  Result<Entry*> changeable(std::string_view id, std::string_view etag);
  Result<void> insert(Entry& entry);
  Result<void> update(const Entry& entry);
  Result<void> put(const Definition& definition, std::string_view actor, base::WallTime now,
                   Imported& done);
  Result<void> check_room() const;
  void publish();
};

Result<void> CustomAlerts::State::read_entries() {
  entries.clear();
  auto rows = TRY(db.prepare(fmt::format("SELECT {} FROM custom_alerts", kColumns)));
  while (TRY(rows.step()))
    entries.push_back(TRY(entry_at(rows)));
  return {};
}

const Entry* CustomAlerts::State::find_key(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &Entry::key);
  if (found != entries.end()) return &*found;
  const auto file = std::ranges::find(files, key, &Entry::key);
  return file == files.end() ? nullptr : &*file;
}

// When a definition of a file was first seen: its windows begin there, whatever starts again.
Result<base::WallTime> CustomAlerts::State::since_of(const std::string& key, base::WallTime now) {
  TRY(db.run("INSERT INTO custom_alert_files VALUES (?, ?) ON CONFLICT DO NOTHING", key,
             ticks(now)));
  auto row = TRY(db.prepare("SELECT since FROM custom_alert_files WHERE key = ?"));
  row.bind_all(key);
  TRY(row.step());
  return time_at(row.integer(0));
}

Result<void> CustomAlerts::State::read_files(base::WallTime now) {
  read_look = look_at(options.folder);
  files.clear();
  problems.clear();
  auto transaction = TRY(store::Transaction::begin(db));
  for (const auto& [path, look] : read_look) {
    const auto complain = [&](std::string message) {
      LOG_WARNING("custom_alerts.file").field("file", path).field("problem", message);
      problems.push_back({path, std::move(message)});
    };
    const auto text = os::read_file(path, detect::custom::kMaxDocument);
    if (!text) {
      complain(text.error().to_string());
      continue;
    }
    const auto definitions = detect::custom::read_document(*text);
    if (!definitions) {
      complain(definitions.error().detail);
      continue;
    }
    for (const Definition& definition : *definitions) {
      std::string key = id_of(definition);
      if (const Entry* known = find_key(key)) {
        complain(fmt::format("{}; it is in {}", there_is_one(definition).error().detail,
                             known->file.empty() ? "what was made by hand" : known->file));
        continue;
      }
      Entry entry;
      entry.definition = definition;
      entry.since = entry.created = entry.updated = TRY(since_of(key, now));
      entry.id = entry.key = std::move(key);
      entry.file = path;
      entry.updated_by = "file";
      files.push_back(std::move(entry));
    }
  }
  std::string keys;
  base::json::Writer writer(keys);
  writer.begin_array();
  for (const Entry& entry : files)
    writer.value(entry.id);
  writer.end_array();
  TRY(db.run("DELETE FROM custom_alert_files WHERE key NOT IN (SELECT value FROM json_each(?))",
             keys));
  return transaction.commit();
}

Result<void> CustomAlerts::State::check_room() const {
  if (entries.size() < options.max_alerts) return {};
  return fail(Code::Full, "too many custom alerts", -1,
              fmt::format("at most {}", options.max_alerts));
}

Result<Entry*> CustomAlerts::State::changeable(std::string_view id, std::string_view etag) {
  const auto found = std::ranges::find(entries, id, &Entry::id);
  if (found == entries.end()) {
    const auto file = std::ranges::find(files, id, &Entry::id);
    if (file != files.end())
      return fail(Code::Denied, "it comes from a file", -1, "change " + file->file + " instead");
    return fail(Code::NotFound, "there is no such custom alert");
  }
  if (!etag.empty() && etag != "*" && etag != found->etag)
    return fail(Code::Conflict, "it was changed in between; read it again");
  return &*found;
}

Result<void> CustomAlerts::State::insert(Entry& entry) {
  TRY(db.run("INSERT INTO custom_alerts VALUES (?, ?, ?, ?, ?, ?, ?, 1)", entry.id, entry.key,
             json_of(entry.definition), ticks(entry.since), ticks(entry.created),
             ticks(entry.updated), entry.updated_by));
  entry.etag = "1";
  return {};
}

Result<void> CustomAlerts::State::update(const Entry& entry) {
  return db.run(
      "UPDATE custom_alerts SET key = ?, definition = ?, since = ?, updated = ?, updated_by = ?, "
      "version = ? WHERE id = ?",
      entry.key, json_of(entry.definition), ticks(entry.since), ticks(entry.updated),
      entry.updated_by, base::parse_int(entry.etag).value_or(1), entry.id);
}

namespace {

Entry new_entry(const Definition& definition, std::string_view actor, base::WallTime now) {
  Entry out;
  out.id = base::Guid::random().to_string();
  out.definition = definition;
  out.key = id_of(definition);
  out.since = out.created = out.updated = now;
  out.updated_by = actor;
  return out;
}

Entry changed_entry(const Entry& before, const Definition& definition, std::string_view actor,
                    base::WallTime now) {
  Entry out = before;
  out.key = id_of(definition);
  // What is counted is something else then, or in other windows.
  if (before.key != out.key) out.since = now;
  // What was not looked at meanwhile makes a window partial.
  if (!before.definition.enabled && definition.enabled) out.since = now;
  out.definition = definition;
  out.updated = now;
  out.updated_by = actor;
  out.etag = std::to_string(base::parse_int(before.etag).value_or(0) + 1);
  return out;
}

}  // namespace

Result<void> CustomAlerts::State::put(const Definition& definition, std::string_view actor,
                                      base::WallTime now, Imported& done) {
  TRY(check(definition));
  const Entry* known = find_key(id_of(definition));
  if (known == nullptr) {
    TRY(check_room());
    Entry entry = new_entry(definition, actor, now);
    TRY(insert(entry));
    entries.push_back(std::move(entry));
    ++done.created;
  } else if (known->definition == definition) {
    ++done.unchanged;
  } else if (!known->file.empty()) {
    return there_is_one(definition);
  } else {
    Entry entry = changed_entry(*known, definition, actor, now);
    TRY(update(entry));
    *std::ranges::find(entries, entry.id, &Entry::id) = std::move(entry);
    ++done.changed;
  }
  return {};
}

void CustomAlerts::State::publish() {
  if (!sink) return;
  std::vector<std::shared_ptr<const Rule>> rules;
  rules.reserve(entries.size() + files.size());
  for (const std::vector<Entry>* source : {&entries, &files}) {
    for (const Entry& entry : *source)
      rules.push_back(std::make_shared<const Rule>(entry.id, entry.definition, entry.since));
  }
  sink(std::move(rules));
}

Result<std::unique_ptr<CustomAlerts>> CustomAlerts::open(Options options, base::WallTime now) {
  auto db = TRY(store::Sqlite::open(options.path));
  TRY(db.migrate("custom_alerts", kSteps));
  auto state = std::make_unique<State>(std::move(options), std::move(db));
  TRY(state->read_entries());
  TRY(state->read_files(now));
  state->last_look = state->read_look;
  return std::unique_ptr<CustomAlerts>(new CustomAlerts(std::move(state)));
}

CustomAlerts::CustomAlerts(std::unique_ptr<State> state) : state_(std::move(state)) {}
CustomAlerts::~CustomAlerts() = default;

Result<std::vector<Entry>> CustomAlerts::list(const Filter& filter) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Entry> out;
  for (const std::vector<Entry>* source : {&state_->entries, &state_->files}) {
    for (const Entry& entry : *source) {
      if (!filter.group.empty() && entry.definition.group != filter.group) continue;
      if (filter.type && entry.definition.type != *filter.type) continue;
      out.push_back(entry);
    }
  }
  std::ranges::sort(out, in_order);
  return out;
}

Result<Entry> CustomAlerts::get(std::string_view id) const {
  const std::lock_guard lock(state_->mutex);
  for (const std::vector<Entry>* source : {&state_->entries, &state_->files}) {
    const auto found = std::ranges::find(*source, id, &Entry::id);
    if (found != source->end()) return *found;
  }
  return fail(Code::NotFound, "there is no such custom alert");
}

Result<Entry> CustomAlerts::create(const Definition& definition, std::string_view actor,
                                   base::WallTime now) {
  TRY(check(definition));
  const std::lock_guard lock(state_->mutex);
  TRY(state_->check_room());
  if (state_->find_key(id_of(definition)) != nullptr) return there_is_one(definition);
  Entry entry = new_entry(definition, actor, now);
  TRY(state_->insert(entry));
  state_->entries.push_back(entry);
  state_->publish();
  return entry;
}

Result<Entry> CustomAlerts::replace(std::string_view id, const Definition& definition,
                                    std::string_view etag, std::string_view actor,
                                    base::WallTime now) {
  TRY(check(definition));
  const std::lock_guard lock(state_->mutex);
  Entry* const before = TRY(state_->changeable(id, etag));
  const Entry* other = state_->find_key(id_of(definition));
  if (other != nullptr && other != before) return there_is_one(definition);
  Entry entry = changed_entry(*before, definition, actor, now);
  TRY(state_->update(entry));
  *before = entry;
  state_->publish();
  return entry;
}

Result<void> CustomAlerts::remove(std::string_view id, std::string_view etag) {
  const std::lock_guard lock(state_->mutex);
  Entry* const found = TRY(state_->changeable(id, etag));
  TRY(state_->db.run("DELETE FROM custom_alerts WHERE id = ?", id));
  state_->entries.erase(state_->entries.begin() + (found - state_->entries.data()));
  state_->publish();
  return {};
}

Result<Imported> CustomAlerts::import(std::span<const Definition> definitions, ImportMode mode,
                                      DryRun dry_run, std::string_view actor, base::WallTime now) {
  const std::lock_guard lock(state_->mutex);
  const std::vector<Entry> before = state_->entries;
  const auto run = [&]() -> Result<Imported> {
    Imported done;
    auto transaction = TRY(store::Transaction::begin(state_->db));
    if (mode == ImportMode::Replace) {
      std::set<std::string> kept;
      for (const Definition& definition : definitions)
        kept.insert(id_of(definition));
      for (const Entry& entry : before) {
        if (kept.contains(entry.key)) continue;
        TRY(state_->db.run("DELETE FROM custom_alerts WHERE id = ?", entry.id));
        std::erase_if(state_->entries, [&](const Entry& each) { return each.id == entry.id; });
        ++done.removed;
      }
    }
    for (const Definition& definition : definitions)
      TRY(state_->put(definition, actor, now, done));
    if (dry_run == DryRun::No) TRY(transaction.commit());
    return done;
  };
  auto done = run();
  if (!done || dry_run == DryRun::Yes) {
    state_->entries = before;
  } else {
    state_->publish();
  }
  return done;
}

Result<bool> CustomAlerts::follow(base::WallTime now) {
  auto look = look_at(state_->options.folder);
  const std::lock_guard lock(state_->mutex);
  // Only when nobody is writing just now.
  const bool settled = look == state_->last_look;
  state_->last_look = std::move(look);
  if (!settled || state_->last_look == state_->read_look) return false;
  TRY(state_->read_files(now));
  state_->publish();
  return true;
}

std::vector<Problem> CustomAlerts::problems() const {
  const std::lock_guard lock(state_->mutex);
  return state_->problems;
}

void CustomAlerts::on_change(Sink sink) {
  const std::lock_guard lock(state_->mutex);
  state_->sink = std::move(sink);
  state_->publish();
}

}  // namespace hub::custom_alerts
