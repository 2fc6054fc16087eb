#include "hub/saved_queries/saved_queries.h"

#include <array>
#include <mutex>

#include <fmt/format.h>

#include "base/id.h"
#include "base/json.h"
#include "base/text.h"
#include "store/sqlite.h"

namespace hub::saved_queries {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
  CREATE TABLE saved_queries (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    name TEXT NOT NULL COLLATE NOCASE,
    description TEXT NOT NULL,
    query TEXT NOT NULL,
    tags TEXT NOT NULL,
    shared INTEGER NOT NULL,
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    version INTEGER NOT NULL,
    UNIQUE (owner, name)
  ) STRICT;
  CREATE INDEX saved_queries_by_name ON saved_queries (name, id);
)sql"};

constexpr std::string_view kColumns =
    "id, owner, name, description, query, tags, shared, created, updated, updated_by, version";
// Parameters: 1 who, 2 whether he administers, 3 own only, 4 search, 5 tag.
constexpr std::string_view kVisible =
    "(owner = ?1 OR ((shared OR ?2) AND NOT ?3)) AND "
    "(?4 = '' OR instr(lower(name || char(10) || description || char(10) || query), lower(?4))) "
    "AND "
    "(?5 = '' OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?5))";

std::int64_t ticks(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime time_at(std::int64_t ticks) {
  return base::WallTime(std::chrono::nanoseconds(ticks));
}

std::string tags_json(const std::vector<std::string>& tags) {
  std::string out;
  base::json::Writer writer(out);
  writer.begin_array();
  for (const std::string& tag : tags)
    writer.value(tag);
  writer.end_array();
  return out;
}

std::vector<std::string> tags_of(std::string_view json) {
  std::vector<std::string> out;
  const auto parsed = base::json::parse(json);
  if (!parsed || parsed->if_array() == nullptr) return out;
  for (const auto& tag : *parsed->if_array()) {
    if (tag.if_string() != nullptr) out.push_back(*tag.if_string());
  }
  return out;
}

Query query_at(const store::Statement& row) {
  Query out;
  out.id = row.string(0);
  out.owner = row.string(1);
  out.draft.name = row.string(2);
  out.draft.description = row.string(3);
  out.draft.query = row.string(4);
  out.draft.tags = tags_of(row.text(5));
  out.draft.shared = row.integer(6) != 0;
  out.created = time_at(row.integer(7));
  out.updated = time_at(row.integer(8));
  out.updated_by = row.string(9);
  out.etag = std::to_string(row.integer(10));
  return out;
}

// "failed-logins.kql": builtin-failed-logins.
std::string id_of(const BuiltinFile& file) {
  const std::string_view name = file.file;
  return "builtin-" + std::string(name.substr(0, name.rfind('.')));
}

// One line that a person can read and type.
bool is_line(std::string_view text, std::size_t most) {
  if (text.empty() || text.size() > most || base::trim(text) != text) return false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
  }
  return base::is_utf8(text);
}

Result<void> check(const Draft& draft) {
  if (!is_line(draft.name, kMaxName)) {
    return fail(
        Code::Invalid, "name", -1,
        fmt::format("expected one line of up to {} bytes, without blanks around", kMaxName));
  }
  if (draft.description.size() > kMaxDescription)
    return fail(Code::TooLarge, "description", -1,
                fmt::format("at most {} bytes", kMaxDescription));
  if (base::trim(draft.query).empty())
    return fail(Code::Invalid, "query", -1, "expected a query, found nothing");
  if (draft.query.size() > kMaxQuery)
    return fail(Code::TooLarge, "query", -1, fmt::format("at most {} bytes", kMaxQuery));
  if (draft.tags.size() > kMaxTags)
    return fail(Code::TooLarge, "tags", -1, fmt::format("at most {}", kMaxTags));
  for (const std::string& tag : draft.tags) {
    if (!is_line(tag, kMaxTag)) {
      return fail(Code::Invalid, "tags", -1,
                  fmt::format("expected lines of up to {} bytes", kMaxTag));
    }
  }
  return {};
}

// Where the next page begins: behind this query.
std::string cursor_of(const Query& query) {
  const std::string text = query.id + " " + query.draft.name;
  return base::base64_encode(base::as_bytes(text));
}

