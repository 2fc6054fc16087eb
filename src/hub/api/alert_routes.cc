#include <fmt/format.h>

#include "base/text.h"
#include "detect/alerts.h"
#include "hub/api/api.h"

namespace hub::api {

using base::json::Writer;

namespace {

constexpr std::size_t kMaxComment = 4096;
constexpr std::size_t kMaxSearch = 256;

void write_texts(Writer& writer, std::string_view name, const std::vector<std::string>& texts) {
  writer.key(name);
  writer.begin_array();
  for (const std::string& text : texts)
    writer.value(text);
  writer.end_array();
}

// The members of Alert, without the braces.
void write_alert(Writer& writer, const detect::Alert& alert) {
  writer.field("id", alert.id);
  writer.key("rule");
  writer.begin_object();
  writer.field("id", alert.rule.id);
  writer.field("title", alert.rule.title);
  if (!alert.rule.url.empty()) writer.field("url", alert.rule.url);
  writer.end_object();
  writer.field("title", alert.title);
  writer.field("severity", detect::to_string(alert.severity));
  writer.field("status", detect::to_string(alert.status));
  writer.field("deviceId", alert.device_id);
  writer.field("moduleId", alert.module_id);
  time_field(writer, "firstSeen", alert.first_seen);
  time_field(writer, "lastSeen", alert.last_seen);
  writer.field("hitCount", alert.hit_count);
  writer.field("description", alert.rule.description);
  writer.field("whyFlagged", alert.why_flagged);
  write_texts(writer, "remediation", alert.rule.remediation);
  write_texts(writer, "tactics", alert.rule.tactics);
  write_texts(writer, "techniques", alert.rule.techniques);
}

void write_evidence(Writer& writer, const detect::Evidence& evidence) {
  writer.begin_object();
  writer.field("eventId", evidence.event_id.to_string());
  time_field(writer, "time", evidence.time);
  writer.field("name", evidence.event_name);
  writer.key("details");
  writer.raw(evidence.details_json);
  writer.key("matched");
  writer.begin_array();
  for (const detect::Match& match : evidence.matched) {
    writer.begin_object();
    writer.field("field", match.field);
    writer.field("value", match.value);
    writer.field("pattern", match.pattern);
    writer.field("found", match.found);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
}

std::string detail_json(const detect::Alert& alert) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  write_alert(writer, alert);
  writer.key("evidence");
  writer.begin_array();
  for (const detect::Evidence& evidence : alert.evidence)
    write_evidence(writer, evidence);
  writer.end_array();
  writer.field("query", alert.query);
  writer.key("history");
  writer.begin_array();
  for (const detect::HistoryEntry& entry : alert.history) {
    writer.begin_object();
    time_field(writer, "time", entry.time);
    writer.field("actor", entry.actor);
    writer.field("action", entry.action);
    writer.field("comment", entry.comment);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return body;
}

Response bad_parameter(const Call& call, std::string_view name, std::string_view expected,
                       std::string_view found) {
  return problem(
      call.request, Problem::BadRequest,
      fmt::format("{}: expected {}, found {}", name, expected, base::json::quoted(found)));
}

std::expected<detect::AlertFilter, Response> read_filter(const Call& call) {
  const auto text = [&call](std::string_view name) {
    const std::string* value = call.target.parameter(name);
    return value == nullptr ? std::string() : *value;
  };
  detect::AlertFilter filter;
  if (const std::string status = text("status"); status == "open") {
    filter.open_only = true;
  } else if (!status.empty()) {
    filter.status = detect::parse_status(status);
    if (!filter.status) {
      return std::unexpected(bad_parameter(call, "status", "new, active, closed or open", status));
    }
  }
  if (const std::string severity = text("severity"); !severity.empty()) {
    filter.severity = detect::parse_severity(severity);
    if (!filter.severity) {
      return std::unexpected(
          bad_parameter(call, "severity", "High, Medium, Low or Informational", severity));
    }
  }
  filter.device_id = text("device");
  filter.search = text("search");
  if (filter.search.size() > kMaxSearch) {
    return std::unexpected(bad_parameter(call, "search", "at most 256 bytes", "more"));
  }
  filter.cursor = text("cursor");
  auto limit = limit_parameter(call);
  if (!limit) return std::unexpected(std::move(limit.error()));
  filter.limit = *limit;
  return filter;
}

}  // namespace

Response list_alerts(Call& call) {
  auto filter = read_filter(call);
  if (!filter) return std::move(filter.error());
  auto page = call.services.dependencies.alerts->list(*filter);
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

namespace {

Response refused(const Call& call, const base::Error& error) {
  if (error.code != base::Code::NotFound) return problem(call.request, error);
  return problem(call.request, Problem::NotFound,
                 "There is no alert " + base::json::quoted(call.path[0]) + ".");
}

}  // namespace

Response get_alert(Call& call) {
  auto alert = call.services.dependencies.alerts->get(call.path[0]);
  if (!alert) return refused(call, alert.error());
  return json_response(200, detail_json(*alert));
}

Response update_alert(Call& call) {
  auto body = read_body(call, Body::Required, {"status", "comment"});
  if (!body) return std::move(body.error());
  auto status_text = text_field(call, *body, "status", 16);
  if (!status_text) return std::move(status_text.error());
  auto comment = text_field(call, *body, "comment", kMaxComment);
  if (!comment) return std::move(comment.error());
  const auto status = detect::parse_status(status_text->value_or(""));
  if (!status) {
    return bad_parameter(call, "status", "new, active or closed", status_text->value_or(""));
  }
  call.audit_detail = detect::to_string(*status);
  auto alert = call.services.dependencies.alerts->set_status(
      call.path[0], *status, call.principal.name, comment->value_or(""), call.now);
  if (!alert && alert.error().code == base::Code::Conflict) {
    return problem(call.request, Problem::Conflict,
                   "Another open alert is about the same thing; close that one first.");
  }
  if (!alert) return refused(call, alert.error());
  return json_response(200, detail_json(*alert));
}

}  // namespace hub::api
