// Queries in KQL: run, watched, ended, checked, completed.
#include <algorithm>

#include <fmt/format.h>

#include "hub/api/api.h"
#include "hub/api/query_call.h"
#include "hub/api/time_interval.h"
#include "kql/complete.h"
#include "kql/kql.h"
#include "store/catalogue.h"
#include "store/query.h"

namespace hub::api {

using base::json::Writer;

namespace {

constexpr std::size_t kMaxId = 64;

void write_render(Writer& writer, const kql::Render& render) {
  writer.key("render");
  writer.begin_object();
  writer.field("kind", render.kind);
  writer.key("properties");
  writer.begin_object();
  for (const auto& [name, value] : render.properties)
    writer.field(name, value);
  writer.end_object();
  writer.end_object();
}

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

// What the query might have used at most, and which of it cut the result.
void write_limits(Writer& writer, const Call& call, const Asked& asked, store::Limit reached) {
  const QueryLimits& limits = call.services.options.query;
  writer.key("limits");
  writer.begin_object();
  writer.field("timeoutMs", std::int64_t{asked.timeout.count()});
  writer.field("rows", std::uint64_t{asked.rows});
  writer.field("bytes", std::uint64_t{asked.bytes});
  writer.field("memoryBytes", std::uint64_t{limits.memory_bytes});
  writer.field("spillBytes", std::uint64_t{limits.spill_bytes});
  writer.key("reached");
  if (reached == store::Limit::None) {
    writer.null();
  } else {
    writer.value(store::to_string(reached));
  }
  writer.end_object();
}

std::string result_json(const Call& call, const Asked& asked, const store::QueryResult& result) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("id", query_id(call, asked));
  write_columns(writer, result.columns);
  writer.key("rows");
  writer.begin_array();
  for (const auto& row : result.rows) {
    writer.begin_array();
    for (std::size_t i = 0; i < row.size(); ++i)
      store::write_value(writer, result.columns[i].type, row[i]);
    writer.end_array();
  }
  writer.end_array();
  writer.key("stats");
  writer.begin_object();
  writer.field("rows", std::uint64_t{result.stats.rows});
  writer.field("bytes", std::uint64_t{result.stats.bytes});
  writer.field("truncated", result.stats.truncated());
  writer.field("compileMs", milliseconds(result.stats.compile));
  writer.field("elapsedMs", milliseconds(result.stats.elapsed));
  writer.end_object();
  write_limits(writer, call, asked, result.stats.cut_by);
  if (result.render) write_render(writer, *result.render);
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

bool is_id(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  };
  return !text.empty() && text.size() <= kMaxId && std::ranges::all_of(text, allowed);
}

// How much of everything the query may use: what it asks for, up to what the hub allows.
std::optional<Response> read_numbers(const Call& call, const base::json::Value& body,
                                     Asked& asked) {
  const QueryLimits& limits = call.services.options.query;
  const auto rows =
      number_field(call, body, "limit", 1, static_cast<std::int64_t>(limits.max_rows));
  if (!rows) return rows.error();
  if (*rows) asked.rows = static_cast<std::size_t>(**rows);
  const auto bytes =
      number_field(call, body, "maxBytes", 1, static_cast<std::int64_t>(limits.max_bytes));
  if (!bytes) return bytes.error();
  if (*bytes) asked.bytes = static_cast<std::size_t>(**bytes);
  const auto timeout =
      number_field(call, body, "timeoutMs", 1, std::int64_t{limits.max_timeout.count()});
  if (!timeout) return timeout.error();
  if (*timeout) asked.timeout = std::chrono::milliseconds(**timeout);
  return std::nullopt;
}

std::expected<Asked, Response> read_asked(const Call& call) {
  auto body =
      read_body(call, Body::Required,
                {"query", "parameters", "id", "timespan", "limit", "maxBytes", "timeoutMs"});
  if (!body) return std::unexpected(std::move(body.error()));
  auto query = read_query(call, *body);
  if (!query) return std::unexpected(std::move(query.error()));
  Asked asked = ask_defaults(call);
  asked.text = std::move(*query);
  auto parameters = parameters_field(call, *body);
  if (!parameters) return std::unexpected(std::move(parameters.error()));
  asked.parameters = std::move(*parameters);
  if (auto refused = read_numbers(call, *body, asked)) return std::unexpected(std::move(*refused));
  auto id = text_field(call, *body, "id", kMaxId);
  if (!id) return std::unexpected(std::move(id.error()));
  if (*id && !is_id(**id)) {
    return std::unexpected(problem(call.request, Problem::BadRequest,
                                   "id: expected up to 64 letters, digits, '-' and '_'"));
  }
  asked.id = id->value_or("");
  const auto timespan = text_field(call, *body, "timespan", kql::kMaxQueryBytes);
  if (!timespan) return std::unexpected(timespan.error());
  if (!*timespan) return asked;
  const auto range = parse_time_interval(**timespan, call.now);
  if (!range) {
    return std::unexpected(
        problem(call.request, Problem::BadRequest, std::string("timespan: ") + range.error().what));
  }
  asked.time_range = *range;
  return asked;
}

void write_parameters(Writer& writer, const std::vector<kql::DeclaredParameter>& parameters) {
  writer.key("parameters");
  writer.begin_array();
  for (const kql::DeclaredParameter& each : parameters) {
    writer.begin_object();
    writer.field("name", each.name);
    writer.field("type", kql::type_name(each.type));
    writer.field("required", each.required);
    writer.end_object();
  }
  writer.end_array();
}

}  // namespace