struct Behind {
  std::string name;
  std::string id;
};
Result<Behind> read_cursor(std::string_view cursor) {
  if (cursor.empty()) return Behind{};
  const auto decoded = base::base64_decode(cursor);
  const std::string text = decoded ? std::string(decoded->begin(), decoded->end()) : "";
  const std::size_t space = text.find(' ');
  if (space == std::string::npos || !base::is_utf8(text))
    return fail(Code::Invalid, "cursor", -1, "it is none of ours");
  return Behind{text.substr(space + 1), text.substr(0, space)};
}

}  // namespace

struct SavedQueries::State {
  State(Options given, store::Sqlite opened) : options(std::move(given)), db(std::move(opened)) {}

  Options options;
  std::mutex mutex;  // guards db
  store::Sqlite db;

  Result<void> put_builtin(const BuiltinFile& file, base::WallTime now);
  Result<void> put_builtins(base::WallTime now);
  Result<std::optional<Query>> find(std::string_view id, const Who& who);
  // The query, where `who` may change it and it has that etag.
  Result<Query> changeable(std::string_view id, std::string_view etag, const Who& who);
  Result<void> check_room(const Who& who);
};

bool Query::builtin() const {
  return owner == kBuiltin;
}

Result<void> SavedQueries::State::put_builtin(const BuiltinFile& file, base::WallTime now) {
  const Draft draft = TRY(read_builtin(file.text));
  const std::string id = id_of(file);
  // Untouched where it is as it was, with its time and etag.
  return db.run(
      "INSERT INTO saved_queries VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?7, ?2, 1) "
      "ON CONFLICT (id) DO UPDATE SET name = ?3, description = ?4, query = ?5, tags = ?6, "
      "updated = ?7, version = version + 1 "
      "WHERE name <> ?3 OR description <> ?4 OR query <> ?5 OR tags <> ?6",
      id, kBuiltin, draft.name, draft.description, draft.query, tags_json(draft.tags), ticks(now));
}

Result<void> SavedQueries::State::put_builtins(base::WallTime now) {
  auto transaction = TRY(store::Transaction::begin(db));
  std::vector<std::string> ids;
  for (const BuiltinFile& file : builtin_files()) {
    TRY(put_builtin(file, now));
    ids.push_back(id_of(file));
  }
  TRY(db.run(
      "DELETE FROM saved_queries WHERE owner = ? AND id NOT IN (SELECT value FROM json_each(?))",
      kBuiltin, tags_json(ids)));
  return transaction.commit();
}

Result<std::optional<Query>> SavedQueries::State::find(std::string_view id, const Who& who) {
  auto row =
      TRY(db.prepare(fmt::format("SELECT {} FROM saved_queries WHERE id = ? AND "
                                 "(owner = ? OR shared OR ?)",
                                 kColumns)));
  row.bind_all(id, who.name, who.administers);
  if (!TRY(row.step())) return std::optional<Query>();
  return std::optional<Query>(query_at(row));
}

Result<Query> SavedQueries::State::changeable(std::string_view id, std::string_view etag,
                                              const Who& who) {
  auto found = TRY(find(id, who));
  if (!found) return fail(Code::NotFound, "there is no such query");
  if (found->builtin())
    return fail(Code::Denied, "it comes with the hub; save it under a name of your own");
  if (found->owner != who.name && !who.administers)
    return fail(Code::Denied, "only its owner and administrators may change it");
  if (!etag.empty() && etag != "*" && etag != found->etag)
    return fail(Code::Conflict, "it was changed in between; read it again");
  return std::move(*found);
}

Result<void> SavedQueries::State::check_room(const Who& who) {
  auto count = TRY(db.prepare(
      "SELECT COUNT(*), COUNT(*) FILTER (WHERE owner = ?1) FROM saved_queries WHERE owner <> ?2"));
  count.bind_all(who.name, kBuiltin);
  TRY(count.step());
  const auto all = static_cast<std::size_t>(count.integer(0));
  const auto own = static_cast<std::size_t>(count.integer(1));
  if (all >= options.max_queries || own >= options.max_per_owner) {
    return fail(Code::Full, "too many saved queries", -1,
                fmt::format("at most {} of one owner and {} of all", options.max_per_owner,
                            options.max_queries));
  }
  return {};
}

Result<std::unique_ptr<SavedQueries>> SavedQueries::open(Options options, base::WallTime now) {
  auto db = TRY(store::Sqlite::open(options.path));
  TRY(db.migrate("saved_queries", kSteps));
  auto state = std::make_unique<State>(std::move(options), std::move(db));
  TRY(state->put_builtins(now));
  return std::unique_ptr<SavedQueries>(new SavedQueries(std::move(state)));
}

SavedQueries::SavedQueries(std::unique_ptr<State> state) : state_(std::move(state)) {}
SavedQueries::~SavedQueries() = default;

