#include "hub/rules/rules.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "store/sqlite.h"

namespace hub::rules {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE rule_settings (
    rule TEXT NOT NULL PRIMARY KEY,
    enabled INTEGER NOT NULL,
    severity TEXT,
    comment TEXT NOT NULL,
    updated INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    version INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE rule_texts (
    id TEXT NOT NULL PRIMARY KEY,
    kind INTEGER NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    comment TEXT NOT NULL,
    created INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    version INTEGER NOT NULL
  ) STRICT;
)sql"};

constexpr std::string_view kSettingColumns =
    "rule, enabled, severity, comment, updated, updated_by, version";
constexpr std::string_view kTextColumns =
    "id, kind, title, text, comment, created, created_by, updated, updated_by, version";

std::int64_t ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime time_at(std::int64_t ticks) {
  return base::WallTime(std::chrono::nanoseconds(ticks));
}

Setting setting_at(const store::Statement& row) {
  Setting out;
  out.rule_id = row.string(0);
  out.setting.enabled = row.integer(1) != 0;
  if (!row.is_null(2)) out.setting.severity = detect::parse_severity(row.text(2));
  out.comment = row.string(3);
  out.updated = time_at(row.integer(4));
  out.updated_by = row.string(5);
  out.etag = std::to_string(row.integer(6));
  return out;
}

Text text_at(const store::Statement& row) {
  Text out;
  out.id = row.string(0);
  out.kind = static_cast<TextKind>(row.integer(1));
  out.title = row.string(2);
  out.text = row.string(3);
  out.comment = row.string(4);
  out.created = time_at(row.integer(5));
  out.created_by = row.string(6);
  out.updated = time_at(row.integer(7));
  out.updated_by = row.string(8);
  out.etag = std::to_string(row.integer(9));
  return out;
}

bool matches(std::string_view etag, std::string_view present) {
  return etag.empty() || etag == "*" || etag == present;
}

Result<void> check_comment(std::string_view comment) {
  if (comment.size() > kMaxComment)
    return fail(Code::TooLarge, "comment", -1, fmt::format("at most {} bytes", kMaxComment));
  if (!base::is_utf8(comment)) return fail(Code::Invalid, "comment", -1, "expected UTF-8");
  return {};
}

std::unexpected<Wrong> wrong(base::Error error) {
  return std::unexpected(Wrong{std::move(error)});
}

// The first document of a text, as the rules that were read have it.
struct Head {
  int line = 0;
  std::string id;
  std::string title;
};

// What the rules that were read have of one file.
struct InFile {
  std::optional<Head> head;
  std::size_t rules = 0;  // and correlations
  std::size_t filters = 0;
  std::vector<detect::RuleProblem> problems;

  void first(int line, const std::string& id, const std::string& title) {
    if (!head || line < head->line) head = Head{line, id, title};
  }
};

InFile look_for(const detect::Stream& stream, const std::string& file) {
  InFile out;
  for (const detect::ListedRule& rule : stream.list()) {
    if (rule.file != file) continue;
    ++out.rules;
    out.first(rule.line, rule.info.id, rule.info.title);
  }
  for (const detect::ListedFilter& filter : stream.filters()) {
    if (filter.file != file) continue;
    ++out.filters;
    out.first(filter.line, filter.id, filter.title);
  }
  for (const detect::RuleProblem& problem : stream.problems()) {
    if (problem.file != file) continue;
    if (!problem.no_events) {
      out.problems.push_back(problem);
    } else if (!problem.id.empty()) {
      ++out.rules;
      out.first(problem.line, problem.id, problem.title);
    }
  }
  return out;
}

// Whether the document that begins at the line has an id of its own; without one it is made of the
// title, and would change with it.
bool has_id(std::string_view text, int line) {
  const std::string document = detect::document_at(text, line);
  for (const std::string_view row : base::split(document, '\n')) {
    if (row.starts_with("id:")) return true;
  }
  return false;
}

std::string with_id(std::string_view text, int line, const std::string& id) {
  std::string out;
  int number = 0;
  for (const std::string_view row : base::split(text, '\n')) {
    if (++number > 1) out += '\n';
    if (number == line) out += "id: " + id + "\n";
    out += row;
  }
  return out;
}

}  // namespace

