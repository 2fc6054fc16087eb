// What people change of alerts: one, many at once by a plan, and what time does by itself.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/alert_filter.h"
#include "detect/alert_tables.h"
#include "detect/alert_text.h"
#include "detect/alerts.h"
#include "detect/alerts_state.h"

namespace detect {
namespace {

using base::Code;
using base::fail;
using base::Result;
using store::Sqlite;

constexpr std::size_t kPlanSample = 10;
constexpr std::size_t kBulkAtOnce = 200;    // in one transaction
constexpr std::size_t kSkippedNamed = 100;  // that are told by id
constexpr std::int64_t kTidyAtOnce = 500;

// What a change does to the status, as the history says it; empty: nothing.
std::string_view status_action(Status before, Status after) {
  if (before == after) return "";
  if (after == Status::Closed) return "closed";
  if (before == Status::Closed) return "reopened";
  return after == Status::Active ? "activated" : "marked new";
}

// The update, applied to the alert in memory; what happened, in order. Errors: Invalid.
Result<std::vector<HistoryEntry>> apply_update(Alert& alert, const AlertUpdate& update,
                                               std::string_view actor, base::WallTime now) {
  std::vector<HistoryEntry> entries;
  const auto add = [&](std::string_view action, std::string_view detail) {
    entries.push_back({now, std::string(actor), std::string(action), "", std::string(detail)});
  };
  const Status before = alert.status;
  alert.status = update.status.value_or(before);
  const std::string_view action = status_action(before, alert.status);
  const bool closed = alert.status == Status::Closed;
  if (!closed && update.verdict.value_or(Verdict::None) != Verdict::None)
    return fail(Code::Invalid, "alert", -1, "a verdict belongs to a closed alert");
  if (!closed) {
    alert.verdict = Verdict::None;
    alert.closed.reset();
  }
  const Verdict verdict_before = alert.verdict;
  if (closed) alert.verdict = update.verdict.value_or(verdict_before);
  if (closed && alert.verdict == Verdict::None) alert.verdict = Verdict::Undetermined;
  if (!action.empty()) {
    if (closed) alert.closed = now;
    add(action, to_string(alert.verdict));
  } else if (alert.verdict != verdict_before) {
    add("verdict", to_string(alert.verdict));
  }
  if (update.severity && *update.severity != alert.severity) {
    alert.severity = *update.severity;
    add("severity", to_string(alert.severity));
  }
  if (update.assignee && *update.assignee != alert.assignee) {
    alert.assignee = *update.assignee;
    add(alert.assignee.empty() ? "unassigned" : "assigned", alert.assignee);
  }
  return entries;
}

std::string update_json(const AlertUpdate& update) {
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  if (update.status) writer.field("status", to_string(*update.status));
  if (update.verdict) writer.field("verdict", to_string(*update.verdict));
  if (update.assignee) writer.field("assignee", *update.assignee);
  if (update.severity) writer.field("severity", to_string(*update.severity));
  writer.field("comment", update.comment);
  writer.end_object();
  return json;
}

Result<AlertUpdate> parse_update(std::string_view json) {
  const auto value = TRY(base::json::parse(json));
  AlertUpdate update;
  update.status = parse_status(value.text_or("status", ""));
  update.verdict = parse_verdict(value.text_or("verdict", "none"));
  if (value.find("assignee") != nullptr) update.assignee = value.text_or("assignee", "");
  update.severity = parse_severity(value.text_or("severity", ""));
  update.comment = value.text_or("comment", "");
  return update;
}

}  // namespace

Result<void> Alerts::State::add_row(Sqlite& db, const Alert& alert, base::WallTime now) const {
  if (!alert.suppression.empty()) return {};
  const auto evidence = TRY(read_evidence(db, alert.id, EvidenceOrder::NewestOnly));
  return add_outbox(db, alert_row(alert, evidence.empty() ? Evidence() : evidence.front(),
                                  RowKind::Later, now, options.link_base));
}

Result<bool> Alerts::State::change(Sqlite& db, Alert& alert, const AlertUpdate& update,
                                   std::string_view actor, base::WallTime now) const {
  auto entries = TRY(apply_update(alert, update, actor, now));
  const bool altered = !entries.empty();
  if (altered) {
    auto updated = update_state(db, alert);
    if (!updated && updated.error().code == Code::Exists)
      return fail(Code::Conflict, "alert", -1, "another open alert is about the same thing");
    TRY(std::move(updated));
  } else if (!update.comment.empty()) {
    entries.push_back({now, std::string(actor), "commented", ""});
  }
  if (entries.empty()) return false;
  entries.front().comment = update.comment;
  for (const HistoryEntry& entry : entries)
    TRY(add_history(db, alert.id, entry));
  if (altered) TRY(add_row(db, alert, now));
  return true;
}

void Alerts::State::tell(const std::vector<AlertChange>& changes) const {
  if (changes.empty()) return;
  if (changed) {
    for (const AlertChange& change : changes)
      changed(change);
  }
  if (outbox_grew) outbox_grew();
}

Result<Alert> Alerts::update(std::string_view id, const AlertUpdate& update, std::int64_t version,
                             std::string_view actor, base::WallTime now) {
  std::vector<AlertChange> changes;
  {
    Sqlite connection = TRY(state_->connect());
    State::Lease db(*state_, std::move(connection));
    auto transaction = TRY(store::Transaction::begin(*db));
    auto found = TRY(find_alert(*db, id));
    if (!found) return fail(Code::NotFound, "alert", -1, std::string(id));
    if (version != 0 && version != found->version)
      return fail(Code::Conflict, "alert version", -1, "it was changed in between; read it again");
    const bool changed = TRY(state_->change(*db, *found, update, actor, now));
    TRY(transaction.commit());
    if (changed && found->suppression.empty())
      changes.push_back(change_of(ChangeKind::StatusChanged, *found));
  }
  state_->tell(changes);
  return get(id);
}

Result<BulkPlan> Alerts::plan(const AlertFilter& filter, const AlertUpdate& update,
                              std::string_view actor, base::WallTime now) {
  const Where all = where_of(filter);
  Where touched = where_changed(update);
  const bool alters = update.status || update.verdict || update.assignee || update.severity;
  if (!alters && update.comment.empty())
    return fail(Code::Invalid, "bulk change", -1, "there is nothing to change");
  touched.sql = fmt::format("({}) AND ({})", all.sql, touched.sql);
  // A verdict alone is for closed alerts.
  if (update.verdict && !update.status) touched.sql += " AND status = 2";
  touched.values.insert(touched.values.begin(), all.values.begin(), all.values.end());
  BulkPlan plan;
  plan.token = base::Guid::random().to_string();
  plan.expires = now + kPlanLife;
  plan.predicate = describe(filter);
  plan.effect = describe(update);
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  auto transaction = TRY(store::Transaction::begin(*db));
  {
    auto count = TRY((*db).prepare("SELECT count(*) FROM alert WHERE " + all.sql));
    bind_values(count, all);
    if (TRY(count.step())) plan.matched = count.integer(0);
    auto counts = TRY((*db).prepare("SELECT status, severity, count(*) FROM alert WHERE " +
                                    touched.sql + " GROUP BY 1, 2"));
    bind_values(counts, touched);
    while (TRY(counts.step())) {
      plan.alerts += counts.integer(2);
      plan.by_status[static_cast<std::size_t>(counts.integer(0)) % 3] += counts.integer(2);
      plan.by_severity[static_cast<std::size_t>(counts.integer(1)) % 4] += counts.integer(2);
    }
  }
  if (plan.alerts > static_cast<std::int64_t>(kMaxBulk)) {
    return fail(
        Code::TooLarge, "bulk change", -1,
        fmt::format("{} alerts; at most {} at once: narrow the filter", plan.alerts, kMaxBulk));
  }
  TRY((*db).run("INSERT INTO alert_plan VALUES(?, ?, ?, ?, ?)", plan.token, actor,
                to_integer(plan.expires), update_json(update), plan.predicate));
  auto items = TRY((*db).prepare(
      "INSERT INTO alert_plan_item SELECT ?, id, version FROM alert WHERE " + touched.sql));
  items.bind(1, plan.token);
  bind_values(items, touched, 1);
  TRY(items.run());
  auto sample = TRY((*db).prepare(
      fmt::format("SELECT {} FROM alert WHERE {} ORDER BY last_seen DESC, id DESC LIMIT ?",
                  kAlertColumns, touched.sql)));
  sample.bind(bind_values(sample, touched) + 1, static_cast<std::int64_t>(kPlanSample));
  while (TRY(sample.step()))
    plan.sample.push_back(TRY(read_alert(sample)));
  TRY(transaction.commit());
  return plan;
}

namespace {

struct PlanItem {
  std::string id;
  std::int64_t version = 0;
};

Result<std::vector<PlanItem>> next_items(Sqlite& db, std::string_view token) {
  auto rows =
      TRY(db.prepare("SELECT alert_id, version FROM alert_plan_item WHERE token = ? "
                     "ORDER BY alert_id LIMIT ?"));
  rows.bind_all(token, static_cast<std::int64_t>(kBulkAtOnce));
  std::vector<PlanItem> out;
  while (TRY(rows.step()))
    out.push_back({rows.string(0), rows.integer(1)});
  return out;
}

// What the plan wants; its predicate goes into the result.
Result<AlertUpdate> find_plan(Sqlite& db, std::string_view token, std::string_view actor,
                              base::WallTime now, BulkResult& result) {
  auto row = TRY(db.prepare(
      "SELECT change, predicate FROM alert_plan WHERE token = ? AND actor = ? AND expires > ?"));
  row.bind_all(token, actor, to_integer(now));
  if (!TRY(row.step()))
    return fail(Code::NotFound, "bulk change", -1, "no such plan of yours, or it has expired");
  const AlertUpdate update = TRY(parse_update(row.text(0)));
  result.predicate = row.string(1);
  result.effect = describe(update);
  return update;
}

void skip(BulkResult& result, const std::string& id, std::string why) {
  ++result.skipped;
  if (result.skipped_alerts.size() < kSkippedNamed)
    result.skipped_alerts.push_back({id, std::move(why)});
}

}  // namespace

Result<BulkResult> Alerts::carry_out(std::string_view token, std::string_view actor,
                                     base::WallTime now) {
  BulkResult result;
  bool more = true;
  while (more) {
    std::vector<AlertChange> changes;
    {
      Sqlite connection = TRY(state_->connect());
      State::Lease db(*state_, std::move(connection));
      auto transaction = TRY(store::Transaction::begin(*db));
      const AlertUpdate update = TRY(find_plan(*db, token, actor, now, result));
      const auto items = TRY(next_items(*db, token));
      for (const PlanItem& item : items) {
        TRY((*db).run("DELETE FROM alert_plan_item WHERE token = ? AND alert_id = ?", token,
                      item.id));
        auto alert = TRY(find_alert(*db, item.id));
        if (!alert || alert->version != item.version) {
          skip(result, item.id, "it was changed in between");
          continue;
        }
        auto changed = state_->change(*db, *alert, update, actor, now);
        if (!changed &&
            (changed.error().code == Code::Conflict || changed.error().code == Code::Invalid)) {
          skip(result, item.id, changed.error().detail);
          continue;
        }
        const bool done = TRY(std::move(changed));
        result.changed += done ? 1 : 0;
        if (alert->suppression.empty())
          changes.push_back(change_of(ChangeKind::StatusChanged, *alert));
      }
      more = items.size() == kBulkAtOnce;
      if (!more) TRY((*db).run("DELETE FROM alert_plan WHERE token = ?", token));
      TRY(transaction.commit());
    }
    state_->tell(changes);
  }
  return result;
}

Result<std::int64_t> Alerts::restore(std::string_view suppression, std::string_view actor,
                                     base::WallTime now) {
  if (suppression.empty()) return fail(Code::Invalid, "suppression", -1, "expected an id");
  std::vector<AlertChange> changes;
  {
    Sqlite connection = TRY(state_->connect());
    State::Lease db(*state_, std::move(connection));
    auto transaction = TRY(store::Transaction::begin(*db));
    std::vector<std::string> ids;
    {
      auto rows = TRY((*db).prepare("SELECT id FROM alert WHERE suppression = ?"));
      rows.bind_all(suppression);
      while (TRY(rows.step()))
        ids.push_back(rows.string(0));
    }
    for (const std::string& id : ids) {
      auto alert = TRY(find_alert(*db, id));
      if (!alert) continue;
      alert->suppression.clear();
      auto shown = update_state(*db, *alert);
      if (!shown && shown.error().code == Code::Exists) continue;
      TRY(std::move(shown));
      TRY(add_history(*db, id, {now, std::string(actor), "restored", ""}));
      TRY(state_->add_row(*db, *alert, now));
      changes.push_back(change_of(ChangeKind::StatusChanged, *alert));
    }
    TRY(transaction.commit());
  }
  state_->tell(changes);
  return static_cast<std::int64_t>(changes.size());
}

Result<void> Alerts::State::close_quiet(Sqlite& db, base::WallTime now,
                                        std::vector<AlertChange>& changes) {
  std::vector<std::string> ids;
  auto rows =
      TRY(db.prepare("SELECT id FROM alert WHERE last_seen < ? AND status <> 2 ORDER BY last_seen "
                     "LIMIT ?"));
  rows.bind_all(to_integer(now - options.quiet), kTidyAtOnce);
  while (TRY(rows.step()))
    ids.push_back(rows.string(0));
  const auto days = std::chrono::duration_cast<std::chrono::days>(options.quiet).count();
  const AlertUpdate close{.status = Status::Closed,
                          .verdict = Verdict::Undetermined,
                          .comment = fmt::format("Nothing more happened for {} days.", days)};
  for (const std::string& id : ids) {
    auto alert = TRY(find_alert(db, id));
    if (!alert) continue;
    TRY(change(db, *alert, close, "vedette", now));
    metrics.quiet.add();
    if (alert->suppression.empty()) changes.push_back(change_of(ChangeKind::StatusChanged, *alert));
  }
  return {};
}

Result<void> Alerts::State::forget_old(Sqlite& db, base::WallTime now) {
  std::vector<std::string> ids;
  auto rows =
      TRY(db.prepare("SELECT id FROM alert WHERE closed_at < ? AND status = 2 ORDER BY closed_at "
                     "LIMIT ?"));
  rows.bind_all(to_integer(now - options.keep_closed), kTidyAtOnce);
  while (TRY(rows.step()))
    ids.push_back(rows.string(0));
  for (const std::string& id : ids) {
    TRY(delete_alert(db, id));
    metrics.forgotten.add();
  }
  return {};
}

Result<void> Alerts::tidy(base::WallTime now) {
  std::vector<AlertChange> changes;
  {
    Sqlite connection = TRY(state_->connect());
    State::Lease db(*state_, std::move(connection));
    auto transaction = TRY(store::Transaction::begin(*db));
    TRY(state_->close_quiet(*db, now, changes));
    TRY(state_->forget_old(*db, now));
    TRY((*db).run("DELETE FROM alert_plan WHERE expires <= ?", to_integer(now)));
    TRY((*db).run("DELETE FROM alert_plan_item WHERE token NOT IN (SELECT token FROM alert_plan)"));
    TRY(transaction.commit());
  }
  state_->tell(changes);
  return {};
}

}  // namespace detect
