#include "hub/api/query_call.h"

#include <algorithm>

#include <fmt/format.h>

namespace hub::api {

using base::Code;
using base::json::Writer;
using store::Limit;

namespace {

constexpr double kMiB = 1024.0 * 1024.0;

bool is_error(const kql::Diagnostic& diagnostic) {
  return diagnostic.severity == kql::Severity::Error;
}

std::string text_of(const std::vector<kql::Diagnostic>& diagnostics) {
  const auto first = std::ranges::find_if(diagnostics, is_error);
  if (first == diagnostics.end()) return "The query has errors.";
  return fmt::format("{}:{}: {}", first->line, first->column, first->message);
}

Response bad_query(const Request& request, const std::vector<kql::Diagnostic>& diagnostics) {
  std::string json;
  Writer writer(json);
  write_diagnostics(writer, diagnostics);
  return problem(request, Problem::BadQuery, text_of(diagnostics), json);
}

}  // namespace

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

Asked ask_defaults(const Call& call) {
  const QueryLimits& limits = call.services.options.query;
  Asked asked;
  asked.timeout = limits.timeout;
  asked.rows = limits.rows;
  asked.bytes = limits.max_bytes;
  return asked;
}

std::expected<kql::Parameters, Response> parameters_field(const Call& call,
                                                          const base::json::Value& body) {
  kql::Parameters out;
  const base::json::Value* member = body.find("parameters");
  if (member == nullptr) return out;
  const base::json::Value::Object* object = member->if_object();
  if (object == nullptr) {
    return std::unexpected(problem(call.request, Problem::BadRequest,
                                   "parameters: expected an object of values by name"));
  }
  for (const base::json::Member& each : *object) {
    if (out.emplace(each.name, each.value).second) continue;
    return std::unexpected(
        problem(call.request, Problem::BadRequest,
                fmt::format("parameters: {} is given twice", base::json::quoted(each.name))));
  }
  return out;
}

std::string query_id(const Call& call, const Asked& asked) {
  return asked.id.empty() ? call.request.id : asked.id;
}

std::optional<Outcome> ask(Call& call, const Asked& asked) {
  store::Cancel own;
  store::Cancel& cancel = call.cancel == nullptr ? own : *call.cancel;
  RunningQueries::Place place;
  const bool taken = place.take(call.services.running,
                                {query_id(call, asked), call.principal.name, asked.text, call.now},
                                cancel, call.mono_now);
  if (!taken) return std::nullopt;
  store::QueryOptions options{.now = call.now};
  options.timeout = asked.timeout;
  options.row_limit = asked.rows;
  options.byte_limit = asked.bytes;
  options.time_range = asked.time_range;
  options.parameters = asked.parameters;
  options.cancel = &cancel;
  return call.services.dependencies.queries->run_kql(asked.text, options);
}

std::string failure_text(const Call& call, const Asked& asked, const store::QueryFailure& failure) {
  if (!failure.diagnostics.empty()) return text_of(failure.diagnostics);
  const QueryLimits& limits = call.services.options.query;
  switch (failure.error.code) {
    case Code::Expired:
      return fmt::format(
          "The query did not end within {} ms. Narrow it, for example with a time range, or give "
          "it more time: up to {} ms.",
          asked.timeout.count(), limits.max_timeout.count());
    case Code::Full:
      return fmt::format(
          "The query needs more than the {:.0f} MiB of memory and the {:.0f} MiB of disk to spill "
          "that the hub has for queries (store.memory_max, query.spill_max). Narrow it: fewer "
          "columns, a shorter time, fewer groups.",
          static_cast<double>(limits.memory_bytes) / kMiB,
          static_cast<double>(limits.spill_bytes) / kMiB);
    case Code::Closed:
      return "The query was cancelled.";
    case Code::Unavailable:
      return "Too many queries at once; try again in a moment.";
    default:
      return failure.error.to_string();
  }
}

Response query_refused(const Call& call, const Asked& asked, const store::QueryFailure& failure) {
  if (!failure.diagnostics.empty()) return bad_query(call.request, failure.diagnostics);
  Response response = query_failed(call.request, failure);
  const Limit limit = failure.limit();
  const bool own_words = limit != Limit::None || failure.error.code == Code::Closed;
  if (!own_words) return response;
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("error");
  writer.begin_object();
  writer.field("code", to_string(failure.error.code == Code::Closed ? Problem::Cancelled
                                 : limit == Limit::Time             ? Problem::TimedOut
                                                                    : Problem::Unavailable));
  writer.field("message", failure_text(call, asked, failure));
  writer.field("requestId", call.request.id);
  if (limit != Limit::None) {
    writer.key("limit");
    writer.begin_object();
    writer.field("name", store::to_string(limit));
    writer.field("value", limit == Limit::Time
                              ? static_cast<std::uint64_t>(asked.timeout.count())
                              : std::uint64_t{call.services.options.query.memory_bytes});
    writer.field("unit", limit == Limit::Time ? "ms" : "bytes");
    writer.end_object();
  }
  writer.end_object();
  writer.end_object();
  response.body = std::move(body);
  return response;
}

Response query_failed(const Request& request, const store::QueryFailure& failure) {
  if (!failure.diagnostics.empty()) return bad_query(request, failure.diagnostics);
  switch (failure.error.code) {
    case Code::Expired:
      return problem(request, Problem::TimedOut,
                     "The query did not end in time; narrow it, for example with a time range.");
    case Code::Unavailable: {
      Response response = problem(request, Problem::TooManyRequests,
                                  "Too many queries at once; try again in a moment.");
      response.headers.push_back({"Retry-After", "1"});
      return response;
    }
    case Code::Closed:
      return problem(request, Problem::Cancelled, "The query was cancelled.");
    case Code::TooLarge:
      return problem(request, Problem::TooLarge, failure.error.to_string());
    case Code::Full:
      return problem(request, Problem::Unavailable,
                     "The query needs more memory than the hub gives to one; narrow it.");
    case Code::Invalid:
      return problem(request, Problem::BadQuery, failure.error.to_string(), "[]");
    default:
      return problem(request, failure.error);
  }
}

}  // namespace hub::api
