// Analytic rules: KQL that is asked on a schedule.
#include "detect/scheduled/analytics.h"
#include "hub/api/api.h"
#include "hub/api/query_call.h"
#include "store/catalogue.h"

namespace hub::api {

using base::json::Value;
using base::json::Writer;
using detect::scheduled::AnalyticRule;
using detect::scheduled::LastRun;
using detect::scheduled::Refusal;
using detect::scheduled::RuleStatus;
using detect::scheduled::Trial;

namespace {

constexpr std::size_t kShownRows = 20;

detect::scheduled::Analytics& all(const Call& call) {
  return *call.services.dependencies.analytics;
}

void write_texts(Writer& writer, std::string_view name, const std::vector<std::string>& texts) {
  writer.key(name);
  writer.begin_array();
  for (const std::string& text : texts)
    writer.value(text);
  writer.end_array();
}

void write_run(Writer& writer, const std::optional<LastRun>& run) {
  writer.key("lastRun");
  if (!run) return writer.null();
  writer.begin_object();
  writer.field("started", time_text(run->started));
  writer.field("from", time_text(run->from));
  writer.field("to", time_text(run->to));
  writer.field("tookMs", std::chrono::duration<double, std::milli>(run->took).count());
  writer.field("rows", run->rows);
  writer.field("findings", run->findings);
  writer.field("truncated", run->truncated);
  writer.field("error", run->error);
  writer.field("problem", run->problem);
  writer.end_object();
}

std::string_view name_of(detect::scheduled::Trigger trigger) {
  using detect::scheduled::Trigger;
  switch (trigger) {
    case Trigger::Above:
      return "gt";
    case Trigger::Below:
      return "lt";
    case Trigger::Equal:
      return "eq";
    case Trigger::NotEqual:
      return "ne";
  }
  return "gt";
}

void write_entities(Writer& writer, const AnalyticRule& rule) {
  writer.key("entities");
  writer.begin_array();
  for (const auto& entity : rule.entities) {
    writer.begin_object();
    writer.field("type", entity.type);
    writer.key("fields");
    writer.begin_array();
    for (const auto& field : entity.fields) {
      writer.begin_object();
      writer.field("identifier", field.identifier);
      writer.field("column", field.column);
      writer.end_object();
    }
    writer.end_array();
    writer.end_object();
  }
  writer.end_array();
}

void write_rule(Writer& writer, const RuleStatus& status) {
  const AnalyticRule& rule = status.rule;
  writer.begin_object();
  writer.field("id", rule.id);
  writer.field("name", rule.name);
  writer.field("description", rule.description);
  writer.field("severity", to_string(rule.severity));
  writer.field("queryFrequency", base::format_duration(rule.frequency));
  writer.field("queryPeriod", base::format_duration(rule.period));
  writer.field("triggerOperator", name_of(rule.trigger));
  writer.field("triggerThreshold", rule.threshold);
  writer.field("aggregation", rule.aggregation == detect::scheduled::Aggregation::AlertPerResult
                                  ? "AlertPerResult"
                                  : "SingleAlert");
  writer.field("query", rule.query);
  write_entities(writer, rule);
  write_texts(writer, "tactics", rule.tactics);
  write_texts(writer, "techniques", rule.techniques);
  writer.field("builtin", status.builtin());
  writer.field("enabled", status.enabled);
  writer.field("problem", status.problem);
  writer.key("warnings");
  writer.begin_array();
  for (const auto& warning : rule.warnings)
    writer.value(warning.to_string("rule"));
  writer.end_array();
  writer.field("yaml", status.yaml);
  writer.field("etag", status.etag);
  writer.field("updated", time_text(status.updated));
  writer.field("updatedBy", status.updated_by);
  writer.field("runs", status.runs);
  writer.field("failures", status.failures);
  writer.field("findings", status.findings);
  write_run(writer, status.last);
  time_field(writer, "nextRun", status.next);
  writer.end_object();
}

Response answer_with(unsigned status, const RuleStatus& rule) {
  std::string body;
  Writer writer(body);
  write_rule(writer, rule);
  Response response = json_response(status, std::move(body));
  response.headers.push_back({"ETag", "\"" + rule.etag + "\""});
  return response;
}

Response refused(const Call& call, const base::Error& error) {
  std::string text = error.what;
  if (!error.detail.empty()) text += ": " + error.detail;
  switch (error.code) {
    case base::Code::Denied:
    case base::Code::Full:
      return problem(call.request, Problem::Forbidden, text);
    case base::Code::Unsupported:
      return problem(call.request, Problem::Conflict, text);
    default:
      return problem(call.request, error);
  }
}

// With all places: those of the rule's text, also of what is wrong with its query.
Response refused(const Call& call, const Refusal& refusal) {
  std::string places;
  Writer writer(places);
  write_diagnostics(writer, refusal.diagnostics);
  return problem(call.request, Problem::BadRequest, refusal.to_string(), places);
}

struct Text {
  std::string yaml;
  AnalyticRule rule;
};

std::expected<Text, Response> read_rule(const Call& call, const Value& body) {
  auto yaml = text_field(call, body, "yaml", detect::scheduled::kMaxRuleBytes);
  if (!yaml) return std::unexpected(std::move(yaml.error()));
  if (!*yaml)
    return std::unexpected(
        problem(call.request, Problem::BadRequest, "yaml: expected the rule's text"));
  auto rule = detect::scheduled::check(**yaml, store::catalogue());
  if (!rule) return std::unexpected(refused(call, rule.error()));
  return Text{std::move(**yaml), std::move(*rule)};
}

void write_finding(Writer& writer, const detect::Finding& finding) {
  writer.begin_object();
  writer.field("title", finding.rule.title);
  writer.field("severity", to_string(finding.rule.severity));
  writer.field("deviceId", finding.device_id);
  writer.field("entity", finding.entity);
  writer.field("hits", finding.hits);
  writer.field("why", finding.why);
  writer.key("matched");
  writer.begin_array();
  for (const detect::Match& match : finding.evidence.matched) {
    writer.begin_object();
    writer.field("field", match.field);
    writer.field("value", match.value);
    writer.end_object();
  }
  writer.end_array();
  writer.key("row");
  writer.raw(finding.evidence.details_json);
  writer.end_object();
}

}  // namespace

Response list_analytics_rules(Call& call) {
  const auto rules = all(call).list();
  if (!rules) return problem(call.request, rules.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const RuleStatus& rule : *rules)
    write_rule(writer, rule);
  writer.end_array();
  writer.field("total", static_cast<std::int64_t>(rules->size()));
  cursor_field(writer, "");
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_analytics_rule(Call& call) {
  const auto rule = all(call).get(call.path[0]);
  return rule ? answer_with(200, *rule) : problem(call.request, rule.error());
}

Response put_analytics_rule(Call& call) {
  const auto body = read_body(call, Body::Required, {"yaml"});
  if (!body) return body.error();
  const auto text = read_rule(call, *body);
  if (!text) return text.error();
  if (text->rule.id != call.path[0]) {
    return problem(call.request, Problem::BadRequest,
                   "the rule's id is " + text->rule.id + ", the path names another");
  }
  call.audit_detail = text->rule.name;
  const auto put =
      all(call).put(text->rule, text->yaml, if_match(call), call.principal.name, call.now);
  return put ? answer_with(200, *put) : refused(call, put.error());
}

Response delete_analytics_rule(Call& call) {
  const auto removed = all(call).remove(call.path[0], if_match(call));
  return removed ? Response{.status = 204} : refused(call, removed.error());
}

Response enable_analytics_rule(Call& call) {
  const auto body = read_body(call, Body::Required, {"enabled"});
  if (!body) return body.error();
  const Value* enabled = body->find("enabled");
  if (enabled == nullptr || enabled->if_bool() == nullptr)
    return problem(call.request, Problem::BadRequest, "enabled: expected true or false");
  call.audit_detail = *enabled->if_bool() ? "enabled" : "disabled";
  const auto rule = all(call).enable(call.path[0], *enabled->if_bool(), if_match(call),
                                     call.principal.name, call.now);
  return rule ? answer_with(200, *rule) : refused(call, rule.error());
}

Response run_analytics_rule(Call& call) {
  const auto rule = all(call).run_soon(call.path[0], call.now);
  return rule ? answer_with(202, *rule) : refused(call, rule.error());
}

Response test_analytics_rule(Call& call) {
  const auto body = read_body(call, Body::Required, {"yaml", "to"});
  if (!body) return body.error();
  const auto text = read_rule(call, *body);
  if (!text) return text.error();
  base::WallTime to = call.now;
  const auto wanted = text_field(call, *body, "to", 64);
  if (!wanted) return wanted.error();
  if (*wanted) {
    const auto time = base::parse_rfc3339(**wanted);
    if (!time) return problem(call.request, Problem::BadRequest, "to: expected an RFC 3339 time");
    to = time->utc;
  }
  const auto trial = all(call).try_rule(text->rule, to, call.cancel);
  if (!trial) return query_failed(call.request, trial.error());
  std::string out;
  Writer writer(out);
  writer.begin_object();
  writer.field("from", time_text(trial->window.from));
  writer.field("to", time_text(trial->window.to));
  writer.field("rows", static_cast<std::int64_t>(trial->rows));
  writer.field("triggered", trial->triggered);
  writer.field("alerts", static_cast<std::int64_t>(trial->judgement.findings.size()));
  writer.key("items");
  writer.begin_array();
  for (std::size_t i = 0; i < std::min(trial->judgement.findings.size(), kShownRows); ++i)
    write_finding(writer, trial->judgement.findings[i]);
  writer.end_array();
  write_texts(writer, "problems", trial->judgement.problems);
  writer.end_object();
  return json_response(200, std::move(out));
}

}  // namespace hub::api
