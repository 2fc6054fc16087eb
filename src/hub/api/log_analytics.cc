// The query API of Azure Monitor's Log Analytics workspaces, for the clients that know it: its
// SDKs, Grafana, scripts. The hub is one workspace. Source: Azure Monitor's documentation of the
// Log Analytics API (request, response, errors, Prefer header, batches, metadata).
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "hub/api/api.h"
#include "hub/api/query_call.h"
#include "hub/api/time_interval.h"
#include "hub/saved_queries/saved_queries.h"
#include "kql/kql.h"
#include "store/catalogue.h"
#include "store/query.h"

namespace hub::api {

using base::json::Value;
using base::json::Writer;
using kql::Type;

namespace {

constexpr std::size_t kMaxBatch = 100;

// --- errors ---

std::string_view error_code(unsigned status) {
  switch (status) {
    case 400:
    case 405:
    case 413:
    case 415:
      return "BadArgumentError";
    case 401:
      return "AuthorizationRequiredError";
    case 403:
      return "InsufficientAccessError";
    case 404:
      return "PathNotFoundError";
    case 409:
      return "QueryCancelledError";
    case 429:
      return "ThrottledError";
    case 503:
      return "ServiceUnavailableError";
    case 504:
      return "GatewayTimeoutError";
    default:
      return "InternalServerError";
  }
}

bool is_syntax(std::string_view message) {
  return message.starts_with("expected ") || message.starts_with("unexpected ") ||
         message.find(" is no operator") != std::string_view::npos;
}

// What the query's author reads: clients show the innermost message.
void write_inner(Writer& writer, const Value& diagnostic) {
  const std::string message(diagnostic.text_or("message", ""));
  const bool syntax = is_syntax(message);
  writer.key("innererror");
  writer.begin_object();
  writer.field("code", syntax ? "SyntaxError" : "SemanticError");
  writer.field("message", syntax ? "A syntax error." : "A semantic error.");
  writer.key("innererror");
  writer.begin_object();
  writer.field("code", syntax ? "SYN0002" : "SEM0100");
  writer.field("message", message);
  for (const char* name : {"line", "column"}) {
    const Value* number = diagnostic.find(name);
    if (number == nullptr || number->if_int() == nullptr) continue;
    writer.field(name[0] == 'l' ? "line" : "pos", *number->if_int());
  }
  writer.end_object();
  writer.end_object();
}

const Value* first_error(const Value& error) {
  const Value* diagnostics = error.find("diagnostics");
  if (diagnostics == nullptr || diagnostics->if_array() == nullptr) return nullptr;
  for (const Value& each : *diagnostics->if_array()) {
    if (each.text_or("severity", "") == "error") return &each;
  }
  return nullptr;
}

// --- values ---

// Dynamic values are texts here, and numbers that JSON has not, too.
void write_cell(Writer& writer, Type type, const store::Value& value) {
  if (type == Type::Dynamic && std::holds_alternative<std::string>(value))
    return writer.value(std::get<std::string>(value));
  if (const auto* real = std::get_if<double>(&value); real != nullptr && !std::isfinite(*real))
    return writer.value(std::isnan(*real) ? "NaN" : *real > 0 ? "Infinity" : "-Infinity");
  store::write_value(writer, type, value);
}

void write_table(Writer& writer, const store::QueryResult& result) {
  writer.begin_object();
  writer.field("name", "PrimaryResult");
  write_columns(writer, result.columns);
  writer.key("rows");
  writer.begin_array();
  for (const auto& row : result.rows) {
    writer.begin_array();
    for (std::size_t i = 0; i < row.size(); ++i)
      write_cell(writer, result.columns[i].type, row[i]);
    writer.end_array();
  }
  writer.end_array();
  writer.end_object();
}

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

void write_statistics(Writer& writer, const store::QueryStats& stats) {
  writer.key("statistics");
  writer.begin_object();
  writer.key("query");
  writer.begin_object();
  writer.field("executionTime", seconds(stats.elapsed));
  writer.field("parseTime", seconds(stats.compile));
  writer.key("datasetStatistics");
  writer.begin_array();
  writer.begin_object();
  writer.field("tableRowCount", std::uint64_t{stats.rows});
  writer.field("tableSize", std::uint64_t{stats.bytes});
  writer.end_object();
  writer.end_array();
  writer.end_object();
  writer.end_object();
}

void write_render(Writer& writer, const std::optional<kql::Render>& render) {
  writer.key("render");
  writer.begin_object();
  writer.field("visualization", render ? std::string_view(render->kind) : "table");
  if (render) {
    for (const auto& [name, value] : render->properties)
      writer.field(name, value);
  }
  writer.end_object();
}

// Some rows are there, and there were more.
void write_partial(Writer& writer, const Asked& asked, const store::QueryStats& stats) {
  const std::string message = stats.cut_by == store::Limit::Rows
                                  ? fmt::format("The result was cut after {} rows.", asked.rows)
                                  : fmt::format("The result was cut after {} bytes.", asked.bytes);
  writer.key("error");
  writer.begin_object();
  writer.field("code", "PartialError");
  writer.field("message", "There were some errors when processing your query.");
  writer.key("details");
  writer.begin_array();
  writer.begin_object();
  writer.field("code", "ResultLimitExceeded");
  writer.field("message", message);
  writer.end_object();
  writer.end_array();
  writer.end_object();
}

// --- requests ---

// The Prefer header: wait=600, include-statistics=true, include-render=true.
struct Preferences {
  std::optional<std::int64_t> wait;  // seconds
  bool statistics = false;
  bool render = false;
};

Preferences read_preferences(std::string_view header) {
  Preferences out;
  for (const char separator : {';', ','}) {
    for (const std::string_view part : base::split(header, separator)) {
      const std::size_t equals = part.find('=');
      const std::string name = base::to_lower(base::trim(part.substr(0, equals)));
      const std::string_view value =
          equals == std::string_view::npos ? "" : base::trim(part.substr(equals + 1));
      if (name == "wait" && base::parse_int(value)) out.wait = base::parse_int(value);
      if (name == "include-statistics") out.statistics = base::equal_ignore_case(value, "true");
      if (name == "include-render") out.render = base::equal_ignore_case(value, "true");
    }
  }
  return out;
}

struct Question {
  Asked asked;
  Preferences preferences;
};

Response bad_argument(const Call& call, std::string_view message) {
  return problem(call.request, Problem::BadRequest, message);
}

// The hub answers to its workspace's id and to its own name.
bool is_this(const Call& call, std::string_view workspace) {
  return base::equal_ignore_case(workspace, call.services.dependencies.workspace_id) ||
         base::equal_ignore_case(workspace, call.services.options.host_name);
}

Response no_workspace(const Call& call, std::string_view workspace) {
  return problem(
      call.request, Problem::NotFound,
      fmt::format("There is no workspace {} here; this hub's is {}, or its name {}.",
                  base::json::quoted(workspace.substr(0, kql::kMaxQueryBytes)),
                  call.services.dependencies.workspace_id, call.services.options.host_name));
}

std::optional<Response> check_workspaces(const Call& call, const Value* list) {
  if (list == nullptr || list->is_null()) return std::nullopt;
  if (list->if_array() == nullptr) return bad_argument(call, "workspaces: expected a list");
  for (const Value& each : *list->if_array()) {
    const std::string* name = each.if_string();
    if (name == nullptr) return bad_argument(call, "workspaces: expected a list of texts");
    if (!is_this(call, *name)) return no_workspace(call, *name);
  }
  return std::nullopt;
}

// As much of everything as the hub allows: these clients read no pages.
Asked asked_most(const Call& call, const Preferences& preferences) {
  const QueryLimits& limits = call.services.options.query;
  Asked asked = ask_defaults(call);
  asked.rows = limits.max_rows;
  // Unless they say: three minutes.
  constexpr std::chrono::milliseconds kUsual{180'000};
  asked.timeout = std::min(kUsual, limits.max_timeout);
  if (preferences.wait && *preferences.wait > 0) {
    const auto most = std::chrono::duration_cast<std::chrono::seconds>(limits.max_timeout).count();
    asked.timeout = std::chrono::seconds(std::min<std::int64_t>(*preferences.wait, most));
    asked.timeout = std::clamp(asked.timeout, std::chrono::milliseconds(1), limits.max_timeout);
  }
  return asked;
}

std::expected<Question, Response> make_question(const Call& call, std::string_view query,
                                                std::string_view timespan,
                                                std::string_view prefer) {
  if (base::trim(query).empty())
    return std::unexpected(bad_argument(call, "query: expected text, found nothing"));
  Question out;
  out.preferences = read_preferences(prefer);
  out.asked = asked_most(call, out.preferences);
  out.asked.text = query;
  if (timespan.empty()) return out;
  const auto range = parse_time_interval(timespan, call.now);
  if (!range) {
    return std::unexpected(bad_argument(call, std::string("timespan: ") + range.error().what));
  }
  out.asked.time_range = *range;
  return out;
}

std::expected<Question, Response> read_question(const Call& call, const Value& body,
                                                std::string_view prefer) {
  const auto query = text_field(call, body, "query", kql::kMaxQueryBytes);
  if (!query) return std::unexpected(query.error());
  const Value* timespan = body.find("timespan");
  const bool any = timespan != nullptr && !timespan->is_null();
  if (any && timespan->if_string() == nullptr)
    return std::unexpected(bad_argument(call, "timespan: expected text"));
  if (auto refused = check_workspaces(call, body.find("workspaces")))
    return std::unexpected(std::move(*refused));
  return make_question(call, query->value_or(""), any ? *timespan->if_string() : "", prefer);
}

// These clients may send more than is known here.
std::expected<Value, Response> read_lenient(const Call& call) {
  const std::string_view type = call.request.header("content-type");
  if (!type.empty() && !is_media_type(type, "application/json"))
    return std::unexpected(problem(call.request, Problem::UnsupportedMediaType, "Send JSON."));
  auto body = base::json::parse(call.request.body);
  if (!body || body->if_object() == nullptr)
    return std::unexpected(bad_argument(call, "The body is no JSON object."));
  return std::move(*body);
}

Response answer_question(Call& call, const Question& question) {
  const auto outcome = ask(call, question.asked);
  if (!outcome) return problem(call.request, Problem::Conflict, "The query's id is taken.");
  if (!*outcome) return query_refused(call, question.asked, outcome->error());
  const store::QueryResult& result = **outcome;
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("tables");
  writer.begin_array();
  write_table(writer, result);
  writer.end_array();
  if (question.preferences.statistics) write_statistics(writer, result.stats);
  if (question.preferences.render) write_render(writer, result.render);
  if (result.stats.truncated()) write_partial(writer, question.asked, result.stats);
  writer.end_object();
  return json_response(200, std::move(body));
}

// --- routes ---

Response query_workspace(Call& call) {
  if (!is_this(call, call.path[0])) return no_workspace(call, call.path[0]);
  const std::string_view prefer = call.request.header("prefer");
  if (call.request.method != Method::Post) {
    const auto parameter = [&call](std::string_view name) {
      const std::string* value = call.target.parameter(name);
      return value == nullptr ? std::string_view() : std::string_view(*value);
    };
    if (const std::string_view others = parameter("workspaces"); !others.empty()) {
      for (const std::string_view each : base::split(others, ',')) {
        if (!is_this(call, base::trim(each))) return no_workspace(call, base::trim(each));
      }
    }
    const auto question = make_question(call, parameter("query"), parameter("timespan"), prefer);
    return question ? answer_question(call, *question) : question.error();
  }
  const auto body = read_lenient(call);
  if (!body) return body.error();
  const auto question = read_question(call, *body, prefer);
  return question ? answer_question(call, *question) : question.error();
}

// A resource's logs: the hub is the one resource, whatever it is called in Azure.
Response query_resource(Call& call) {
  const auto body = read_lenient(call);
  if (!body) return body.error();
  const auto question = read_question(call, *body, call.request.header("prefer"));
  return question ? answer_question(call, *question) : question.error();
}

std::string_view prefer_of(const Value& request) {
  const Value* headers = request.find("headers");
  if (headers == nullptr || headers->if_object() == nullptr) return {};
  for (const base::json::Member& header : *headers->if_object()) {
    if (base::equal_ignore_case(header.name, "prefer") && header.value.if_string() != nullptr)
      return *header.value.if_string();
  }
  return {};
}

Response answer_one(Call& call, const Value& request) {
  const std::string_view workspace = request.text_or("workspace", "");
  if (!is_this(call, workspace)) return no_workspace(call, workspace);
  if (request.text_or("path", "/query") != "/query")
    return problem(call.request, Problem::NotFound, "path: only /query is served in a batch.");
  const Value* body = request.find("body");
  if (body == nullptr || body->if_object() == nullptr)
    return bad_argument(call, "body: expected an object");
  auto question = read_question(call, *body, prefer_of(request));
  if (!question) return std::move(question.error());
  question->asked.id = fmt::format("{}-{}", call.request.id, request.text_or("id", ""))
                           .substr(0, kql::kMaxQueryBytes);
  return answer_question(call, *question);
}

// One after the other, on one thread: a batch is no way around the limit on queries at once.
Response run_batch(Call& call) {
  const auto body = read_lenient(call);
  if (!body) return body.error();
  const Value* requests = body->find("requests");
  if (requests == nullptr || requests->if_array() == nullptr)
    return bad_argument(call, "requests: expected a list");
  if (requests->if_array()->size() > kMaxBatch)
    return bad_argument(call, fmt::format("requests: at most {}", kMaxBatch));
  std::size_t room = call.services.options.query.max_bytes;
  std::string text;
  Writer writer(text);
  writer.begin_object();
  writer.key("responses");
  writer.begin_array();
  for (const Value& request : *requests->if_array()) {
    Response response =
        room == 0 ? problem(call.request, Problem::TooLarge,
                            "The batch's answers together are larger than query.max_size.")
                  : answer_one(call, request);
    response = in_log_analytics_words(call.request, std::move(response));
    room -= std::min(room, response.body.size());
    writer.begin_object();
    writer.field("id", request.text_or("id", ""));
    writer.field("status", std::uint64_t{response.status});
    writer.key("headers");
    writer.begin_object();
    writer.end_object();
    writer.key("body");
    writer.raw(response.body);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(text));
}

void write_tables(Writer& writer) {
  writer.key("tables");
  writer.begin_array();
  for (const kql::Table& table : store::catalogue().tables()) {
    writer.begin_object();
    writer.field("id", "t/" + table.name);
    writer.field("name", table.name);
    writer.field("description", table.description);
    const bool timed = std::ranges::find(table.columns, std::string_view("TimeGenerated"),
                                         &kql::Column::name) != table.columns.end();
    if (timed) writer.field("timespanColumn", "TimeGenerated");
    write_columns(writer, table.columns);
    writer.end_object();
  }
  writer.end_array();
}

void write_saved(Writer& writer, const Call& call) {
  writer.key("queries");
  writer.begin_array();
  constexpr std::size_t kMost = 1'000;
  const auto page = call.services.dependencies.saved_queries->list(
      {.limit = kMost}, {call.principal.name, call.principal.administer});
  for (const auto& query : page ? page->items : std::vector<saved_queries::Query>()) {
    writer.begin_object();
    writer.field("id", query.id);
    writer.field("displayName", query.draft.name);
    writer.field("description", query.draft.description);
    writer.field("body", query.draft.query);
    writer.end_object();
  }
  writer.end_array();
}

Response get_metadata(Call& call) {
  if (!is_this(call, call.path[0])) return no_workspace(call, call.path[0]);
  std::string body;
  Writer writer(body);
  writer.begin_object();
  write_tables(writer);
  write_saved(writer, call);
  for (const char* none : {"functions", "tableGroups", "categories", "solutions"}) {
    writer.key(none);
    writer.begin_array();
    writer.end_array();
  }
  writer.key("workspaces");
  writer.begin_array();
  writer.begin_object();
  writer.field("id", call.services.dependencies.workspace_id);
  writer.field("name", call.services.options.host_name);
  writer.field("resourceId", call.services.options.host_name);
  writer.field("region", "");
  writer.end_object();
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

}  // namespace

Response in_log_analytics_words(const Request& request, Response response) {
  if (response.status < 400) return response;
  const auto parsed = base::json::parse(response.content());
  const Value* error = parsed ? parsed->find("error") : nullptr;
  if (error != nullptr && error->find("correlationId") != nullptr) return response;
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("error");
  writer.begin_object();
  writer.field("code", error_code(response.status));
  const Value* diagnostic = error == nullptr ? nullptr : first_error(*error);
  writer.field("message", diagnostic != nullptr ? "The request had some invalid properties"
                          : error != nullptr    ? error->text_or("message", "")
                                                : std::string_view("The request failed."));
  writer.field("correlationId", request.id);
  if (diagnostic != nullptr) write_inner(writer, *diagnostic);
  writer.end_object();
  writer.end_object();
  response.content_type = "application/json";
  response.static_body = {};
  response.body = std::move(body);
  return response;
}

std::span<const Route> log_analytics_routes() {
  using enum Method;
  static const std::vector<Route> table = [] {
    std::vector<Route> routes;
    const auto add = [&routes](Method method, std::string_view pattern, Handler handler,
                               Pool pool) {
      routes.push_back({method, pattern, Need::Look, handler, {}, {}, pool});
    };
    add(Get, "/v1/workspaces/{workspaceId}/query", query_workspace, Pool::Queries);
    add(Post, "/v1/workspaces/{workspaceId}/query", query_workspace, Pool::Queries);
    add(Get, "/v1/workspaces/{workspaceId}/metadata", get_metadata, Pool::Requests);
    add(Post, "/v1/workspaces/{workspaceId}/metadata", get_metadata, Pool::Requests);
    add(Post, "/v1/$batch", run_batch, Pool::Queries);
    // The SDKs put the resource's id, which has a '/' at its start, behind another.
    add(Post,
        "/v1/subscriptions/{subscription}/resourceGroups/{group}/providers/{provider}/{type}/"
        "{resource}/query",
        query_resource, Pool::Queries);
    add(Post,
        "/v1//subscriptions/{subscription}/resourceGroups/{group}/providers/{provider}/{type}/"
        "{resource}/query",
        query_resource, Pool::Queries);
    return routes;
  }();
  return table;
}

}  // namespace hub::api