struct Rules::State {
  State(Options given, store::Sqlite opened) : options(std::move(given)), db(std::move(opened)) {}

  Options options;
  mutable std::mutex changing;  // held for the whole of a change, before `mutex`
  mutable std::mutex mutex;     // guards all below
  store::Sqlite db;
  std::map<std::string, Setting, std::less<>> settings;  // by rule
  std::map<std::string, Text, std::less<>> texts;        // by id
  detect::Stream* stream = nullptr;
  detect::StreamOptions stream_options;

  Result<void> read();
  detect::RuleSettings make(detect::Profile profile) const;
  // Of the caller who holds `changing`: rules as they would be with another text.
  Outcome<Text> judge(TextKind kind, std::string_view replaced, std::string text) const;
  Result<void> apply() const;
  Result<void> keep(const Text& text, base::WallTime now);
  Result<void> check_room() const;
  // Also rules that cannot run: they may one day.
  bool knows(std::string_view rule_id) const;
};

std::string Text::file() const {
  return (kind == TextKind::Rule ? "own/" : "exception/") + id;
}

Result<void> Rules::State::read() {
  auto rows = TRY(db.prepare(fmt::format("SELECT {} FROM rule_settings", kSettingColumns)));
  while (TRY(rows.step())) {
    Setting one = setting_at(rows);
    settings.insert_or_assign(one.rule_id, std::move(one));
  }
  auto kept = TRY(db.prepare(fmt::format("SELECT {} FROM rule_texts", kTextColumns)));
  while (TRY(kept.step())) {
    Text one = text_at(kept);
    texts.insert_or_assign(one.id, std::move(one));
  }
  return {};
}

detect::RuleSettings Rules::State::make(detect::Profile profile) const {
  detect::RuleSettings out;
  out.profile = profile;
  for (const auto& [id, setting] : settings)
    out.rules.emplace(id, setting.setting);
  for (const auto& [id, text] : texts)
    out.texts.push_back({text.file(), text.text});
  return out;
}

Result<void> Rules::State::apply() const {
  detect::RuleSettings wanted;
  {
    const std::lock_guard lock(mutex);
    if (stream == nullptr) return {};
    wanted = make(stream_options.settings.profile);
  }
  return stream->apply(std::move(wanted));
}

Outcome<Text> Rules::State::judge(TextKind kind, std::string_view replaced,
                                  std::string text) const {
  if (text.size() > kMaxText)
    return wrong({Code::TooLarge, "text", -1, fmt::format("at most {} bytes", kMaxText)});
  detect::StreamOptions candidate;
  {
    const std::lock_guard lock(mutex);
    candidate = stream_options;
    candidate.settings = make(candidate.settings.profile);
  }
  const std::string old =
      std::string(kind == TextKind::Rule ? "own/" : "exception/") + std::string(replaced);
  std::erase_if(candidate.settings.texts, [&](const auto& one) { return one.name == old; });
  const std::string file = "text";
  candidate.settings.texts.push_back({file, text});
  auto loaded = detect::Stream::load(candidate);
  if (!loaded) return wrong(std::move(loaded.error()));
  InFile found = look_for(**loaded, file);
  if (!found.problems.empty())
    return std::unexpected(
        Wrong{{Code::Invalid, "text", -1, "it cannot be used"}, std::move(found.problems)});
  const bool exception = kind == TextKind::Exception;
  if (!found.head || (exception ? found.filters != 1 || found.rules > 0 : found.filters > 0)) {
    return wrong({Code::Invalid, "text", -1,
                  exception ? "expected one filter and nothing else"
                            : "expected rules or correlations; filters are kept as exceptions"});
  }
  Text out;
  out.kind = kind;
  out.id = found.head->id;
  out.title = found.head->title;
  out.text = std::move(text);
  if (!has_id(out.text, found.head->line)) {
    out.id = replaced.empty() ? base::Guid::random().to_string() : std::string(replaced);
    out.text = with_id(out.text, found.head->line, out.id);
  }
  return out;
}