Result<Page> SavedQueries::list(const Filter& filter, const Who& who) const {
  const Behind behind = TRY(read_cursor(filter.cursor));
  const std::lock_guard lock(state_->mutex);
  Page page;
  {
    auto count = TRY(
        state_->db.prepare(fmt::format("SELECT COUNT(*) FROM saved_queries WHERE {}", kVisible)));
    count.bind_all(who.name, who.administers, filter.own, filter.search, filter.tag);
    TRY(count.step());
    page.total = count.integer(0);
  }
  auto rows = TRY(state_->db.prepare(fmt::format(
      "SELECT {} FROM saved_queries WHERE {} AND (name, id) > (?6, ?7) ORDER BY name, id LIMIT ?8",
      kColumns, kVisible)));
  rows.bind_all(who.name, who.administers, filter.own, filter.search, filter.tag, behind.name,
                behind.id, static_cast<std::int64_t>(filter.limit) + 1);
  while (TRY(rows.step()))
    page.items.push_back(query_at(rows));
  if (page.items.size() > filter.limit) {
    page.items.pop_back();
    page.next_cursor = cursor_of(page.items.back());
  }
  return page;
}

Result<Query> SavedQueries::get(std::string_view id, const Who& who) const {
  const std::lock_guard lock(state_->mutex);
  auto found = TRY(state_->find(id, who));
  if (!found) return fail(Code::NotFound, "there is no such query");
  return std::move(*found);
}

Result<Query> SavedQueries::create(const Draft& draft, const Who& who, base::WallTime now) {
  TRY(check(draft));
  const std::lock_guard lock(state_->mutex);
  TRY(state_->check_room(who));
  Query out;
  out.id = base::Guid::random().to_string();
  out.draft = draft;
  out.owner = out.updated_by = who.name;
  out.created = out.updated = now;
  out.etag = "1";
  auto made = state_->db.run("INSERT INTO saved_queries VALUES (?,?,?,?,?,?,?,?,?,?,1)", out.id,
                             out.owner, draft.name, draft.description, draft.query,
                             tags_json(draft.tags), draft.shared, ticks(now), ticks(now), who.name);
  if (!made && made.error().code == Code::Exists)
    return fail(Code::Exists, "you have a query of that name already");
  TRY(std::move(made));
  return out;
}

Result<Query> SavedQueries::replace(std::string_view id, const Draft& draft, std::string_view etag,
                                    const Who& who, base::WallTime now) {
  TRY(check(draft));
  const std::lock_guard lock(state_->mutex);
  Query out = TRY(state_->changeable(id, etag, who));
  auto changed = state_->db.run(
      "UPDATE saved_queries SET name = ?, description = ?, query = ?, tags = ?, shared = ?, "
      "updated = ?, updated_by = ?, version = version + 1 WHERE id = ?",
      draft.name, draft.description, draft.query, tags_json(draft.tags), draft.shared, ticks(now),
      who.name, id);
  if (!changed && changed.error().code == Code::Exists)
    return fail(Code::Exists, "its owner has a query of that name already");
  TRY(std::move(changed));
  out.draft = draft;
  out.updated = now;
  out.updated_by = who.name;
  out.etag = std::to_string(base::parse_int(out.etag).value_or(0) + 1);
  return out;
}

Result<void> SavedQueries::remove(std::string_view id, std::string_view etag, const Who& who) {
  const std::lock_guard lock(state_->mutex);
  TRY(state_->changeable(id, etag, who));
  return state_->db.run("DELETE FROM saved_queries WHERE id = ?", id);
}

Result<Draft> read_builtin(std::string_view text) {
  Draft out;
  out.shared = true;
  std::size_t at = 0;
  while (text.substr(at).starts_with("// ")) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at + 3, end - at - 3);
    at = std::min(end + 1, text.size());
    const std::size_t colon = line.find(": ");
    const std::string_view key = line.substr(0, colon);
    const std::string_view value =
        colon == std::string_view::npos ? "" : base::trim(line.substr(colon + 2));
    if (key == "name") {
      out.name = value;
    } else if (key == "description") {
      out.description = value;
    } else if (key == "tags") {
      for (const std::string_view tag : base::split(value, ','))
        out.tags.emplace_back(base::trim(tag));
    } else {
      return fail(Code::Malformed, "query file", -1, std::string(line));
    }
  }
  out.query = base::trim(text.substr(at));
  TRY(check(out));
  return out;
}

}  // namespace hub::saved_queries
