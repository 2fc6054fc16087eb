// Detection rules over stored history.
#include <fmt/format.h>

#include "detect/stream.h"
#include "hub/api/api.h"
#include "hub/api/rule_answers.h"
#include "hub/rules/hunt.h"

namespace hub::api {

using base::json::Value;
using base::json::Writer;

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAnything = std::size_t{1} << 20U;
constexpr std::chrono::hours kUsualSpan{30 * 24};
constexpr std::int64_t kMostExamples = 500;

std::expected<base::WallTime, Response> time_of(const Call& call, const Value& body,
                                                std::string_view name, base::WallTime otherwise) {
  auto text = text_field(call, body, name, 64);
  if (!text) return std::unexpected(std::move(text.error()));
  if (!*text) return otherwise;
  const auto time = base::parse_rfc3339(**text);
  if (time) return time->utc;
  return std::unexpected(problem(
      call.request, Problem::BadRequest,
      fmt::format("{}: expected a time of RFC 3339, found {}", name, base::json::quoted(**text))));
}

std::expected<rules::HuntOptions, Response> read_options(const Call& call, const Value& body) {
  rules::HuntOptions out;
  auto to = time_of(call, body, "to", call.now);
  if (!to) return std::unexpected(std::move(to.error()));
  auto from = time_of(call, body, "from", *to - kUsualSpan);
  if (!from) return std::unexpected(std::move(from.error()));
  if (*from >= *to) {
    return std::unexpected(
        problem(call.request, Problem::BadRequest, "from: expected a time before 'to'"));
  }
  auto device = text_field(call, body, "device", 256);
  if (!device) return std::unexpected(std::move(device.error()));
  auto examples = number_field(call, body, "examples", 0, kMostExamples);
  if (!examples) return std::unexpected(std::move(examples.error()));
  out.from = *from;
  out.to = *to;
  out.device_id = std::move(*device).value_or("");
  out.examples = static_cast<std::size_t>(examples->value_or(20));
  out.pace.now = call.now;
  out.pace.cancel = call.cancel;
  return out;
}

void write_tally(Writer& writer, const rules::Tally& tally) {
  writer.field("raised", tally.raised);
  writer.field("hidden", tally.hidden);
}

void write_example(Writer& writer, const rules::Found& found) {
  const detect::Finding& finding = found.finding;
  writer.begin_object();
  writer.field("ruleId", finding.rule.id);
  writer.field("title", finding.rule.title);
  writer.field("severity", detect::to_string(finding.rule.severity));
  writer.field("deviceId", finding.device_id);
  writer.field("moduleId", finding.module_id);
  writer.field("entity", finding.entity);
  writer.field("why", finding.why);
  writer.field("hidden", found.hidden);
  time_field(writer, "time", finding.evidence.time);
  time_field(writer, "received", finding.received);
  writer.field("eventId", finding.evidence.event_id.to_string());
  writer.field("event", finding.evidence.event_name);
  writer.key("details");
  writer.raw(finding.evidence.details_json.empty() ? "null" : finding.evidence.details_json);
  writer.key("matched");
  writer.begin_array();
  for (const detect::Match& match : finding.evidence.matched) {
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

Response answer_hunt(const rules::HuntOptions& options, const rules::HuntResult& result) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  time_field(writer, "from", options.from);
  time_field(writer, "to", options.to);
  time_field(writer, "reached", result.progress.reached);
  writer.field("complete", result.progress.complete);
  writer.field("events", result.progress.events);
  writer.field("unreadable", result.progress.refused);
  writer.key("hits");
  writer.begin_object();
  write_tally(writer, result.hits);
  writer.end_object();
  writer.key("alerts");
  writer.begin_object();
  write_tally(writer, result.alerts);
  writer.end_object();
  writer.key("rules");
  writer.begin_array();
  for (const rules::Tally& tally : result.rules) {
    writer.begin_object();
    writer.field("id", tally.id);
    writer.field("title", tally.name);
    write_tally(writer, tally);
    writer.end_object();
  }
  writer.end_array();
  writer.key("devices");
  writer.begin_array();
  for (const rules::Tally& tally : result.devices) {
    writer.begin_object();
    writer.field("deviceId", tally.name);
    write_tally(writer, tally);
    writer.end_object();
  }
  writer.end_array();
  writer.key("examples");
  writer.begin_array();
  for (const rules::Found& found : result.examples)
    write_example(writer, found);
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response run(const Call& call, const rules::Chosen& chosen, const std::string& filter,
             const rules::HuntOptions& options) {
  const auto result = rules::hunt(*call.services.dependencies.queries, chosen, filter, options);
  if (result) return answer_hunt(options, *result);
  const rules::HuntFailure& failure = result.error();
  if (failure.query) return query_failed(call.request, *failure.query);
  return rules_refused(call.request, failure.wrong);
}

}  // namespace

Response hunt_rule(Call& call) {
  const auto body =
      read_body(call, Body::Required, {"rule", "text", "from", "to", "device", "examples"});
  if (!body) return body.error();
  const auto options = read_options(call, *body);
  if (!options) return options.error();
  auto text = text_field(call, *body, "text", kAnything);
  if (!text) return std::move(text.error());
  auto rule = text_field(call, *body, "rule", 256);
  if (!rule) return std::move(rule.error());
  if (text->has_value() == rule->has_value())
    return problem(call.request, Problem::BadRequest, "expected either 'rule' or 'text'");
  const auto& dependencies = call.services.dependencies;
  const auto present = dependencies.rules->present();
  if (*text) {
    return run(call, rules::choose_text(*dependencies.detections, present, std::move(**text)), {},
               *options);
  }
  const auto chosen = rules::choose_rule(*dependencies.detections, present, **rule);
  if (!chosen) return rule_refused(call.request, chosen.error());
  return run(call, *chosen, {}, *options);
}

Response preview_rule_exception(Call& call) {
  const auto body = read_body(
      call, Body::Required,
      {"text", "comment", "rule", "title", "conditions", "from", "to", "device", "examples"});
  if (!body) return body.error();
  const auto options = read_options(call, *body);
  if (!options) return options.error();
  const auto exception = exception_of(call, *body);
  if (!exception) return exception.error();
  const auto& dependencies = call.services.dependencies;
  const auto chosen = rules::choose_filtered(*dependencies.detections,
                                             dependencies.rules->present(), exception->text);
  if (!chosen) return rule_refused(call.request, chosen.error());
  return run(call, *chosen, exception->text, *options);
}

}  // namespace hub::api
