#include "detect/alerts.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/alert_tables.h"
#include "detect/alert_text.h"
#include "store/sqlite.h"

namespace detect {
namespace {

using store::Sqlite;

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
  TRY(insert_alert(db, alert));
  TRY(add_history(db, alert.id, {finding.received, "vedette", "created", ""}));
  TRY(add_outbox(
      db, alert_row(alert, finding.evidence, RowKind::First, finding.received, options.link_base)));
  return alert;
}

base::Result<Alert> Alerts::State::repeat(Sqlite& db, const Finding& finding, Alert alert) const {
  const std::int64_t before = alert.hit_count;
  alert.hit_count += std::min(finding.hits, std::numeric_limits<std::int64_t>::max() - before);
  alert.last_seen = std::max(alert.last_seen, finding.received);
  TRY(update_hits(db, alert));
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
  TRY(db.migrate("alerts", alert_migrations()));
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
  return read_outbox(*db, after, limit);
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
  alert.evidence = TRY(read_evidence(*db, id, EvidenceOrder::All));
  std::vector<std::string> event_ids;
  for (const Evidence& evidence : alert.evidence)
    event_ids.push_back(evidence.event_id.to_string());
  alert.query = query_text(alert, event_ids);
  alert.history = TRY(read_history(*db, id));
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
      const auto evidence = TRY(read_evidence(*db, alert.id, EvidenceOrder::NewestOnly));
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
