// What people read of alerts.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/alert_filter.h"
#include "detect/alert_relations.h"
#include "detect/alert_tables.h"
#include "detect/alert_text.h"
#include "detect/alerts.h"
#include "detect/alerts_state.h"

namespace detect {
namespace {

using base::Result;
using store::Sqlite;

constexpr std::array<std::string_view, 10> kGroupNames = {
    "severity", "status",   "verdict", "rule",      "device",
    "entity",   "assignee", "tactic",  "technique", "day"};

// How alerts are told apart by something: its key and title, and a join that multiplies rows.
struct Grouping {
  std::string_view key;
  std::string_view title;
  std::string_view join;
};
constexpr std::array<Grouping, kGroupNames.size()> kGroupings = {
    Grouping{"severity", "''", ""},
    Grouping{"status", "''", ""},
    Grouping{"verdict", "''", ""},
    Grouping{"rule_id", "max(title)", ""},
    Grouping{"device_id", "''", ""},
    Grouping{"entity", "''", ""},
    Grouping{"assignee", "''", ""},
    Grouping{"each.value", "''", "JOIN json_each(alert.rule, '$.tactics') each"},
    Grouping{"each.value", "''", "JOIN json_each(alert.rule, '$.techniques') each"},
    Grouping{"date(last_seen / 1000000000, 'unixepoch')", "''", ""}};

// Enumerators are kept as numbers, and shown by their names.
std::string shown_key(GroupBy by, const store::Statement& row) {
  const auto number = [&row](std::size_t count) {
    const auto last = static_cast<std::int64_t>(count) - 1;
    return static_cast<std::size_t>(std::clamp<std::int64_t>(row.integer(0), 0, last));
  };
  switch (by) {
    case GroupBy::Severity:
      return std::string(to_string(static_cast<Severity>(number(4))));
    case GroupBy::Status:
      return std::string(to_string(static_cast<Status>(number(3))));
    case GroupBy::Verdict:
      return std::string(to_string(static_cast<Verdict>(number(kVerdicts))));
    default:
      return row.string(0);
  }
}

base::WallTime to_time(std::int64_t nanoseconds) {
  return base::WallTime(std::chrono::nanoseconds(nanoseconds));
}

}  // namespace

std::optional<GroupBy> parse_group_by(std::string_view text) {
  for (std::size_t i = 0; i < kGroupNames.size(); ++i) {
    // NOLINTNEXTLINE(clang-analyzer-optin.core.EnumCastOutOfRange): one name for each
    if (base::equal_ignore_case(text, kGroupNames[i])) return static_cast<GroupBy>(i);
  }
  return std::nullopt;
}

Result<AlertPage> Alerts::list(const AlertFilter& filter) const {
  Where where = where_of(filter);
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  AlertPage page;
  {
    auto count = TRY((*db).prepare("SELECT count(*) FROM alert WHERE " + where.sql));
    bind_values(count, where);
    if (TRY(count.step())) page.total = count.integer(0);
  }
  if (!filter.cursor.empty()) {
    const AlertCursor cursor = TRY(AlertCursor::parse(filter.cursor));
    where.add("(last_seen, id) < (?, ?)", cursor.last_seen);
    where.values.emplace_back(cursor.id);
  }
  auto query = TRY(
      (*db).prepare(fmt::format("SELECT {} FROM alert WHERE {} ORDER BY last_seen DESC, id DESC "
                                "LIMIT ?",
                                kAlertColumns, where.sql)));
  // One more tells whether there is a next page.
  query.bind(bind_values(query, where) + 1, static_cast<std::int64_t>(filter.limit) + 1);
  while (TRY(query.step()))
    page.items.push_back(TRY(read_alert(query)));
  if (page.items.size() > filter.limit) {
    page.items.resize(filter.limit);
    if (!page.items.empty()) {
      const Alert& last = page.items.back();
      page.next_cursor = AlertCursor{to_integer(last.last_seen), last.id}.to_string();
    }
  }
  return page;
}

Result<void> Alerts::each(const AlertFilter& filter,
                          const std::function<void(const Alert&)>& take) const {
  const Where where = where_of(filter);
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  auto query = TRY((*db).prepare(
      fmt::format("SELECT {} FROM alert WHERE {} ORDER BY last_seen DESC, id DESC LIMIT ?",
                  kAlertColumns, where.sql)));
  query.bind(bind_values(query, where) + 1, static_cast<std::int64_t>(filter.limit));
  while (TRY(query.step())) {
    const Alert alert = TRY(read_alert(query));
    take(alert);
  }
  return {};
}

Result<Alert> Alerts::get(std::string_view id) const {
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
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

Result<AlertCounts> Alerts::counts() const {
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  auto query =
      TRY((*db).prepare("SELECT status, severity, count(*) FROM alert WHERE suppression = '' "
                        "GROUP BY 1, 2"));
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

Result<std::vector<AlertGroup>> Alerts::groups(const AlertFilter& filter, GroupBy by,
                                               std::size_t limit) const {
  const Where where = where_of(filter);
  const Grouping& grouping = kGroupings[static_cast<std::size_t>(by)];
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  // The condition stands apart from the join, so that names in it mean columns of `alert`.
  auto query = TRY((*db).prepare(
      fmt::format("SELECT {}, {}, count(*), sum(status <> 2), sum(CAST(hit_count AS REAL)), "
                  "max(severity), max(last_seen) FROM (SELECT * FROM alert WHERE {}) AS alert {} "
                  "GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT ?",
                  grouping.key, grouping.title, where.sql, grouping.join)));
  query.bind(bind_values(query, where) + 1, static_cast<std::int64_t>(limit));
  std::vector<AlertGroup> out;
  while (TRY(query.step())) {
    AlertGroup group;
    group.key = shown_key(by, query);
    group.title = query.text(1).empty() ? group.key : query.string(1);
    group.alerts = query.integer(2);
    group.open = query.integer(3);
    // Hits of one alert alone may be as many as an integer holds.
    constexpr double kMost = 9.0e18;
    group.hits = static_cast<std::int64_t>(std::min(query.real(4), kMost));
    group.severity = static_cast<Severity>(std::clamp<std::int64_t>(query.integer(5), 0, 3));
    group.last_seen = to_time(query.integer(6));
    out.push_back(std::move(group));
  }
  return out;
}

Result<std::int64_t> Alerts::open_count(std::string_view device_id) const {
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  auto query =
      TRY((*db).prepare("SELECT count(*) FROM alert WHERE device_id = ? AND status <> 2 AND "
                        "suppression = ''"));
  query.bind_all(device_id);
  TRY(query.step());
  return query.integer(0);
}

Result<std::vector<RelatedAlert>> Alerts::related(std::string_view id, std::size_t limit) const {
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  const auto alert = TRY(find_alert(*db, id));
  if (!alert) return base::fail(base::Code::NotFound, "alert", -1, std::string(id));
  return find_related(*db, *alert, limit);
}

Result<std::vector<HiddenCounts>> Alerts::hidden() const {
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  auto query = TRY(
      (*db).prepare("SELECT suppression, count(*), sum(CAST(hit_count AS REAL)), max(last_seen) "
                    "FROM alert WHERE suppression <> '' GROUP BY 1 ORDER BY 1"));
  std::vector<HiddenCounts> out;
  while (TRY(query.step())) {
    out.push_back({query.string(0), query.integer(1),
                   static_cast<std::int64_t>(std::min(query.real(2), 9.0e18)),
                   to_time(query.integer(3))});
  }
  return out;
}

namespace {

constexpr std::size_t kPreviewSample = 20;

enum class Coverage : std::uint8_t { None, Part, All };

// How much of the alert's evidence the scope takes in.
Result<Coverage> coverage_of(Sqlite& db, const Scope& scope, const Alert& alert) {
  if (!covers(scope, Subject{alert.rule.id, alert.device_id, alert.entity, alert.rule.severity}))
    return Coverage::None;
  if (scope.fields.empty()) return Coverage::All;
  const auto evidence = TRY(read_evidence(db, alert.id, EvidenceOrder::All));
  const auto covered =
      std::ranges::count_if(evidence, [&](const Evidence& one) { return covers(scope, one); });
  if (covered == 0) return Coverage::None;
  return static_cast<std::size_t>(covered) == evidence.size() ? Coverage::All : Coverage::Part;
}

void count_in(SuppressionPreview& preview, Coverage coverage, Alert alert) {
  if (coverage == Coverage::None) return;
  if (alert.verdict == Verdict::TruePositive) ++preview.true_positives;
  if (coverage == Coverage::Part) {
    ++preview.partly;
    return;
  }
  ++preview.alerts;
  preview.hits +=
      std::min(alert.hit_count, std::numeric_limits<std::int64_t>::max() - preview.hits);
  if (alert.status != Status::Closed) {
    ++preview.open;
    if (preview.open_ids.size() < kMaxBulk) preview.open_ids.push_back(alert.id);
  }
  ++preview.by_severity[static_cast<std::size_t>(alert.severity)];
  if (preview.sample.size() < kPreviewSample) preview.sample.push_back(std::move(alert));
}

}  // namespace

Result<SuppressionPreview> Alerts::preview(const Scope& scope, base::WallTime now) const {
  SuppressionPreview preview;
  preview.since = now - kPreviewDays;
  AlertFilter filter;
  filter.rule_id = scope.rule_id;
  filter.from = preview.since;
  const Where where = where_of(filter);
  Sqlite connection = TRY(state_->connect());
  State::Lease db(*state_, std::move(connection));
  auto query = TRY((*db).prepare(fmt::format(
      "SELECT {} FROM alert WHERE {} ORDER BY last_seen DESC, id DESC", kAlertColumns, where.sql)));
  bind_values(query, where);
  while (TRY(query.step())) {
    Alert alert = TRY(read_alert(query));
    const Coverage coverage = TRY(coverage_of(*db, scope, alert));
    count_in(preview, coverage, std::move(alert));
  }
  return preview;
}

}  // namespace detect
