// What nobody wants to see for a while, and why.
#include <map>

#include <fmt/format.h>

#include "detect/alerts.h"
#include "detect/suppressions.h"
#include "hub/api/alert_json.h"
#include "hub/api/api.h"

namespace hub::api {

using base::Code;
using base::json::Value;
using base::json::Writer;
using detect::Suppression;
using detect::SuppressionDraft;

namespace {

constexpr std::size_t kAnything = 64 * 1024;  // the module knows better

detect::Alerts& all(const Call& call) {
  return *call.services.dependencies.alerts;
}

Response refused(const Call& call, const base::Error& error) {
  switch (error.code) {
    case Code::NotFound:
      return problem(call.request, Problem::NotFound,
                     "There is no suppression " + base::json::quoted(call.path[0]) + ".");
    case Code::Invalid:
    case Code::TooLarge:
      return problem(call.request, Problem::BadRequest, error.detail);
    case Code::Full:
      return problem(call.request, Problem::Forbidden, error.detail);
    default:
      return problem(call.request, error);
  }
}

void write_suppression(Writer& writer, const Call& call, const Suppression& suppression,
                       const detect::HiddenCounts& hidden) {
  writer.field("id", suppression.id);
  writer.field("name", suppression.draft.name);
  writer.field("reason", suppression.draft.reason);
  writer.field("owner", suppression.draft.owner);
  writer.key("scope");
  detect::write_scope(writer, suppression.draft.scope);
  writer.field("predicate", detect::describe(suppression.draft.scope));
  time_field(writer, "expires", suppression.draft.expires);
  writer.field("enabled", suppression.draft.enabled);
  writer.field("inForce", suppression.in_force(call.now));
  writer.field("hiddenAlerts", hidden.alerts);
  writer.field("hiddenHits", hidden.hits);
  time_field(writer, "lastHidden",
             hidden.alerts == 0 ? std::nullopt : std::optional(hidden.last_seen));
  time_field(writer, "created", suppression.created);
  writer.field("createdBy", suppression.created_by);
  time_field(writer, "updated", suppression.updated);
  writer.field("updatedBy", suppression.updated_by);
  writer.field("etag", suppression.etag);
}

base::Result<std::map<std::string, detect::HiddenCounts>> hidden_by_id(const Call& call) {
  const auto hidden = TRY(all(call).hidden());
  std::map<std::string, detect::HiddenCounts> out;
  for (const detect::HiddenCounts& one : hidden)
    out[one.suppression] = one;
  return out;
}

// `closed`: how many alerts its making has closed; nullopt: nobody asked for it.
Response answer_with(const Call& call, unsigned status, const Suppression& suppression,
                     std::optional<std::int64_t> closed = std::nullopt) {
  auto hidden = hidden_by_id(call);
  if (!hidden) return problem(call.request, hidden.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  write_suppression(writer, call, suppression, (*hidden)[suppression.id]);
  if (closed) writer.field("closedAlerts", *closed);
  writer.end_object();
  Response response = json_response(status, std::move(body));
  response.headers.push_back({"ETag", "\"" + suppression.etag + "\""});
  return response;
}

std::expected<detect::Scope, Response> scope_of(const Call& call, const Value& body) {
  const Value* member = body.find("scope");
  const auto scope = detect::read_scope(member == nullptr ? Value() : *member);
  if (!scope) {
    return std::unexpected(
        problem(call.request, Problem::BadRequest, "scope: " + scope.error().detail));
  }
  return *scope;
}

std::expected<bool, Response> flag_member(const Call& call, const Value& body,
                                          std::string_view name, bool otherwise) {
  const Value* member = body.find(name);
  if (member == nullptr) return otherwise;
  if (member->if_bool() == nullptr)
    return std::unexpected(
        bad_member(call, name, "true or false", member->to_json().substr(0, 32)));
  return *member->if_bool();
}

std::expected<SuppressionDraft, Response> read_draft(const Call& call, const Value& body) {
  SuppressionDraft draft;
  std::string expires;
  struct Text {
    std::string_view name;
    std::string* out;
  };
  for (const Text text : {Text{"name", &draft.name}, Text{"reason", &draft.reason},
                          Text{"owner", &draft.owner}, Text{"expires", &expires}}) {
    auto value = text_field(call, body, text.name, kAnything);
    if (!value) return std::unexpected(std::move(value.error()));
    *text.out = std::move(*value).value_or("");
  }
  if (draft.owner.empty()) draft.owner = call.principal.name;
  const auto time = base::parse_rfc3339(expires);
  const auto after = base::parse_duration(expires);
  if (!time && !after) {
    return std::unexpected(
        bad_member(call, "expires",
                   "a time such as 2026-01-31T08:00:00Z, or how long from now: P30D", expires));
  }
  draft.expires = time ? time->utc : call.now + *after;
  auto scope = scope_of(call, body);
  if (!scope) return std::unexpected(std::move(scope.error()));
  draft.scope = std::move(*scope);
  const auto enabled = flag_member(call, body, "enabled", true);
  if (!enabled) return std::unexpected(enabled.error());
  draft.enabled = *enabled;
  return draft;
}

// Closes the open alerts that it would have hidden. How many.
base::Result<std::int64_t> close_covered(const Call& call, const Suppression& suppression) {
  const auto preview = TRY(all(call).preview(suppression.draft.scope, call.now));
  if (preview.open_ids.empty()) return 0;
  detect::AlertFilter covered;
  covered.ids = preview.open_ids;
  detect::AlertUpdate close;
  close.status = detect::Status::Closed;
  close.verdict = detect::Verdict::Benign;
  close.comment =
      fmt::format("Suppressed by {}: {}", suppression.draft.name, suppression.draft.reason);
  const auto plan = TRY(all(call).plan(covered, close, call.principal.name, call.now));
  const auto done = TRY(all(call).carry_out(plan.token, call.principal.name, call.now));
  return done.changed;
}

}  // namespace

Response list_suppressions(Call& call) {
  auto hidden = hidden_by_id(call);
  if (!hidden) return problem(call.request, hidden.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Suppression& suppression : all(call).suppressions().list()) {
    writer.begin_object();
    write_suppression(writer, call, suppression, (*hidden)[suppression.id]);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_suppression(Call& call) {
  const auto found = all(call).suppressions().get(call.path[0]);
  return found ? answer_with(call, 200, *found) : refused(call, found.error());
}

Response create_suppression(Call& call) {
  const auto body =
      read_body(call, Body::Required,
                {"name", "reason", "owner", "scope", "expires", "enabled", "closeOpen"});
  if (!body) return body.error();
  const auto draft = read_draft(call, *body);
  if (!draft) return draft.error();
  const auto close = flag_member(call, *body, "closeOpen", false);
  if (!close) return close.error();
  const auto made = all(call).suppressions().create(*draft, call.principal.name, call.now);
  if (!made) return refused(call, made.error());
  call.audit_target = made->id;
  call.audit_detail = made->draft.name + ": " + detect::describe(made->draft.scope);
  if (!*close) return answer_with(call, 201, *made);
  const auto closed = close_covered(call, *made);
  if (!closed) return problem(call.request, closed.error());
  call.audit_detail += fmt::format("; {} alerts closed", *closed);
  return answer_with(call, 201, *made, *closed);
}

Response put_suppression(Call& call) {
  const auto body =
      read_body(call, Body::Required, {"name", "reason", "owner", "scope", "expires", "enabled"});
  if (!body) return body.error();
  const auto draft = read_draft(call, *body);
  if (!draft) return draft.error();
  const auto changed = all(call).suppressions().replace(call.path[0], *draft, if_match(call),
                                                        call.principal.name, call.now);
  if (!changed) return refused(call, changed.error());
  call.audit_detail = changed->draft.name + ": " + detect::describe(changed->draft.scope);
  return answer_with(call, 200, *changed);
}

Response delete_suppression(Call& call) {
  const auto restore = flag_parameter(call, "restore");
  if (!restore) return restore.error();
  const std::string id(call.path[0]);
  const auto removed = all(call).suppressions().remove(id, if_match(call));
  if (!removed) return refused(call, removed.error());
  if (*restore) {
    const auto shown = all(call).restore(id, call.principal.name, call.now);
    if (!shown) return problem(call.request, shown.error());
    call.audit_detail = fmt::format("{} alerts shown again", *shown);
  }
  return Response{.status = 204};
}

Response test_suppression(Call& call) {
  const auto body = read_body(call, Body::Required, {"scope"});
  if (!body) return body.error();
  const auto scope = scope_of(call, *body);
  if (!scope) return scope.error();
  const auto preview = all(call).preview(*scope, call.now);
  if (!preview) return problem(call.request, preview.error());
  std::string text;
  Writer writer(text);
  writer.begin_object();
  writer.field("predicate", detect::describe(*scope));
  time_field(writer, "since", preview->since);
  writer.field("alerts", preview->alerts);
  writer.field("hits", preview->hits);
  writer.field("open", preview->open);
  writer.field("partly", preview->partly);
  writer.field("truePositives", preview->true_positives);
  write_severities(writer, "bySeverity", preview->by_severity);
  writer.key("sample");
  writer.begin_array();
  for (const detect::Alert& alert : preview->sample) {
    writer.begin_object();
    write_alert(writer, alert);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(text));
}

void add_suppression_routes(std::vector<Route>& table) {
  using enum Method;
  using enum Need;
  constexpr std::string_view kOne = "/suppressions/{suppressionId}";
  table.push_back({Get, "/suppressions", Look, list_suppressions});
  table.push_back({Post, "/suppressions", Handle, create_suppression, "suppression.create"});
  table.push_back({Post, "/suppressions/test", Look, test_suppression, {}, {}, Pool::Queries});
  table.push_back({Get, kOne, Look, get_suppression});
  table.push_back({Put, kOne, Handle, put_suppression, "suppression.put"});
  table.push_back({Delete, kOne, Handle, delete_suppression, "suppression.delete", {"restore"}});
}

}  // namespace hub::api
