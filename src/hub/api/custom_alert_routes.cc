// Custom alerts: what devices of a security group may do, by number and by list.
#include "detect/custom/document.h"
#include "hub/api/api.h"
#include "hub/custom_alerts/custom_alerts.h"
#include "hub/custom_alerts/preview.h"

namespace hub::api {

using base::Code;
using base::json::Value;
using base::json::Writer;
using custom_alerts::Entry;
using detect::custom::Definition;
using detect::custom::Kind;
using detect::custom::TypeInfo;

namespace {

custom_alerts::CustomAlerts* all(const Call& call) {
  return call.services.dependencies.custom_alerts;
}

Response no_store(const Call& call) {
  return problem(call.request, Problem::Unavailable, "This hub keeps no custom alerts.");
}

std::string_view item_name(detect::custom::Item item) {
  switch (item) {
    case detect::custom::Item::Address:
      return "address";
    case detect::custom::Item::User:
      return "user";
    case detect::custom::Item::Process:
      return "process";
    case detect::custom::Item::None:
      break;
  }
  return "none";
}

void write_entry(Writer& writer, const Entry& entry) {
  const TypeInfo& info = entry.definition.info();
  writer.begin_object();
  writer.field("id", entry.id);
  write_members(writer, entry.definition);
  writer.field("title", info.title);
  writer.field("kind", info.kind == Kind::Range ? "range" : "list");
  writer.field("since", time_text(entry.since));
  writer.field("created", time_text(entry.created));
  writer.field("updated", time_text(entry.updated));
  writer.field("updatedBy", entry.updated_by);
  writer.key("file");
  if (entry.file.empty()) {
    writer.null();
  } else {
    writer.value(entry.file);
  }
  writer.field("etag", entry.etag);
  writer.end_object();
}

Response answer_with(unsigned status, const Entry& entry) {
  std::string body;
  Writer writer(body);
  write_entry(writer, entry);
  Response response = json_response(status, std::move(body));
  if (!entry.etag.empty()) response.headers.push_back({"ETag", "\"" + entry.etag + "\""});
  return response;
}

Response refused(const Call& call, const base::Error& error) {
  std::string text = error.what;
  if (!error.detail.empty()) text += ": " + error.detail;
  switch (error.code) {
    case Code::Exists:
      return problem(call.request, Problem::Conflict, text);
    case Code::Denied:
    case Code::Full:
      return problem(call.request, Problem::Forbidden, text);
    case Code::TooLarge:
      return problem(call.request, Problem::TooLarge, text);
    default:
      return problem(call.request, error);
  }
}

std::expected<Definition, Response> read_draft(const Call& call) {
  const auto body = read_body(call, Body::Required,
                              {"group", "type", "metric", "protocol", "window", "min", "max",
                               "allow", "deny", "severity", "enabled", "description"});
  if (!body) return std::unexpected(body.error());
  auto definition = detect::custom::read_definition(*body);
  if (!definition)
    return std::unexpected(problem(call.request, Problem::BadRequest, definition.error().detail));
  return std::move(*definition);
}

void note(Call& call, const Entry& entry) {
  call.audit_target = entry.id;
  call.audit_detail = entry.definition.group + ": " + std::string(entry.definition.info().name);
}

void write_preview(Writer& writer, const custom_alerts::Preview& made) {
  writer.begin_object();
  writer.field("from", time_text(made.from));
  writer.field("to", time_text(made.to));
  writer.field("truncated", made.truncated);
  writer.field("alerts", static_cast<std::uint64_t>(made.alerts));
  writer.field("devices", static_cast<std::uint64_t>(made.devices));
  writer.field("hits", made.hits);
  writer.key("items");
  writer.begin_array();
  for (const custom_alerts::WouldRaise& alert : made.items) {
    writer.begin_object();
    writer.field("deviceId", alert.device_id);
    writer.field("entity", alert.entity);
    writer.field("why", alert.why);
    writer.field("firstSeen", time_text(alert.first));
    writer.field("lastSeen", time_text(alert.last));
    writer.field("hitCount", alert.hits);
    writer.end_object();
  }
  writer.end_array();
  writer.key("days");
  writer.begin_array();
  for (const auto& [day, hits] : made.hits_by_day) {
    writer.begin_object();
    writer.field("day", time_text(day));
    writer.field("hits", hits);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
}

Response list_types(Call&) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const TypeInfo& info : detect::custom::types()) {
    writer.begin_object();
    writer.field("type", info.name);
    writer.field("id", info.id);
    writer.field("title", info.title);
    writer.field("alias", info.alias);
    writer.field("kind", info.kind == Kind::Range ? "range" : "list");
    writer.field("source", info.source == detect::custom::Source::Agent ? "agent" : "hub");
    writer.field("item", item_name(info.item));
    writer.field("counts", info.subject);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response list_all(Call& call) {
  if (all(call) == nullptr) return no_store(call);
  custom_alerts::Filter filter;
  if (const auto* group = call.target.parameter("group")) filter.group = *group;
  if (const auto* type = call.target.parameter("type")) {
    filter.type = detect::custom::parse_type(*type);
    if (!filter.type)
      return problem(call.request, Problem::BadRequest, "type: there is no such type");
  }
  const auto entries = all(call)->list(filter);
  if (!entries) return refused(call, entries.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Entry& entry : *entries)
    write_entry(writer, entry);
  writer.end_array();
  writer.field("total", static_cast<std::uint64_t>(entries->size()));
  writer.key("problems");
  writer.begin_array();
  for (const custom_alerts::Problem& each : all(call)->problems()) {
    writer.begin_object();
    writer.field("file", each.file);
    writer.field("message", each.message);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_one(Call& call) {
  if (all(call) == nullptr) return no_store(call);
  const auto found = all(call)->get(call.path[0]);
  return found ? answer_with(200, *found) : refused(call, found.error());
}

Response create(Call& call) {
  if (all(call) == nullptr) return no_store(call);
  const auto draft = read_draft(call);
  if (!draft) return draft.error();
  const auto made = all(call)->create(*draft, call.principal.name, call.now);
  if (!made) return refused(call, made.error());
  note(call, *made);
  return answer_with(201, *made);
}

Response put(Call& call) {
  if (all(call) == nullptr) return no_store(call);
  const auto draft = read_draft(call);
  if (!draft) return draft.error();
  const auto changed =
      all(call)->replace(call.path[0], *draft, if_match(call), call.principal.name, call.now);
  if (!changed) return refused(call, changed.error());
  note(call, *changed);
  return answer_with(200, *changed);
}

Response remove(Call& call) {
  if (all(call) == nullptr) return no_store(call);
  const auto before = all(call)->get(call.path[0]);
  if (before) note(call, *before);
  const auto removed = all(call)->remove(call.path[0], if_match(call));
  return removed ? Response{.status = 204} : refused(call, removed.error());
}

Response run_preview(Call& call) {
  const auto draft = read_draft(call);
  if (!draft) return draft.error();
  const Dependencies& dependencies = call.services.dependencies;
  if (dependencies.queries == nullptr || !dependencies.group_of) return no_store(call);
  custom_alerts::PreviewOptions options;
  options.now = call.now;
  options.cancel = call.cancel;
  options.group_of = dependencies.group_of;
  const auto made = custom_alerts::preview(*dependencies.queries, *draft, options);
  if (!made) return query_failed(call.request, made.error());
  std::string body;
  Writer writer(body);
  write_preview(writer, *made);
  return json_response(200, std::move(body));
}

Response get_document(Call& call) {
  if (all(call) == nullptr) return no_store(call);
  const auto entries = all(call)->list({});
  if (!entries) return refused(call, entries.error());
  std::vector<Definition> definitions;
  for (const Entry& entry : *entries)
    definitions.push_back(entry.definition);
  Response response;
  response.status = 200;
  response.content_type = "application/yaml";
  response.body = detect::custom::write_document(definitions);
  return response;
}

Response put_document(Call& call) {
  if (all(call) == nullptr) return no_store(call);
  const auto replace = flag_parameter(call, "replace");
  if (!replace) return replace.error();
  const auto dry_run = flag_parameter(call, "dryRun");
  if (!dry_run) return dry_run.error();
  const std::string_view type = call.request.header("content-type");
  if (!is_media_type(type, "application/yaml") && !is_media_type(type, "application/json")) {
    return problem(call.request, Problem::UnsupportedMediaType,
                   "Send YAML (Content-Type: application/yaml) or JSON.");
  }
  const auto definitions = detect::custom::read_document(call.request.body);
  if (!definitions) return problem(call.request, Problem::BadRequest, definitions.error().detail);
  const auto done = all(call)->import(
      *definitions,
      *replace ? custom_alerts::ImportMode::Replace : custom_alerts::ImportMode::Merge,
      *dry_run ? custom_alerts::DryRun::Yes : custom_alerts::DryRun::No, call.principal.name,
      call.now);
  if (!done) return refused(call, done.error());
  call.audit_detail = *dry_run ? "dry run" : std::to_string(definitions->size()) + " definitions";
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("created", static_cast<std::uint64_t>(done->created));
  writer.field("changed", static_cast<std::uint64_t>(done->changed));
  writer.field("unchanged", static_cast<std::uint64_t>(done->unchanged));
  writer.field("removed", static_cast<std::uint64_t>(done->removed));
  writer.field("dryRun", *dry_run);
  writer.end_object();
  return json_response(200, std::move(body));
}

}  // namespace

void add_custom_alert_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  constexpr std::string_view kOne = "/custom-alerts/{customAlertId}";
  constexpr std::string_view kDocument = "/custom-alerts/document";
  table.push_back({Get, "/custom-alert-types", Look, list_types});
  table.push_back({Get, "/custom-alerts", Look, list_all, {}, {"group", "type"}});
  table.push_back({Post, "/custom-alerts", Administer, create, "customAlert.create"});
  table.push_back({Post, "/custom-alerts/preview", Look, run_preview, {}, {}, Pool::Queries});
  table.push_back({Get, kDocument, Look, get_document});
  table.push_back(
      {Put, kDocument, Administer, put_document, "customAlert.import", {"replace", "dryRun"}});
  table.push_back({Get, kOne, Look, get_one});
  table.push_back({Put, kOne, Administer, put, "customAlert.put"});
  table.push_back({Delete, kOne, Administer, remove, "customAlert.delete"});
}

}  // namespace hub::api