Result<void> Rules::State::check_room() const {
  if (texts.size() < options.max_texts) return {};
  return fail(Code::Full, "too many rules and exceptions", -1,
              fmt::format("at most {}", options.max_texts));
}

bool Rules::State::knows(std::string_view rule_id) const {
  if (stream == nullptr) return false;
  const auto rules = stream->list();
  const auto problems = stream->problems();
  return std::ranges::any_of(rules, [&](const auto& one) { return one.info.id == rule_id; }) ||
         std::ranges::any_of(problems, [&](const auto& one) { return one.id == rule_id; });
}

Result<void> Rules::State::keep(const Text& text, base::WallTime now) {
  return db.run(
      "INSERT INTO rule_texts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, ?7, 1) "
      "ON CONFLICT (id) DO UPDATE SET title = ?3, text = ?4, comment = ?5, updated = ?6, "
      "updated_by = ?7, version = version + 1",
      text.id, static_cast<std::int64_t>(text.kind), text.title, text.text, text.comment,
      ticks(now), text.updated_by);
}

Result<std::unique_ptr<Rules>> Rules::open(Options options) {
  auto db = TRY(store::Sqlite::open(options.path));
  TRY(db.migrate("rules", kSteps));
  auto state = std::make_unique<State>(std::move(options), std::move(db));
  TRY(state->read());
  return std::unique_ptr<Rules>(new Rules(std::move(state)));
}

Rules::Rules(std::unique_ptr<State> state) : state_(std::move(state)) {}
Rules::~Rules() = default;

detect::RuleSettings Rules::settings(detect::Profile profile) const {
  const std::lock_guard lock(state_->mutex);
  return state_->make(profile);
}

void Rules::attach(detect::Stream& stream, const detect::StreamOptions& options) {
  const std::lock_guard lock(state_->mutex);
  state_->stream = &stream;
  state_->stream_options = options;
}

detect::StreamOptions Rules::present() const {
  const std::lock_guard lock(state_->mutex);
  detect::StreamOptions out = state_->stream_options;
  out.settings = state_->make(out.settings.profile);
  return out;
}

std::vector<Setting> Rules::all_settings() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Setting> out;
  for (const auto& [id, setting] : state_->settings)
    out.push_back(setting);
  return out;
}

std::optional<Setting> Rules::setting(std::string_view rule_id) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->settings.find(rule_id);
  if (found == state_->settings.end()) return std::nullopt;
  return found->second;
}

Result<Setting> Rules::set(std::string_view rule_id, const SettingChange& change,
                           std::string_view etag, std::string_view who, base::WallTime now) {
  TRY(check_comment(change.comment));
  const std::lock_guard changing(state_->changing);
  Setting out;
  {
    const std::lock_guard lock(state_->mutex);
    const auto found = state_->settings.find(rule_id);
    if (found != state_->settings.end()) {
      out = found->second;
    } else if (!state_->knows(rule_id)) {
      return fail(Code::NotFound, "there is no such rule");
    } else {
      out.rule_id = rule_id;
      out.etag = "0";
    }
    if (!matches(etag, out.etag))
      return fail(Code::Conflict, "it was changed in between; read it again");
    if (change.enabled) out.setting.enabled = *change.enabled;
    if (change.severity) out.setting.severity = *change.severity;
    out.comment = change.comment;
    std::optional<std::string> severity;
    if (out.setting.severity) severity = detect::to_string(*out.setting.severity);
    TRY(state_->db.run(
        "INSERT INTO rule_settings VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1) ON CONFLICT (rule) DO UPDATE "
        "SET enabled = ?2, severity = ?3, comment = ?4, updated = ?5, updated_by = ?6, "
        "version = version + 1",
        out.rule_id, out.setting.enabled, severity, out.comment, ticks(now), who));
    out.updated = now;
    out.updated_by = who;
    out.etag = std::to_string(base::parse_int(out.etag).value_or(0) + 1);
    state_->settings.insert_or_assign(out.rule_id, out);
  }
  TRY(state_->apply());
  return out;
}

