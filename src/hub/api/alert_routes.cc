// What was detected, one by one and counted; what people make of it.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "detect/alerts.h"
#include "hub/api/alert_json.h"
#include "hub/api/api.h"

namespace hub::api {

using base::json::Writer;

namespace {

constexpr std::size_t kMaxExported = 100'000;
constexpr std::size_t kMaxRelated = 100;

detect::Alerts& all(const Call& call) {
  return *call.services.dependencies.alerts;
}

Response refused(const Call& call, const base::Error& error) {
  switch (error.code) {
    case base::Code::NotFound:
      return problem(call.request, Problem::NotFound,
                     "There is no alert " + base::json::quoted(call.path[0]) + ".");
    case base::Code::Conflict:
      if (std::string_view(error.what) == "alert version") break;
      return problem(call.request, Problem::Conflict,
                     "Another open alert is about the same thing; close that one first.");
    case base::Code::Invalid:
      return problem(call.request, Problem::BadRequest, error.detail);
    default:
      break;
  }
  return problem(call.request, error);
}

Response answer_with(const detect::Alert& alert) {
  Response response = json_response(200, alert_detail_json(alert));
  response.headers.push_back({"ETag", fmt::format("\"{}\"", alert.version)});
  return response;
}

// A cell of RFC 4180. What a spreadsheet would take for a formula gets a quote in front: devices
// choose these texts.
void append_cell(std::string& line, std::string_view text) {
  if (!line.empty()) line += ',';
  const bool formula = !text.empty() && std::string_view("=+-@\t\r").contains(text.front());
  if (!formula && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    line += text;
    return;
  }
  line += '"';
  if (formula) line += '\'';
  for (const char c : text) {
    if (c == '"') line += '"';
    line += c;
  }
  line += '"';
}

std::string csv_line(const detect::Alert& alert) {
  const auto list = [](const std::vector<std::string>& texts) {
    return fmt::format("{}", fmt::join(texts, " "));
  };
  std::string line;
  for (const std::string& text :
       {alert.id, std::string(detect::to_string(alert.severity)),
        std::string(detect::to_string(alert.status)), std::string(detect::to_string(alert.verdict)),
        alert.assignee, alert.title, alert.device_id, alert.module_id, alert.entity,
        time_text(alert.first_seen), time_text(alert.last_seen),
        alert.closed ? time_text(*alert.closed) : std::string(), std::to_string(alert.hit_count),
        alert.rule.id, list(alert.rule.tactics), list(alert.rule.techniques), alert.why_flagged,
        alert.suppression})
    append_cell(line, text);
  return line + "\r\n";
}
constexpr std::string_view kCsvHead =
    "Id,Severity,Status,Verdict,Assignee,Title,Device,Module,Entity,FirstSeen,LastSeen,Closed,Hits,"
    "RuleId,Tactics,Techniques,WhyFlagged,SuppressionId\r\n";

}  // namespace

Response list_alerts(Call& call) {
  auto filter = read_alert_filter(call);
  if (!filter) return std::move(filter.error());
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  filter->limit = *limit;
  if (const auto* cursor = call.target.parameter("cursor")) filter->cursor = *cursor;
  auto page = all(call).list(*filter);
  if (!page) return problem(call.request, page.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const detect::Alert& alert : page->items) {
    writer.begin_object();
    write_alert(writer, alert);
    writer.end_object();
  }
  writer.end_array();
  cursor_field(writer, page->next_cursor);
  writer.field("total", page->total);
  writer.end_object();
  return json_response(200, std::move(body));
}

Response count_alerts(Call& call) {
  const auto filter = read_alert_filter(call);
  if (!filter) return filter.error();
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  const std::string* text = call.target.parameter("by");
  const auto by = detect::parse_group_by(text == nullptr ? "severity" : *text);
  if (!by) {
    return bad_member(call, "by",
                      "severity, status, verdict, rule, device, entity, assignee, tactic, "
                      "technique or day",
                      *text);
  }
  const auto groups = all(call).groups(*filter, *by, *limit);
  if (!groups) return problem(call.request, groups.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const detect::AlertGroup& group : *groups) {
    writer.begin_object();
    writer.field("key", group.key);
    writer.field("title", group.title);
    writer.field("alerts", group.alerts);
    writer.field("open", group.open);
    writer.field("hits", group.hits);
    writer.field("severity", detect::to_string(group.severity));
    time_field(writer, "lastSeen", group.last_seen);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response export_alerts(Call& call) {
  auto filter = read_alert_filter(call);
  if (!filter) return std::move(filter.error());
  filter->limit = kMaxExported + 1;
  call.audit_detail = "alerts: " + detect::describe(*filter);
  Response response;
  response.content_type = "text/csv; charset=utf-8";
  response.headers.push_back({"Content-Disposition", "attachment; filename=\"alerts.csv\""});
  response.body = kCsvHead;
  std::size_t count = 0;
  const auto read = all(call).each(*filter, [&](const detect::Alert& alert) {
    if (++count <= kMaxExported) response.body += csv_line(alert);
  });
  if (!read) return problem(call.request, read.error());
  if (count > kMaxExported) {
    return problem(call.request, Problem::BadRequest,
                   fmt::format("These are more than {} alerts: narrow the filter, or export the "
                               "table SecurityAlert.",
                               kMaxExported));
  }
  return response;
}

Response list_assignees(Call& call) {
  const auto users = call.accounts.users();
  if (!users) return problem(call.request, users.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const User& user : *users) {
    if (user.role == Role::Reader) continue;
    writer.begin_object();
    writer.field("name", user.name);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_alert(Call& call) {
  const auto alert = all(call).get(call.path[0]);
  return alert ? answer_with(*alert) : refused(call, alert.error());
}

Response list_related_alerts(Call& call) {
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  const auto related = all(call).related(call.path[0], std::min(*limit, kMaxRelated));
  if (!related) return refused(call, related.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const detect::RelatedAlert& one : *related) {
    writer.begin_object();
    writer.key("alert");
    writer.begin_object();
    write_alert(writer, one.alert);
    writer.end_object();
    writer.key("reasons");
    writer.begin_array();
    for (const auto& reason : one.reasons) {
      writer.begin_object();
      writer.field("relation", detect::to_string(reason.relation));
      writer.field("text", reason.text);
      writer.end_object();
    }
    writer.end_array();
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response update_alert(Call& call) {
  const auto body =
      read_body(call, Body::Required, {"status", "verdict", "assignee", "severity", "comment"});
  if (!body) return body.error();
  const auto update = read_alert_update(call, *body);
  if (!update) return update.error();
  std::int64_t version = 0;
  if (const std::string etag = if_match(call); !etag.empty() && etag != "*") {
    // None of ours is never the present one.
    version = base::parse_int(etag).value_or(-1);
    if (version < 1) version = -1;
  }
  call.audit_detail = detect::describe(*update);
  const auto alert =
      all(call).update(call.path[0], *update, version, call.principal.name, call.now);
  return alert ? answer_with(*alert) : refused(call, alert.error());
}

// --- many at once ---

Response plan_alert_change(Call& call) {
  const auto body = read_body(call, Body::Required, {"filter", "change"});
  if (!body) return body.error();
  const base::json::Value empty(base::json::Value::Object{});
  const auto* wanted = body->find("filter");
  const auto filter = read_alert_filter(call, wanted == nullptr ? empty : *wanted);
  if (!filter) return filter.error();
  const auto* change = body->find("change");
  if (change == nullptr || change->if_object() == nullptr)
    return bad_member(call, "change", "an object", "");
  for (const auto& member : *change->if_object()) {
    constexpr std::array<std::string_view, 5> kMembers = {"status", "verdict", "assignee",
                                                          "severity", "comment"};
    if (std::ranges::find(kMembers, member.name) == kMembers.end())
      return bad_member(call, "change", "the members of a change", member.name);
  }
  const auto update = read_alert_update(call, *change);
  if (!update) return update.error();
  const auto plan = all(call).plan(*filter, *update, call.principal.name, call.now);
  if (!plan && plan.error().code == base::Code::TooLarge)
    return problem(call.request, Problem::TooLarge, plan.error().detail);
  if (!plan) return problem(call.request, plan.error());
  std::string text;
  Writer writer(text);
  writer.begin_object();
  writer.field("token", plan->token);
  time_field(writer, "expires", plan->expires);
  writer.field("predicate", plan->predicate);
  writer.field("effect", plan->effect);
  writer.field("alerts", plan->alerts);
  writer.field("matched", plan->matched);
  write_statuses(writer, "byStatus", plan->by_status);
  write_severities(writer, "bySeverity", plan->by_severity);
  writer.key("sample");
  writer.begin_array();
  for (const detect::Alert& alert : plan->sample) {
    writer.begin_object();
    write_alert(writer, alert);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(text));
}

Response change_alerts(Call& call) {
  const auto body = read_body(call, Body::Required, {"token"});
  if (!body) return body.error();
  const auto token = text_field(call, *body, "token", 64);
  if (!token) return token.error();
  if (!*token) return bad_member(call, "token", "that of a plan", "");
  const auto done = all(call).carry_out(**token, call.principal.name, call.now);
  if (!done && done.error().code == base::Code::NotFound) {
    return problem(call.request, Problem::NotFound,
                   "There is no such plan of yours, or it has expired: make another.");
  }
  if (!done) return problem(call.request, done.error());
  call.audit_detail = fmt::format("{} of: {}; {} changed, {} skipped", done->effect,
                                  done->predicate, done->changed, done->skipped);
  std::string text;
  Writer writer(text);
  writer.begin_object();
  writer.field("predicate", done->predicate);
  writer.field("effect", done->effect);
  writer.field("changed", done->changed);
  writer.field("skipped", done->skipped);
  writer.key("skippedAlerts");
  writer.begin_array();
  for (const auto& skipped : done->skipped_alerts) {
    writer.begin_object();
    writer.field("id", skipped.id);
    writer.field("why", skipped.why);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(text));
}

void add_alert_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  table.push_back({Get, "/alerts", Look, list_alerts, {}, filter_parameters({"limit", "cursor"})});
  table.push_back(
      {Get, "/alerts/counts", Look, count_alerts, {}, filter_parameters({"by", "limit"})});
  table.push_back({Get, "/alerts/export", Look, export_alerts, "data.export", filter_parameters({}),
                   Pool::Queries});
  table.push_back({Get, "/alerts/assignees", Look, list_assignees});
  table.push_back({Post, "/alerts/bulk/test", Handle, plan_alert_change});
  table.push_back({Post, "/alerts/bulk", Handle, change_alerts, "alert.bulk"});
  table.push_back({Get, "/alerts/{alertId}", Look, get_alert});
  table.push_back({Patch, "/alerts/{alertId}", Handle, update_alert, "alert.update"});
  table.push_back({Get, "/alerts/{alertId}/related", Look, list_related_alerts, {}, {"limit"}});
}

}  // namespace hub::api
