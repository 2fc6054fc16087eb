// Queries over twins and jobs, in our words and in Azure IoT Hub's.
#include <fmt/format.h>

#include "base/text.h"
#include "hub/api/api.h"
#include "hub/operations/operations.h"
#include "hub/queries/twin_queries.h"

namespace hub::api {

using base::Code;
using base::json::Writer;
using queries::Failure;
using queries::Page;
using queries::Question;

namespace {

constexpr std::size_t kMaxRows = 1000;
constexpr std::size_t kDefaultRows = 100;

std::string diagnostics_of(const iotql::Problem& problem) {
  std::string json;
  Writer writer(json);
  writer.begin_array();
  writer.begin_object();
  writer.field("severity", "error");
  writer.field("message", problem.message);
  writer.field("line", static_cast<std::uint64_t>(problem.line));
  writer.field("column", static_cast<std::uint64_t>(problem.column));
  writer.field("offset", static_cast<std::uint64_t>(problem.offset));
  writer.field("length", static_cast<std::uint64_t>(problem.length));
  writer.end_object();
  writer.end_array();
  return json;
}

Response refused(const Call& call, const Failure& failure) {
  if (failure.problem)
    return problem(call.request, Problem::BadQuery, failure.problem->to_string(),
                   diagnostics_of(*failure.problem));
  if (failure.error.code == Code::Expired)
    return problem(call.request, Problem::TimedOut, failure.error.detail);
  if (failure.error.code == Code::Full)
    return problem(call.request, Problem::BadRequest, failure.error.detail);
  return problem(call.request, failure.error);
}

void record(const Call& call, const Response& response, base::MonoTime begun, std::size_t rows) {
  operations::Record record;
  record.time = call.now;
  record.category = operations::Category::TwinQueries;
  record.operation = "queryTwins";
  record.status_code = static_cast<int>(response.status);
  record.level = response.status < 400 ? operations::Level::Information : operations::Level::Error;
  record.protocol = operations::Protocol::Https;
  record.ip = call.request.remote;
  record.request_id = call.request.id;
  record.actor = call.principal.name;
  record.bytes = response.content().size();
  record.duration = std::chrono::duration_cast<std::chrono::milliseconds>(base::mono_now() - begun);
  record.detail = fmt::format("{} rows", rows);
  call.services.dependencies.operations->record(std::move(record));
}

std::string joined(const std::vector<std::string>& items) {
  std::string json = "[";
  for (const std::string& item : items) {
    if (json.size() > 1) json += ',';
    json += item;
  }
  return json + "]";
}

Response page_answer(const Page& page) {
  std::string json;
  Writer writer(json);
  writer.begin_object();
  writer.field("itemType", to_string(page.type));
  writer.key("items");
  writer.raw(joined(page.items));
  cursor_field(writer, page.continuation);
  writer.end_object();
  return json_response(200, std::move(json));
}

}  // namespace

Response query_devices(Call& call) {
  const auto body = read_body(call, Body::Required, {"query", "limit", "cursor"});
  if (!body) return body.error();
  const auto query = text_field(call, *body, "query", iotql::kMaxQueryBytes);
  if (!query) return query.error();
  const auto cursor = text_field(call, *body, "cursor", std::size_t{8} << 10U);
  if (!cursor) return cursor.error();
  const auto limit = number_field(call, *body, "limit", 1, kMaxRows);
  if (!limit) return limit.error();
  if (!*query)
    return problem(call.request, Problem::BadRequest, "query: expected text, found nothing");
  Question question;
  question.query = **query;
  question.limit = static_cast<std::size_t>(limit->value_or(kDefaultRows));
  question.continuation = cursor->value_or("");
  const base::MonoTime begun = base::mono_now();
  const auto page = call.services.dependencies.twin_queries->run(question);
  Response response = page ? page_answer(*page) : refused(call, page.error());
  record(call, response, begun, page ? page->items.size() : 0);
  return response;
}

Response iot_hub_query(Call& call) {
  const auto body = base::json::parse(call.request.body);
  const auto* text = body ? body->find("query") : nullptr;
  if (text == nullptr || text->if_string() == nullptr)
    return problem(call.request, Problem::BadRequest,
                   "The body has no query: {\"query\":\"...\"}.");
  Question question;
  question.query = *text->if_string();
  question.limit = kDefaultRows;
  question.continuation = call.request.header("x-ms-continuation");
  const std::string_view wanted = call.request.header("x-ms-max-item-count");
  if (!wanted.empty()) {
    const auto count = base::parse_int(wanted);
    // -1 leaves it to the service.
    if (!count || *count < -1 || *count == 0)
      return problem(call.request, Problem::BadRequest,
                     "x-ms-max-item-count: expected a whole number from 1.");
    if (*count > 0) question.limit = std::min(static_cast<std::size_t>(*count), kMaxRows);
  }
  const auto page = call.services.dependencies.twin_queries->run(question);
  if (!page) return refused(call, page.error());
  Response response = json_response(200, joined(page->items));
  response.headers.push_back({"x-ms-item-type", std::string(to_string(page->type))});
  if (!page->continuation.empty())
    response.headers.push_back({"x-ms-continuation", page->continuation});
  return response;
}

}  // namespace hub::api