std::vector<Text> Rules::texts(TextKind kind) const {
  const std::lock_guard lock(state_->mutex);
  std::vector<Text> out;
  for (const auto& [id, text] : state_->texts) {
    if (text.kind == kind) out.push_back(text);
  }
  return out;
}

Result<Text> Rules::text(TextKind kind, std::string_view id) const {
  const std::lock_guard lock(state_->mutex);
  const auto found = state_->texts.find(id);
  if (found == state_->texts.end() || found->second.kind != kind)
    return fail(Code::NotFound, "there is no such rule or exception of people's own");
  return found->second;
}

Outcome<Text> Rules::check(TextKind kind, std::string text) const {
  const std::lock_guard changing(state_->changing);
  return state_->judge(kind, {}, std::move(text));
}

Outcome<Text> Rules::create(TextKind kind, std::string text, std::string_view comment,
                            std::string_view who, base::WallTime now) {
  if (auto fine = check_comment(comment); !fine) return wrong(std::move(fine.error()));
  const std::lock_guard changing(state_->changing);
  Text out = TRY(state_->judge(kind, {}, std::move(text)));
  out.comment = comment;
  out.created = out.updated = now;
  out.created_by = out.updated_by = who;
  out.etag = "1";
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->texts.contains(out.id))
      return wrong({Code::Exists, "there is one of that id already", -1, out.title});
    if (auto room = state_->check_room(); !room) return wrong(std::move(room.error()));
    if (auto kept = state_->keep(out, now); !kept) return wrong(std::move(kept.error()));
    state_->texts.insert_or_assign(out.id, out);
  }
  if (auto applied = state_->apply(); !applied) return wrong(std::move(applied.error()));
  return out;
}

Outcome<Text> Rules::replace(TextKind kind, std::string_view id, std::string text,
                             std::string_view comment, std::string_view etag, std::string_view who,
                             base::WallTime now) {
  if (auto fine = check_comment(comment); !fine) return wrong(std::move(fine.error()));
  const std::lock_guard changing(state_->changing);
  auto former = this->text(kind, id);
  if (!former) return wrong(std::move(former.error()));
  if (!matches(etag, former->etag))
    return wrong({Code::Conflict, "it was changed in between; read it again", -1, {}});
  Text out = TRY(state_->judge(kind, id, std::move(text)));
  if (out.id != id)
    return wrong({Code::Invalid, "id", -1, "its id stays; make another for another id"});
  out.comment = comment;
  out.created = former->created;
  out.created_by = former->created_by;
  out.updated = now;
  out.updated_by = who;
  out.etag = std::to_string(base::parse_int(former->etag).value_or(0) + 1);
  {
    const std::lock_guard lock(state_->mutex);
    if (auto kept = state_->keep(out, now); !kept) return wrong(std::move(kept.error()));
    state_->texts.insert_or_assign(out.id, out);
  }
  if (auto applied = state_->apply(); !applied) return wrong(std::move(applied.error()));
  return out;
}

Result<void> Rules::remove(TextKind kind, std::string_view id, std::string_view etag) {
  const std::lock_guard changing(state_->changing);
  const Text former = TRY(text(kind, id));
  if (!matches(etag, former.etag))
    return fail(Code::Conflict, "it was changed in between; read it again");
  {
    const std::lock_guard lock(state_->mutex);
    TRY(state_->db.run("DELETE FROM rule_texts WHERE id = ?", id));
    state_->texts.erase(former.id);
  }
  return state_->apply();
}

}  // namespace hub::rules
