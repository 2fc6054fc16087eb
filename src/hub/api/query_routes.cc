#include <algorithm>

#include <fmt/format.h>

#include "hub/api/api.h"
#include "kql/kql.h"
#include "store/catalogue.h"
#include "store/query.h"

namespace hub::api {

using base::Code;
using base::json::Writer;

namespace {

constexpr std::int64_t kMaxRows = 100'000;
constexpr std::int64_t kDefaultRows = 10'000;
constexpr std::int64_t kMaxTimeoutMs = 600'000;
constexpr std::int64_t kDefaultTimeoutMs = 30'000;

void write_diagnostics(Writer& writer, const std::vector<kql::Diagnostic>& diagnostics) {
  writer.begin_array();
  for (const kql::Diagnostic& each : diagnostics) {
    writer.begin_object();
    writer.field("severity", each.severity == kql::Severity::Error ? "error" : "warning");
    writer.field("message", each.message);
    writer.field("line", each.line);
    writer.field("column", each.column);
    writer.field("offset", static_cast<std::uint64_t>(each.offset));
    writer.field("length", static_cast<std::uint64_t>(each.length));
    writer.end_object();
  }
  writer.end_array();
}

void write_columns(Writer& writer, const std::vector<kql::Column>& columns) {
  writer.key("columns");
  writer.begin_array();
  for (const kql::Column& column : columns) {
    writer.begin_object();
    writer.field("name", column.name);
    writer.field("type", kql::type_name(column.type));
    writer.end_object();
  }
  writer.end_array();
}

bool is_error(const kql::Diagnostic& diagnostic) {
  return diagnostic.severity == kql::Severity::Error;
}

Response bad_query(const Call& call, const std::vector<kql::Diagnostic>& diagnostics) {
  const auto first = std::find_if(diagnostics.begin(), diagnostics.end(), is_error);
  std::string message = "The query has errors.";
  if (first != diagnostics.end()) {
    message = fmt::format("{}:{}: {}", first->line, first->column, first->message);
  }
  std::string json;
  Writer writer(json);
  write_diagnostics(writer, diagnostics);
  return problem(call.request, Problem::BadQuery, message, json);
}

Response failed_query(const Call& call, const store::QueryFailure& failure) {
  if (!failure.diagnostics.empty()) return bad_query(call, failure.diagnostics);
  switch (failure.error.code) {
    case Code::Expired:
      return problem(call.request, Problem::TimedOut,
                     "The query did not end in time; narrow it, for example with a time range.");
    case Code::Unavailable: {
      Response response = problem(call.request, Problem::TooManyRequests,
                                  "Too many queries at once; try again in a moment.");
      response.headers.push_back({"Retry-After", "1"});
      return response;
    }
    case Code::Full:
      return problem(call.request, Problem::Unavailable,
                     "The query needs more memory than the hub gives to one; narrow it.");
    case Code::Invalid:
      return problem(call.request, Problem::BadQuery, failure.error.to_string(), "[]");
    default:
      return problem(call.request, failure.error);
  }
}

std::string result_json(const store::QueryResult& result) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  write_columns(writer, result.columns);
  writer.key("rows");
  writer.begin_array();
  for (const auto& row : result.rows) {
    writer.begin_array();
    for (std::size_t i = 0; i < row.size(); ++i) {
      store::write_value(writer, result.columns[i].type, row[i]);
    }
    writer.end_array();
  }
  writer.end_array();
  writer.key("stats");
  writer.begin_object();
  writer.field("rows", static_cast<std::uint64_t>(result.stats.rows));
  writer.field("truncated", result.stats.truncated);
  writer.field("elapsedMs",
               std::chrono::duration<double, std::milli>(result.stats.elapsed).count());
  writer.end_object();
  if (result.render) {
    writer.key("render");
    writer.begin_object();
    writer.field("kind", result.render->kind);
    writer.key("properties");
    writer.begin_object();
    for (const auto& [name, value] : result.render->properties)
      writer.field(name, value);
    writer.end_object();
    writer.end_object();
  }
  writer.key("warnings");
  write_diagnostics(writer, result.warnings);
  writer.end_object();
  return body;
}

std::expected<std::string, Response> read_query(const Call& call, const base::json::Value& body) {
  auto query = text_field(call, body, "query", kql::kMaxQueryBytes);
  if (!query) return std::unexpected(std::move(query.error()));
  if (!*query) {
    return std::unexpected(
        problem(call.request, Problem::BadRequest, "query: expected text, found nothing"));
  }
  return std::move(**query);
}

}  // namespace

Response run_query(Call& call) {
  auto body = read_body(call, Body::Required, {"query", "limit", "timeoutMs"});
  if (!body) return std::move(body.error());
  auto query = read_query(call, *body);
  if (!query) return std::move(query.error());
  auto limit = number_field(call, *body, "limit", 1, kMaxRows);
  if (!limit) return std::move(limit.error());
  auto timeout = number_field(call, *body, "timeoutMs", 1, kMaxTimeoutMs);
  if (!timeout) return std::move(timeout.error());

  store::QueryOptions options{.now = call.now};
  options.row_limit = static_cast<std::size_t>(limit->value_or(kDefaultRows));
  options.timeout = std::chrono::milliseconds(timeout->value_or(kDefaultTimeoutMs));
  options.cancel = call.cancel;
  auto result = call.services.dependencies.queries->run_kql(*query, options);
  if (!result) return failed_query(call, result.error());
  return json_response(200, result_json(*result));
}

Response validate_query(Call& call) {
  auto body = read_body(call, Body::Required, {"query"});
  if (!body) return std::move(body.error());
  auto query = read_query(call, *body);
  if (!query) return std::move(query.error());
  auto compiled = kql::compile(*query, store::catalogue(), {.now = call.now});
  std::string json;
  Writer writer(json);
  writer.begin_object();
  writer.field("valid", compiled.has_value());
  write_columns(writer, compiled ? compiled->columns : std::vector<kql::Column>());
  writer.key("diagnostics");
  write_diagnostics(writer, compiled ? compiled->warnings : compiled.error());
  writer.end_object();
  return json_response(200, std::move(json));
}

Response get_query_schema(Call& call) {
  static_cast<void>(call);
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("tables");
  writer.begin_array();
  for (const kql::Table& table : store::catalogue().tables()) {
    writer.begin_object();
    writer.field("name", table.name);
    writer.field("description", table.description);
    write_columns(writer, table.columns);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

}  // namespace hub::api
