#include "detect/alerts.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/alert_text.h"
#include "store/sqlite.h"

namespace detect {
namespace {

using store::Sqlite;
using store::Statement;

// Evidence that is kept of an alert that goes on and on: how it began, and the latest.
constexpr std::int64_t kFirstEvidence = 5;
constexpr std::int64_t kLatestEvidence = 15;

constexpr std::array<std::string_view, 1> kMigrations = {R"sql(
CREATE TABLE alert(
  id TEXT PRIMARY KEY, rule_id TEXT NOT NULL, device_id TEXT NOT NULL, module_id TEXT NOT NULL,
  entity TEXT NOT NULL, title TEXT NOT NULL, severity INTEGER NOT NULL, status INTEGER NOT NULL,
  first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, hit_count INTEGER NOT NULL,
  why TEXT NOT NULL, rule TEXT NOT NULL, search TEXT NOT NULL) WITHOUT ROWID;
CREATE UNIQUE INDEX alert_open ON alert(rule_id, device_id, module_id, entity) WHERE status <> 2;
CREATE INDEX alert_last_seen ON alert(last_seen DESC, id DESC);
CREATE INDEX alert_device ON alert(device_id, status);
CREATE TABLE alert_evidence(
  position INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL REFERENCES alert(id),
  event_id TEXT NOT NULL, item INTEGER NOT NULL, time INTEGER NOT NULL, name TEXT NOT NULL,
  details TEXT NOT NULL, matched TEXT NOT NULL);
CREATE INDEX alert_evidence_alert ON alert_evidence(alert_id, position);
CREATE TABLE alert_history(
  position INTEGER PRIMARY KEY AUTOINCREMENT, alert_id TEXT NOT NULL REFERENCES alert(id),
  time INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL, comment TEXT NOT NULL);
CREATE INDEX alert_history_alert ON alert_history(alert_id, position);
CREATE TABLE alert_outbox(
  position INTEGER PRIMARY KEY AUTOINCREMENT, time_generated INTEGER NOT NULL, start_time INTEGER NOT NULL,
  end_time INTEGER NOT NULL, processing_end_time INTEGER NOT NULL, alert_id TEXT NOT NULL,
  rule_id TEXT NOT NULL, title TEXT NOT NULL, severity TEXT NOT NULL, description TEXT NOT NULL,
  status TEXT NOT NULL, compromised_entity TEXT NOT NULL, tactics TEXT NOT NULL,
  techniques TEXT NOT NULL, confidence TEXT NOT NULL, link TEXT NOT NULL, remediation TEXT NOT NULL,
  extended TEXT NOT NULL, entities TEXT NOT NULL);
CREATE TABLE alert_progress(applied_sequence INTEGER NOT NULL);
INSERT INTO alert_progress VALUES(0);
)sql"};

constexpr std::string_view kAlertColumns =
    "id, rule, title, severity, status, device_id, module_id, entity, first_seen, last_seen, "
    "hit_count, why";

std::int64_t to_integer(base::WallTime time) {
  return time.time_since_epoch().count();
}
base::WallTime to_time(std::int64_t nanoseconds) {
  return base::WallTime(std::chrono::nanoseconds(nanoseconds));
}

base::Result<Alert> read_alert(const Statement& row) {
  Alert alert;
  alert.id = row.string(0);
  alert.rule = TRY(parse_rule_json(row.text(1)));
  alert.title = row.string(2);
  alert.severity = static_cast<Severity>(std::clamp<std::int64_t>(row.integer(3), 0, 3));
  alert.status = static_cast<Status>(std::clamp<std::int64_t>(row.integer(4), 0, 2));
  alert.device_id = row.string(5);
  alert.module_id = row.string(6);
  alert.entity = row.string(7);
  alert.first_seen = to_time(row.integer(8));
  alert.last_seen = to_time(row.integer(9));
  alert.hit_count = row.integer(10);
  alert.why_flagged = row.string(11);
  return alert;
}

base::Result<std::optional<Alert>> find_alert(Sqlite& db, std::string_view id) {
  auto query = TRY(db.prepare(fmt::format("SELECT {} FROM alert WHERE id = ?", kAlertColumns)));
  query.bind_all(id);
  if (!TRY(query.step())) return std::optional<Alert>();
  return std::optional<Alert>(TRY(read_alert(query)));
}

base::Result<std::optional<Alert>> find_open(Sqlite& db, const Finding& finding) {
  auto query =
      TRY(db.prepare(fmt::format("SELECT {} FROM alert WHERE rule_id = ? AND device_id = ? AND "
                                 "module_id = ? AND entity = ? AND status <> 2",
                                 kAlertColumns)));
  query.bind_all(finding.rule.id, finding.device_id, finding.module_id, finding.entity);
  if (!TRY(query.step())) return std::optional<Alert>();
  return std::optional<Alert>(TRY(read_alert(query)));
}

base::Result<std::vector<Evidence>> read_evidence(Sqlite& db, std::string_view id,
                                                  std::string_view order) {
  auto query = TRY(db.prepare(fmt::format(
      "SELECT event_id, item, time, name, details, matched FROM alert_evidence WHERE alert_id = ? "
      "ORDER BY position {}",
      order)));
  query.bind_all(id);
  std::vector<Evidence> out;
  while (TRY(query.step())) {
    Evidence evidence;
    evidence.event_id = TRY(base::Guid::parse(query.text(0)));
    evidence.item = static_cast<std::uint32_t>(query.integer(1));
    evidence.time = to_time(query.integer(2));
    evidence.event_name = query.string(3);
    evidence.details_json = query.string(4);
    evidence.matched = TRY(parse_matched_json(query.text(5)));
    out.push_back(std::move(evidence));
  }
  return out;
}

base::Result<void> add_evidence(Sqlite& db, const std::string& alert_id, const Evidence& evidence) {
  TRY(
      db.run("INSERT INTO alert_evidence(alert_id, event_id, item, time, name, details, matched) "
             "VALUES(?, ?, ?, ?, ?, ?, ?)",
             alert_id, evidence.event_id.to_string(), std::int64_t{evidence.item},
             to_integer(evidence.time), evidence.event_name, evidence.details_json,
             matched_json(evidence.matched)));
  return db.run(
      "DELETE FROM alert_evidence WHERE alert_id = ?1 AND position NOT IN "
      "(SELECT position FROM (SELECT position FROM alert_evidence WHERE alert_id = ?1 ORDER BY "
      "position LIMIT ?2) "
      "UNION SELECT position FROM (SELECT position FROM alert_evidence WHERE alert_id = ?1 ORDER "
      "BY position DESC LIMIT ?3))",
      alert_id, kFirstEvidence, kLatestEvidence);
}

base::Result<void> add_history(Sqlite& db, const std::string& alert_id, const HistoryEntry& entry) {
  return db.run(
      "INSERT INTO alert_history(alert_id, time, actor, action, comment) VALUES(?, ?, ?, ?, ?)",
      alert_id, to_integer(entry.time), entry.actor, entry.action, entry.comment);
}

base::Result<void> add_outbox(Sqlite& db, const store::AlertRow& row) {
  return db.run(
      "INSERT INTO alert_outbox(time_generated, start_time, end_time, processing_end_time, "
      "alert_id, rule_id, "
      "title, severity, description, status, compromised_entity, tactics, techniques, confidence, "
      "link, "
      "remediation, extended, entities) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
      "?)",
      row.time_generated, row.start_time, row.end_time, row.processing_end_time, row.alert_id,
      row.rule_id, row.title, row.severity, row.description, row.status, row.compromised_entity,
      row.tactics, row.techniques, row.confidence, row.link, row.remediation_json,
      row.extended_json, row.entities_json);
}

std::string like_pattern(std::string_view search) {
  std::string out = "%";
  for (const char c : base::to_lower(search)) {
    if (c == '%' || c == '_' || c == '\\') out += '\\';
    out += c;
  }
  return out + "%";
}

AlertChange change_of(ChangeKind kind, const Alert& alert) {
  return {kind,         alert.id,        alert.title,    alert.severity,
          alert.status, alert.device_id, alert.hit_count};
}

// Whether a repeated alert is worth a further row in SecurityAlert: at each doubling of its hits.
bool worth_a_row(std::int64_t before, std::int64_t after) {
  std::int64_t mark = 1;
  while (mark <= before && mark < (std::int64_t{1} << 62))
    mark *= 2;
  return after >= mark;
}

// The WHERE clause of a filter and what is bound to it, in order.
struct Where {
  std::string sql = "1";
  std::vector<std::string> texts;
};

Where where_of(const AlertFilter& filter) {
  Where where;
  if (filter.status) where.sql += fmt::format(" AND status = {}", static_cast<int>(*filter.status));
  if (filter.open_only) where.sql += " AND status <> 2";
  if (filter.severity)
    where.sql += fmt::format(" AND severity = {}", static_cast<int>(*filter.severity));
  if (!filter.device_id.empty()) {
    where.sql += " AND device_id = ?";
    where.texts.push_back(filter.device_id);
  }
  if (!filter.search.empty()) {
    where.sql += " AND search LIKE ? ESCAPE '\\'";
    where.texts.push_back(like_pattern(filter.search));
  }
  return where;
}

struct Cursor {
  std::int64_t last_seen = 0;
  std::string id;
};

base::Result<Cursor> parse_cursor(std::string_view text) {
  const auto dot = text.find('.');
  const auto last_seen = base::parse_int(text.substr(0, dot));
  if (dot == std::string_view::npos || !last_seen || !base::Guid::parse(text.substr(dot + 1))) {
    return base::fail(base::Code::Invalid, "alert cursor", -1,
                      "expected the cursor of an earlier page");
  }
  return Cursor{*last_seen, std::string(text.substr(dot + 1))};
}

}  // namespace

struct Alerts::State {
  explicit State(AlertOptions alert_options) : options(std::move(alert_options)) {}

