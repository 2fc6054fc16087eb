#include "detect/suppressions.h"

#include <algorithm>
#include <array>
#include <mutex>

#include <fmt/format.h>

#include "base/id.h"
#include "base/text.h"
#include "store/sqlite.h"

namespace detect {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::array<std::string_view, 1> kSteps = {R"sql(
CREATE TABLE alert_suppression(
  id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, reason TEXT NOT NULL,
  owner TEXT NOT NULL, scope TEXT NOT NULL, expires INTEGER NOT NULL, enabled INTEGER NOT NULL,
  created INTEGER NOT NULL, created_by TEXT NOT NULL, updated INTEGER NOT NULL,
  updated_by TEXT NOT NULL, version INTEGER NOT NULL) STRICT, WITHOUT ROWID;
)sql"};

std::int64_t to_integer(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime to_time(std::int64_t nanoseconds) {
  return base::WallTime(std::chrono::nanoseconds(nanoseconds));
}

std::string scope_json(const Scope& scope) {
  std::string json;
  base::json::Writer writer(json);
  write_scope(writer, scope);
  return json;
}

Result<Suppression> read_row(const store::Statement& row) {
  Suppression out;
  out.id = row.string(0);
  out.draft.name = row.string(1);
  out.draft.reason = row.string(2);
  out.draft.owner = row.string(3);
  const auto scope = TRY(base::json::parse(row.text(4)));
  out.draft.scope = TRY(read_scope(scope));
  out.draft.expires = to_time(row.integer(5));
  out.draft.enabled = row.integer(6) != 0;
  out.created = to_time(row.integer(7));
  out.created_by = row.string(8);
  out.updated = to_time(row.integer(9));
  out.updated_by = row.string(10);
  out.etag = std::to_string(row.integer(11));
  return out;
}

// One line that a person can read.
bool is_line(std::string_view text, std::size_t most) {
  if (base::trim(text).empty() || text.size() > most || !base::is_utf8(text)) return false;
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

Result<void> check(const SuppressionDraft& draft, base::WallTime now) {
  const auto line = [](std::string_view name, std::string_view text) -> Result<void> {
    if (is_line(text, kMaxSuppressionName)) return {};
    return fail(Code::Invalid, "suppression", -1,
                fmt::format("{}: expected one line of up to {} bytes", name, kMaxSuppressionName));
  };
  TRY(line("name", draft.name));
  TRY(line("owner", draft.owner));
  if (base::trim(draft.reason).empty() || draft.reason.size() > kMaxSuppressionReason ||
      !base::is_utf8(draft.reason)) {
    return fail(Code::Invalid, "suppression", -1,
                fmt::format("reason: say why, in up to {} bytes", kMaxSuppressionReason));
  }
  if (draft.expires <= now)
    return fail(Code::Invalid, "suppression", -1, "expires: expected a time that is to come");
  if (draft.expires > now + kMaxSuppression) {
    return fail(Code::Invalid, "suppression", -1,
                fmt::format("expires: at most {} days ahead; what should never be reported is "
                            "better an exception of the rule",
                            kMaxSuppression.count()));
  }
  return {};
}

}  // namespace

struct Suppressions::State {
  explicit State(store::Sqlite opened) : db(std::move(opened)) {}

  mutable std::mutex mutex;  // guards all below
  store::Sqlite db;
  std::vector<Suppression> all;  // by name

  Result<void> read();
  const Suppression* find(std::string_view id) const;
  Result<const Suppression*> changeable(std::string_view id, std::string_view etag) const;
};

Result<void> Suppressions::State::read() {
  auto rows =
      TRY(db.prepare("SELECT id, name, reason, owner, scope, expires, enabled, created, "
                     "created_by, updated, updated_by, version FROM alert_suppression "
                     "ORDER BY name, id"));
  std::vector<Suppression> found;
  while (TRY(rows.step()))
    found.push_back(TRY(read_row(rows)));
  all = std::move(found);
  return {};
}

const Suppression* Suppressions::State::find(std::string_view id) const {
  const auto found = std::ranges::find(all, id, &Suppression::id);
  return found == all.end() ? nullptr : &*found;
}

Result<const Suppression*> Suppressions::State::changeable(std::string_view id,
                                                           std::string_view etag) const {
  const Suppression* found = find(id);
  if (found == nullptr) return fail(Code::NotFound, "suppression", -1, std::string(id));
  if (!etag.empty() && etag != "*" && etag != found->etag)
    return fail(Code::Conflict, "suppression", -1, "it was changed in between; read it again");
  return found;
}

Result<std::unique_ptr<Suppressions>> Suppressions::open(const std::string& path) {
  auto db = TRY(store::Sqlite::open(path));
  TRY(db.migrate("alert_suppressions", kSteps));
  auto state = std::make_unique<State>(std::move(db));
  TRY(state->read());
  return std::unique_ptr<Suppressions>(new Suppressions(std::move(state)));
}

Suppressions::Suppressions(std::unique_ptr<State> state) : state_(std::move(state)) {}
Suppressions::~Suppressions() = default;

std::vector<Suppression> Suppressions::list() const {
  const std::lock_guard lock(state_->mutex);
  return state_->all;
}

Result<Suppression> Suppressions::get(std::string_view id) const {
  const std::lock_guard lock(state_->mutex);
  const Suppression* found = TRY(state_->changeable(id, ""));
  return *found;
}

Result<Suppression> Suppressions::create(const SuppressionDraft& draft, std::string_view actor,
                                         base::WallTime now) {
  TRY(check(draft, now));
  const std::lock_guard lock(state_->mutex);
  if (state_->all.size() >= kMaxSuppressions) {
    return fail(Code::Full, "suppression", -1,
                fmt::format("there are {} already; remove those that expired", kMaxSuppressions));
  }
  const std::string id = base::Guid::random().to_string();
  TRY(state_->db.run("INSERT INTO alert_suppression VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)", id,
                     draft.name, draft.reason, draft.owner, scope_json(draft.scope),
                     to_integer(draft.expires), draft.enabled, to_integer(now), actor,
                     to_integer(now), actor));
  TRY(state_->read());
  const Suppression* made = TRY(state_->changeable(id, ""));
  return *made;
}

Result<Suppression> Suppressions::replace(std::string_view id, const SuppressionDraft& draft,
                                          std::string_view etag, std::string_view actor,
                                          base::WallTime now) {
  TRY(check(draft, now));
  const std::lock_guard lock(state_->mutex);
  TRY(state_->changeable(id, etag));
  TRY(state_->db.run(
      "UPDATE alert_suppression SET name = ?, reason = ?, owner = ?, scope = ?, expires = ?, "
      "enabled = ?, updated = ?, updated_by = ?, version = version + 1 WHERE id = ?",
      draft.name, draft.reason, draft.owner, scope_json(draft.scope), to_integer(draft.expires),
      draft.enabled, to_integer(now), actor, id));
  TRY(state_->read());
  const Suppression* changed = TRY(state_->changeable(id, ""));
  return *changed;
}

Result<void> Suppressions::remove(std::string_view id, std::string_view etag) {
  const std::lock_guard lock(state_->mutex);
  TRY(state_->changeable(id, etag));
  TRY(state_->db.run("DELETE FROM alert_suppression WHERE id = ?", id));
  return state_->read();
}

std::string Suppressions::find(const Finding& finding) const {
  const std::lock_guard lock(state_->mutex);
  const Subject subject{finding.rule.id, finding.device_id, finding.entity, finding.rule.severity};
  for (const Suppression& suppression : state_->all) {
    const Scope& scope = suppression.draft.scope;
    if (suppression.in_force(finding.received) && covers(scope, subject) &&
        covers(scope, finding.evidence))
      return suppression.id;
  }
  return {};
}

}  // namespace detect