Response run_query(Call& call) {
  const auto asked = read_asked(call);
  if (!asked) return asked.error();
  const auto outcome = ask(call, *asked);
  if (!outcome)
    return problem(call.request, Problem::Conflict, "Another query with that id is running.");
  if (!*outcome) return query_refused(call, *asked, outcome->error());
  return json_response(200, result_json(call, *asked, **outcome));
}

Response list_running_queries(Call& call) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const auto& each :
       call.services.running.list(call.principal.name, call.principal.administer)) {
    writer.begin_object();
    writer.field("id", each.id);
    writer.field("owner", each.owner);
    writer.field("query", each.text);
    writer.field("started", time_text(each.started));
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

// Nothing to tell apart: a query that has just ended, one that has not come yet, and one that is
// somebody else's.
Response cancel_query(Call& call) {
  if (!is_id(call.path[0]))
    return problem(call.request, Problem::NotFound, "No query has such an id.");
  call.services.running.cancel(call.path[0], call.principal.name, call.principal.administer,
                               call.mono_now);
  return Response{.status = 204};
}

Response validate_query(Call& call) {
  auto body = read_body(call, Body::Required, {"query", "parameters"});
  if (!body) return std::move(body.error());
  auto query = read_query(call, *body);
  if (!query) return std::move(query.error());
  auto parameters = parameters_field(call, *body);
  if (!parameters) return std::move(parameters.error());
  auto compiled = kql::compile(*query, store::catalogue(),
                               {.now = call.now, .parameters = std::move(*parameters)});
  std::string json;
  Writer writer(json);
  writer.begin_object();
  writer.field("valid", compiled.has_value());
  write_columns(writer, compiled ? compiled->columns : std::vector<kql::Column>());
  write_parameters(writer, kql::declared_parameters(*query));
  writer.key("diagnostics");
  write_diagnostics(writer, compiled ? compiled->warnings : compiled.error());
  writer.end_object();
  return json_response(200, std::move(json));
}

namespace {

void write_item(Writer& writer, const kql::Suggestion& item) {
  writer.begin_object();
  writer.field("label", item.label);
  writer.field("kind", kql::to_string(item.kind));
  writer.field("insert", item.insert);
  writer.field("detail", item.detail);
  writer.field("documentation", item.documentation);
  writer.end_object();
}

void write_signature(Writer& writer, const kql::Signature& signature) {
  writer.begin_object();
  writer.field("name", signature.name);
  writer.field("documentation", signature.documentation);
  writer.field("argument", std::uint64_t{signature.argument});
  writer.key("forms");
  writer.begin_array();
  for (const kql::Signature::Form& form : signature.forms) {
    writer.begin_object();
    writer.field("label", form.label);
    writer.key("parameters");
    writer.begin_array();
    for (const std::string& parameter : form.parameters)
      writer.value(parameter);
    writer.end_array();
    writer.field("variadic", form.variadic);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
}

}  // namespace

Response complete_query(Call& call) {
  auto body = read_body(call, Body::Required, {"query", "offset"});
  if (!body) return std::move(body.error());
  auto query = read_query(call, *body);
  if (!query) return std::move(query.error());
  const auto offset =
      number_field(call, *body, "offset", 0, static_cast<std::int64_t>(query->size()));
  if (!offset) return offset.error();
  const auto at =
      static_cast<std::size_t>(offset->value_or(static_cast<std::int64_t>(query->size())));
  const kql::Completion found = kql::complete(*query, at, store::catalogue());
  std::string json;
  Writer writer(json);
  writer.begin_object();
  writer.field("offset", std::uint64_t{found.offset});
  writer.field("length", std::uint64_t{found.length});
  writer.key("items");
  writer.begin_array();
  for (const kql::Suggestion& item : found.items)
    write_item(writer, item);
  writer.end_array();
  writer.key("signature");
  if (found.signature) {
    write_signature(writer, *found.signature);
  } else {
    writer.null();
  }
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