  AlertOptions options;
  std::mutex mutex;  // guards idle
  std::vector<Sqlite> idle;
  std::atomic<std::uint64_t> applied{0};
  std::function<void(const AlertChange&)> changed;
  std::function<void()> outbox_grew;

  // A connection for one call, given back at its end.
  class Lease {
   public:
    Lease(State& state, Sqlite connection) : state_(state), connection_(std::move(connection)) {}
    ~Lease() {
      const std::lock_guard lock(state_.mutex);
      state_.idle.push_back(std::move(connection_));
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Sqlite& operator*() { return connection_; }

   private:
    State& state_;
    Sqlite connection_;
  };

  base::Result<Sqlite> connect() {
    {
      const std::lock_guard lock(mutex);
      if (!idle.empty()) {
        Sqlite connection = std::move(idle.back());
        idle.pop_back();
        return connection;
      }
    }
    return Sqlite::open(options.path);
  }

  base::Result<void> apply_one(Sqlite& db, const Finding& finding,
                               std::map<std::string, AlertChange>& changes) const;
  base::Result<Alert> create(Sqlite& db, const Finding& finding) const;
  base::Result<Alert> repeat(Sqlite& db, const Finding& finding, Alert alert) const;
};

base::Result<Alert> Alerts::State::create(Sqlite& db, const Finding& finding) const {
  Alert alert;
  // From the first event: processing the same events again makes the same alert.
  alert.id = base::Guid::derived(
                 "alert", fmt::format("{}\n{}\n{}\n{}\n{}\n{}", finding.rule.id, finding.device_id,
                                      finding.module_id, finding.entity,
                                      finding.evidence.event_id.to_string(), finding.evidence.item))
                 .to_string();
  alert.rule = finding.rule;
  alert.title = finding.rule.title;
  alert.severity = finding.rule.severity;
  alert.device_id = finding.device_id;
  alert.module_id = finding.module_id;
  alert.entity = finding.entity;
  alert.first_seen = finding.received;
  alert.last_seen = finding.received;
  alert.hit_count = finding.hits;
  alert.why_flagged = finding.why;
  const std::string search = base::to_lower(fmt::format(
      "{}\n{}\n{}\n{}\n{}\n{}\n{}", alert.title, alert.device_id, alert.module_id, alert.rule.id,
      alert.entity, alert.why_flagged, fmt::join(alert.rule.aliases, "\n")));
  TRY(db.run(
      "INSERT INTO alert(id, rule_id, device_id, module_id, entity, title, severity, status, "
      "first_seen, "
      "last_seen, hit_count, why, rule, search) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      alert.id, alert.rule.id, alert.device_id, alert.module_id, alert.entity, alert.title,
      static_cast<int>(alert.severity), static_cast<int>(alert.status),
      to_integer(alert.first_seen), to_integer(alert.last_seen), alert.hit_count, alert.why_flagged,
      rule_json(alert.rule), search));
  TRY(add_history(db, alert.id, {finding.received, "vedette", "created", ""}));
  TRY(add_outbox(
      db, alert_row(alert, finding.evidence, RowKind::First, finding.received, options.link_base)));
  return alert;
}

base::Result<Alert> Alerts::State::repeat(Sqlite& db, const Finding& finding, Alert alert) const {
  const std::int64_t before = alert.hit_count;
  alert.hit_count += std::min(finding.hits, std::numeric_limits<std::int64_t>::max() - before);
  alert.last_seen = std::max(alert.last_seen, finding.received);
  TRY(db.run("UPDATE alert SET hit_count = ?, last_seen = ? WHERE id = ?", alert.hit_count,
             to_integer(alert.last_seen), alert.id));
  if (worth_a_row(before, alert.hit_count)) {
    TRY(add_outbox(db, alert_row(alert, finding.evidence, RowKind::Later, finding.received,
                                 options.link_base)));
  }
  return alert;
}

base::Result<void> Alerts::State::apply_one(Sqlite& db, const Finding& finding,
                                            std::map<std::string, AlertChange>& changes) const {
  auto open = TRY(find_open(db, finding));
  const bool is_new = !open;
  const Alert alert =
      is_new ? TRY(create(db, finding)) : TRY(repeat(db, finding, std::move(*open)));
  TRY(add_evidence(db, alert.id, finding.evidence));
  auto change = change_of(is_new ? ChangeKind::Created : ChangeKind::Repeated, alert);
  // Several of one call become one change, which is a creation if one of them was.
  const auto known = changes.find(alert.id);
  if (known != changes.end() && known->second.kind == ChangeKind::Created)
    change.kind = ChangeKind::Created;
  changes.insert_or_assign(alert.id, std::move(change));
  return {};
}

base::Result<std::unique_ptr<Alerts>> Alerts::open(AlertOptions options) {
  auto state = std::make_unique<State>(std::move(options));
  auto db = TRY(Sqlite::open(state->options.path));
  TRY(db.migrate("alerts", kMigrations));
  {
    auto query = TRY(db.prepare("SELECT applied_sequence FROM alert_progress"));
    if (!TRY(query.step()))
      return base::fail(base::Code::Corrupt, "alerts", -1, "alert_progress is empty");
    state->applied = static_cast<std::uint64_t>(query.integer(0));
  }
  state->idle.push_back(std::move(db));
  return std::unique_ptr<Alerts>(new Alerts(std::move(state)));
}

Alerts::Alerts(std::unique_ptr<State> state) : state_(std::move(state)) {}
Alerts::~Alerts() = default;

std::uint64_t Alerts::applied_sequence() const {
  return state_->applied.load();
}

base::Result<void> Alerts::apply(std::span<const Finding> findings) {
  std::uint64_t last = state_->applied.load();
  std::map<std::string, AlertChange> changes;
  State::Lease db(*state_, TRY(state_->connect()));
  auto transaction = TRY(store::Transaction::begin(*db));
  for (const Finding& finding : findings) {
    if (finding.sequence <= state_->applied.load()) continue;
    TRY(state_->apply_one(*db, finding, changes));
    last = std::max(last, finding.sequence);
  }
  if (changes.empty()) return {};
  TRY((*db).run("UPDATE alert_progress SET applied_sequence = ?", static_cast<std::int64_t>(last)));
  TRY(transaction.commit());
  state_->applied = last;
  if (state_->changed) {
    for (const auto& [id, change] : changes)
      state_->changed(change);
  }
  return {};
}

base::Result<std::vector<store::AlertRow>> Alerts::outbox(std::uint64_t after,
                                                          std::size_t limit) const {
  State::Lease db(*state_, TRY(state_->connect()));
  auto query =
      TRY((*db).prepare("SELECT position, time_generated, start_time, end_time, "
                        "processing_end_time, alert_id, rule_id, title, severity, "
                        "description, status, compromised_entity, tactics, techniques, confidence, "
                        "link, remediation, extended, entities "
                        "FROM alert_outbox WHERE position > ? ORDER BY position LIMIT ?"));
  query.bind_all(static_cast<std::int64_t>(after), static_cast<std::int64_t>(limit));
  std::vector<store::AlertRow> rows;
  while (TRY(query.step())) {
    store::AlertRow row;
    row.outbox = static_cast<std::uint64_t>(query.integer(0));
    row.time_generated = query.integer(1);
    row.start_time = query.integer(2);
    row.end_time = query.integer(3);
    row.processing_end_time = query.integer(4);
    int column = 5;
    for (std::string* text :
         {&row.alert_id, &row.rule_id, &row.title, &row.severity, &row.description, &row.status,
          &row.compromised_entity, &row.tactics, &row.techniques, &row.confidence, &row.link,
          &row.remediation_json, &row.extended_json, &row.entities_json}) {
      *text = query.string(column++);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

base::Result<void> Alerts::trim_outbox(std::uint64_t up_to) {
  State::Lease db(*state_, TRY(state_->connect()));
  return (*db).run("DELETE FROM alert_outbox WHERE position <= ?",
                   static_cast<std::int64_t>(up_to));
}

base::Result<void> Alerts::continue_outbox(std::uint64_t after) {
  State::Lease db(*state_, TRY(state_->connect()));
  auto transaction = TRY(store::Transaction::begin(*db));
  // AUTOINCREMENT goes on from this table; it has a line only once there was a row.
  TRY(
      (*db).run("INSERT INTO sqlite_sequence(name, seq) SELECT 'alert_outbox', 0 "
                "WHERE NOT EXISTS (SELECT * FROM sqlite_sequence WHERE name = 'alert_outbox')"));
  TRY((*db).run("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'alert_outbox'",
                static_cast<std::int64_t>(after)));
  return transaction.commit();
}

base::Result<AlertPage> Alerts::list(const AlertFilter& filter) const {
  const Where where = where_of(filter);
  State::Lease db(*state_, TRY(state_->connect()));
  AlertPage page;
  {
    auto count = TRY((*db).prepare("SELECT count(*) FROM alert WHERE " + where.sql));
    int parameter = 0;
    for (const std::string& text : where.texts)
      count.bind(++parameter, text);
    if (TRY(count.step())) page.total = count.integer(0);
  }
  std::string sql = fmt::format("SELECT {} FROM alert WHERE {}", kAlertColumns, where.sql);
  std::optional<Cursor> cursor;
  if (!filter.cursor.empty()) {
    cursor = TRY(parse_cursor(filter.cursor));
    sql += " AND (last_seen, id) < (?, ?)";
  }
  sql += " ORDER BY last_seen DESC, id DESC LIMIT ?";
  auto query = TRY((*db).prepare(sql));
  int parameter = 0;
  for (const std::string& text : where.texts)
    query.bind(++parameter, text);
  if (cursor) {
    query.bind(++parameter, cursor->last_seen);
    query.bind(++parameter, cursor->id);
  }
  // One more tells whether there is a next page.
  query.bind(++parameter, static_cast<std::int64_t>(filter.limit) + 1);
  while (TRY(query.step()))
    page.items.push_back(TRY(read_alert(query)));
  if (page.items.size() > filter.limit) {
    page.items.resize(filter.limit);
    if (!page.items.empty()) {
      page.next_cursor =
          fmt::format("{}.{}", to_integer(page.items.back().last_seen), page.items.back().id);
    }
  }
  return page;
}

base::Result<Alert> Alerts::get(std::string_view id) const {
  State::Lease db(*state_, TRY(state_->connect()));
  auto found = TRY(find_alert(*db, id));
  if (!found) return base::fail(base::Code::NotFound, "alert", -1, std::string(id));
  Alert alert = std::move(*found);
  alert.evidence = TRY(read_evidence(*db, id, "ASC"));
  std::vector<std::string> event_ids;
  for (const Evidence& evidence : alert.evidence)
    event_ids.push_back(evidence.event_id.to_string());
  alert.query = query_text(alert, event_ids);
  auto query =
      TRY((*db).prepare("SELECT time, actor, action, comment FROM alert_history WHERE alert_id = ? "
                        "ORDER BY position"));
  query.bind_all(id);
  while (TRY(query.step())) {
    alert.history.push_back(
        {to_time(query.integer(0)), query.string(1), query.string(2), query.string(3)});
  }
  return alert;
}

base::Result<AlertCounts> Alerts::counts() const {
  State::Lease db(*state_, TRY(state_->connect()));
  auto query = TRY((*db).prepare("SELECT status, severity, count(*) FROM alert GROUP BY 1, 2"));
  AlertCounts counts;
  while (TRY(query.step())) {
    const auto status = static_cast<std::size_t>(std::clamp<std::int64_t>(query.integer(0), 0, 2));
    const auto severity =
        static_cast<std::size_t>(std::clamp<std::int64_t>(query.integer(1), 0, 3));
    const std::int64_t count = query.integer(2);
    counts.by_status[status] += count;
    if (static_cast<Status>(status) == Status::Closed) continue;
    counts.open += count;
    counts.open_by_severity[severity] += count;
  }
  return counts;
}

base::Result<std::int64_t> Alerts::open_count(std::string_view device_id) const {
  State::Lease db(*state_, TRY(state_->connect()));
  auto query = TRY((*db).prepare("SELECT count(*) FROM alert WHERE device_id = ? AND status <> 2"));
  query.bind_all(device_id);
  TRY(query.step());
  return query.integer(0);
}

base::Result<Alert> Alerts::set_status(std::string_view id, Status status, std::string_view actor,
                                       std::string_view comment, base::WallTime now) {
  {
    State::Lease db(*state_, TRY(state_->connect()));
    auto transaction = TRY(store::Transaction::begin(*db));
    auto found = TRY(find_alert(*db, id));
    if (!found) return base::fail(base::Code::NotFound, "alert", -1, std::string(id));
    Alert alert = std::move(*found);
    const Status before = std::exchange(alert.status, status);
    auto updated =
        (*db).run("UPDATE alert SET status = ? WHERE id = ?", static_cast<int>(status), alert.id);
    if (!updated) {
      if (updated.error().code != base::Code::Exists)
        return std::unexpected(std::move(updated).error());
      return base::fail(base::Code::Conflict, "alert", -1,
                        "another open alert is about the same thing");
    }
    const std::string_view action = before == status           ? "commented"
                                    : status == Status::Closed ? "closed"
                                    : before == Status::Closed ? "reopened"
                                    : status == Status::Active ? "activated"
                                                               : "marked new";
    TRY(add_history(*db, alert.id,
                    {now, std::string(actor), std::string(action), std::string(comment)}));
    if (before != status) {
      const auto evidence = TRY(read_evidence(*db, alert.id, "DESC LIMIT 1"));
      TRY(add_outbox(*db, alert_row(alert, evidence.empty() ? Evidence() : evidence.front(),
                                    RowKind::Later, now, state_->options.link_base)));
    }
    TRY(transaction.commit());
    if (state_->changed && before != status)
      state_->changed(change_of(ChangeKind::StatusChanged, alert));
  }
  if (state_->outbox_grew) state_->outbox_grew();
  return get(id);
}

void Alerts::on_change(std::function<void(const AlertChange&)> callback) {
  state_->changed = std::move(callback);
}
void Alerts::on_outbox(std::function<void()> callback) {
  state_->outbox_grew = std::move(callback);
}

}  // namespace detect
