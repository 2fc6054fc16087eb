// Automatic device and module configurations, in our words and in Azure IoT Hub's.
#include <fmt/format.h>

#include "base/text.h"
#include "hub/api/api.h"
#include "hub/configurations/configurations.h"
#include "iotql/query.h"

namespace hub::api {

using base::Code;
using base::json::Member;
using base::json::Value;
using base::json::Writer;
using configurations::Shown;

namespace {

// What Azure's SDKs and portal list at once.
constexpr std::int64_t kDefaultTop = 20;
constexpr std::int64_t kMaxTop = 100;

configurations::Configurations& all(const Call& call) {
  return *call.services.dependencies.configurations;
}

bool in_azures_words(const Call& call) {
  return call.target.parameter("api-version") != nullptr;
}

std::string text_of(const base::Error& error) {
  return error.detail.empty() ? std::string(error.what)
                              : std::string(error.what) + ": " + error.detail;
}

// What the configurations refused, about the one that the path names.
Response refused(const Call& call, const base::Error& error) {
  const std::string text = text_of(error);
  if (in_azures_words(call)) {
    switch (error.code) {
      case Code::NotFound:
        return iot_hub_problem(call.request, 404, "ConfigurationNotFound", text);
      case Code::Exists:
        return iot_hub_problem(call.request, 409, "ConfigurationAlreadyExists", text);
      case Code::Full:
        return iot_hub_problem(call.request, 413, "ConfigurationCountLimitExceeded", text);
      default:
        return iot_hub_refused(call, error, {});
    }
  }
  switch (error.code) {
    case Code::Exists:
      return problem(call.request, Problem::Conflict, text);
    case Code::TooLarge:
      return problem(call.request, Problem::TooLarge, text);
    case Code::Full:
      return problem(call.request, Problem::Forbidden, text);
    default:
      return problem(call.request, error);
  }
}

void write(Writer& writer, const Shown& shown) {
  write_configuration(writer, shown.configuration, shown.results);
}

Response show(const base::Result<Shown>& shown, const Call& call) {
  if (!shown) return refused(call, shown.error());
  std::string json;
  Writer writer(json);
  write(writer, *shown);
  Response response = json_response(200, std::move(json));
  response.headers.push_back({"ETag", '"' + shown->configuration.etag + '"'});
  return response;
}

// The body as JSON; nothing else is known of it here.
std::expected<Value, Response> json_body(const Call& call) {
  auto body = base::json::parse(call.request.body);
  if (body && body->if_object() != nullptr) return std::move(*body);
  return std::unexpected(problem(call.request, Problem::BadRequest, "The body is no JSON object."));
}

Response put(Call& call) {
  const auto body = json_body(call);
  if (!body) return body.error();
  const auto shown = all(call).put(call.path[0], *body, if_match(call), call.principal.name);
  call.recorded = true;
  if (shown) call.audit_detail = fmt::format("priority {}", shown->configuration.priority);
  return show(shown, call);
}

// What is wrong with the queries of a configuration, by their names.
void write_query_errors(Writer& writer, const Value* queries) {
  writer.begin_object();
  const auto* object = queries == nullptr ? nullptr : queries->if_object();
  if (object != nullptr) {
    for (const Member& member : *object) {
      const std::string* text = member.value.if_string();
      const auto query = iotql::Query::parse(text == nullptr ? "" : *text);
      if (!query) writer.field(member.name, query.error().to_string());
    }
  }
  writer.end_object();
}

Response test(Call& call) {
  const auto body = json_body(call);
  if (!body) return body.error();
  const auto target = iotql::Query::parse_target(body->text_or("targetCondition", ""));
  std::string json;
  Writer writer(json);
  writer.begin_object();
  writer.key("targetConditionError");
  if (target) {
    writer.null();
  } else {
    writer.value(target.error().to_string());
  }
  writer.key("customMetricQueryErrors");
  write_query_errors(writer, body->find("customMetricQueries"));
  writer.end_object();
  return json_response(200, std::move(json));
}

}  // namespace

Response list_configurations(Call& call) {
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  const std::string* cursor = call.target.parameter("cursor");
  auto page = all(call).list(*limit + 1, cursor == nullptr ? "" : *cursor);
  if (!page) return problem(call.request, page.error());
  const bool more = page->size() > *limit;
  if (more) page->pop_back();
  std::string json;
  Writer writer(json);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Shown& shown : *page)
    write(writer, shown);
  writer.end_array();
  cursor_field(writer, more ? page->back().configuration.id : "");
  writer.end_object();
  return json_response(200, std::move(json));
}

Response get_configuration(Call& call) {
  return show(all(call).get(call.path[0]), call);
}

Response put_configuration(Call& call) {
  return put(call);
}

Response delete_configuration(Call& call) {
  const auto removed = all(call).remove(call.path[0], if_match(call), call.principal.name);
  call.recorded = true;
  if (!removed) return refused(call, removed.error());
  return Response{.status = 204};
}

Response test_configuration(Call& call) {
  return test(call);
}

Response iot_hub_list_configurations(Call& call) {
  const std::string* top = call.target.parameter("top");
  const auto limit = top == nullptr ? kDefaultTop : base::parse_int(*top);
  if (!limit || *limit < 1)
    return problem(call.request, Problem::BadRequest, "top: expected a whole number from 1");
  const auto page = all(call).list(static_cast<std::size_t>(std::min(*limit, kMaxTop)), "");
  if (!page) return problem(call.request, page.error());
  std::string json;
  Writer writer(json);
  writer.begin_array();
  for (const Shown& shown : *page)
    write(writer, shown);
  writer.end_array();
  return json_response(200, std::move(json));
}

Response apply_configuration_content(Call& call) {
  const auto body = json_body(call);
  if (!body) return body.error();
  const auto applied = all(call).apply_once(call.path[0], *body, call.principal.name);
  call.recorded = true;
  if (!applied) return iot_hub_refused(call, applied.error(), {std::string(call.path[0]), {}});
  return Response{.status = 204};
}

}  // namespace hub::api
