// API tokens and the audit log.
#include "base/text.h"
#include "hub/api/api.h"
#include "hub/operations/audit.h"

namespace hub::api {

using base::json::Writer;

namespace {

constexpr std::int64_t kMaxTokenDays = 3650;
constexpr std::int64_t kDefaultTokenDays = 90;

}  // namespace

Response list_tokens(Call& call) {
  auto tokens = call.accounts.tokens();
  if (!tokens) return problem(call.request, tokens.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Token& token : *tokens) {
    writer.begin_object();
    writer.field("id", token.id);
    writer.field("name", token.name);
    writer.field("role", to_string(token.role));
    time_field(writer, "created", token.created);
    writer.field("createdBy", token.created_by);
    time_field(writer, "expiresAt", token.expires);
    time_field(writer, "lastUsed", token.last_used);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response create_token(Call& call) {
  auto body = read_body(call, Body::Required, {"name", "role", "expiresInDays"});
  if (!body) return std::move(body.error());
  auto name = text_field(call, *body, "name", 128);
  if (!name) return std::move(name.error());
  auto role_text = text_field(call, *body, "role", 16);
  if (!role_text) return std::move(role_text.error());
  auto days = number_field(call, *body, "expiresInDays", 1, kMaxTokenDays);
  if (!days) return std::move(days.error());
  const auto role = parse_role(role_text->value_or(""));
  if (!*name || !role) {
    return problem(call.request, Problem::BadRequest,
                   "Send name, and role: one of reader, analyst, admin.");
  }
  call.audit_target = **name;
  call.audit_detail = to_string(*role);
  auto made = call.accounts.create_token(**name, *role,
                                         std::chrono::days(days->value_or(kDefaultTokenDays)),
                                         call.principal.name, call.now);
  if (!made) return problem(call.request, made.error());
  const auto& [token, issued] = *made;
  std::string json;
  Writer writer(json);
  writer.begin_object();
  writer.field("id", token.id);
  writer.field("name", token.name);
  writer.field("role", to_string(token.role));
  time_field(writer, "expiresAt", token.expires);
  writer.field("token", issued.secret);
  writer.end_object();
  Response response = json_response(201, std::move(json));
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

Response delete_token(Call& call) {
  auto deleted = call.accounts.delete_token(call.path[0]);
  if (!deleted) return problem(call.request, deleted.error());
  return Response{.status = 204};
}

Response list_audit(Call& call) {
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  std::int64_t before = 0;
  if (const std::string* cursor = call.target.parameter("cursor")) {
    before = base::parse_int(*cursor).value_or(-1);
    if (before <= 0) {
      return problem(call.request, Problem::BadRequest,
                     "cursor: expected the nextCursor of another page");
    }
  }
  auto records = call.services.dependencies.audit->list(*limit, before);
  if (!records) return problem(call.request, records.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const operations::AuditRecord& record : *records) {
    writer.begin_object();
    writer.field("id", record.id);
    time_field(writer, "time", record.time);
    writer.field("actor", record.actor);
    writer.field("method", record.method);
    writer.field("action", record.action);
    writer.field("target", record.target);
    writer.field("result", record.result);
    if (record.status_code != 0) writer.field("statusCode", record.status_code);
    writer.field("remote", record.remote);
    if (!record.request_id.empty()) writer.field("requestId", record.request_id);
    if (!record.detail.empty()) writer.field("detail", record.detail);
    if (!record.properties.empty()) {
      writer.key("properties");
      writer.raw(record.properties);
    }
    writer.end_object();
  }
  writer.end_array();
  cursor_field(writer, records->size() == *limit ? std::to_string(records->back().id) : "");
  writer.end_object();
  return json_response(200, std::move(body));
}

}  // namespace hub::api
