// Making answers and reading the parts of requests that handlers share; service_answer.cc puts them
// into Azure's words.
#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "hub/api/api.h"

namespace hub::api {

using base::Code;
using base::json::Value;
using base::json::Writer;

std::string_view to_string(Problem problem) {
  switch (problem) {
    case Problem::BadRequest:
      return "BadRequest";
    case Problem::BadQuery:
      return "BadQuery";
    case Problem::Unauthorized:
      return "Unauthorized";
    case Problem::Forbidden:
      return "Forbidden";
    case Problem::NotFound:
      return "NotFound";
    case Problem::MethodNotAllowed:
      return "MethodNotAllowed";
    case Problem::Conflict:
      return "Conflict";
    case Problem::PreconditionFailed:
      return "PreconditionFailed";
    case Problem::TooLarge:
      return "TooLarge";
    case Problem::UnsupportedMediaType:
      return "UnsupportedMediaType";
    case Problem::TooManyRequests:
      return "TooManyRequests";
    case Problem::TimedOut:
      return "TimedOut";
    case Problem::Cancelled:
      return "Cancelled";
    case Problem::Unavailable:
      return "Unavailable";
    case Problem::Internal:
      return "Internal";
  }
  return "Internal";
}

unsigned status_of(Problem problem) {
  switch (problem) {
    case Problem::BadRequest:
    case Problem::BadQuery:
      return 400;
    case Problem::Unauthorized:
      return 401;
    case Problem::Forbidden:
      return 403;
    case Problem::NotFound:
      return 404;
    case Problem::MethodNotAllowed:
      return 405;
    case Problem::Conflict:
    case Problem::Cancelled:
      return 409;
    case Problem::PreconditionFailed:
      return 412;
    case Problem::TooLarge:
      return 413;
    case Problem::UnsupportedMediaType:
      return 415;
    case Problem::TooManyRequests:
      return 429;
    case Problem::Unavailable:
      return 503;
    case Problem::TimedOut:
      return 504;
    case Problem::Internal:
      return 500;
  }
  return 500;
}

Response json_response(unsigned status, std::string body) {
  Response response;
  response.status = status;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

Response problem(const Request& request, Problem problem, std::string_view message,
                 std::string_view diagnostics) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("error");
  writer.begin_object();
  writer.field("code", to_string(problem));
  writer.field("message", message);
  writer.field("requestId", request.id);
  if (!diagnostics.empty()) {
    writer.key("diagnostics");
    writer.raw(diagnostics);
  }
  writer.end_object();
  writer.end_object();
  return json_response(status_of(problem), std::move(body));
}

namespace {

Problem problem_of(Code code) {
  switch (code) {
    case Code::Truncated:
    case Code::Malformed:
    case Code::TooLarge:
    case Code::Invalid:
      return Problem::BadRequest;
    case Code::NotFound:
      return Problem::NotFound;
    case Code::Exists:
      return Problem::Conflict;
    case Code::Denied:
    case Code::Expired:
      return Problem::Unauthorized;
    case Code::Conflict:
      return Problem::PreconditionFailed;
    case Code::Unavailable:
    case Code::Full:
    case Code::Closed:
      return Problem::Unavailable;
    case Code::Unsupported:
    case Code::Corrupt:
    case Code::Io:
      return Problem::Internal;
  }
  return Problem::Internal;
}

}  // namespace

Response problem(const Request& request, const base::Error& error) {
  const Problem kind = problem_of(error.code);
  if (kind == Problem::Internal || kind == Problem::Unavailable) {
    LOG_ERROR("api.failed").field("request", request.id).field("error", error.to_string());
  }
  if (kind == Problem::Internal) {
    return problem(request, kind, "Something failed in the hub; its log has the request id.");
  }
  std::string message = error.what;
  if (!error.detail.empty()) message += ": " + error.detail;
  return problem(request, kind, message);
}

namespace {

Response bad_field(const Call& call, std::string_view name, std::string_view expected,
                   std::string_view found) {
  return problem(call.request, Problem::BadRequest,
                 fmt::format("{}: expected {}, found {}", name, expected, found));
}

std::string shortened(const Value& value) {
  std::string text = value.to_json();
  if (text.size() > 64) text = base::to_utf8(std::string_view(text).substr(0, 61)) + "...";
  return text;
}

}  // namespace

std::expected<Value, Response> read_body(const Call& call, Body body,
                                         std::initializer_list<std::string_view> fields) {
  const Request& request = call.request;
  if (request.body.empty() && body == Body::Optional) return Value(Value::Object{});
  if (!is_media_type(request.header("content-type"), "application/json")) {
    return std::unexpected(problem(request, Problem::UnsupportedMediaType,
                                   "Send JSON with the header Content-Type: application/json."));
  }
  auto parsed = base::json::parse(request.body);
  if (!parsed) {
    return std::unexpected(problem(request, Problem::BadRequest,
                                   "The body is not JSON: " + parsed.error().to_string()));
  }
  const Value::Object* object = parsed->if_object();
  if (object == nullptr) {
    return std::unexpected(problem(request, Problem::BadRequest, "The body is no JSON object."));
  }
  for (const base::json::Member& member : *object) {
    if (std::find(fields.begin(), fields.end(), member.name) != fields.end()) continue;
    std::string message = "unknown field " + base::json::quoted(member.name);
    if (const auto near = base::nearest(member.name, std::vector(fields))) {
      message += fmt::format("; did you mean \"{}\"?", *near);
    }
    return std::unexpected(problem(request, Problem::BadRequest, message));
  }
  return std::move(*parsed);
}

std::expected<std::optional<std::string>, Response> text_field(const Call& call, const Value& body,
                                                               std::string_view name,
                                                               std::size_t max_bytes) {
  const Value* member = body.find(name);
  if (member == nullptr) return std::nullopt;
  const std::string* text = member->if_string();
  if (text == nullptr) return std::unexpected(bad_field(call, name, "text", shortened(*member)));
  if (text->size() > max_bytes) {
    return std::unexpected(bad_field(call, name, fmt::format("at most {} bytes", max_bytes),
                                     std::to_string(text->size())));
  }
  return *text;
}

std::expected<std::optional<std::int64_t>, Response> number_field(const Call& call,
                                                                  const Value& body,
                                                                  std::string_view name,
                                                                  std::int64_t least,
                                                                  std::int64_t most) {
  const Value* member = body.find(name);
  if (member == nullptr) return std::nullopt;
  const std::int64_t* number = member->if_int();
  if (number == nullptr || *number < least || *number > most) {
    return std::unexpected(bad_field(
        call, name, fmt::format("a whole number from {} to {}", least, most), shortened(*member)));
  }
  return *number;
}

std::expected<std::size_t, Response> limit_parameter(const Call& call) {
  const std::string* text = call.target.parameter("limit");
  if (text == nullptr) return 50;
  const auto number = base::parse_int(*text);
  if (!number || *number < 1 || *number > 1000) {
    return std::unexpected(
        bad_field(call, "limit", "a whole number from 1 to 1000", base::json::quoted(*text)));
  }
  return static_cast<std::size_t>(*number);
}

std::expected<bool, Response> flag_parameter(const Call& call, std::string_view name) {
  const std::string* text = call.target.parameter(name);
  if (text == nullptr || *text == "false") return false;
  if (*text == "true") return true;
  return std::unexpected(bad_field(call, name, "true or false", base::json::quoted(*text)));
}

std::string time_text(base::WallTime time) {
  return base::format_rfc3339(time);
}

void time_field(Writer& writer, std::string_view name, const std::optional<base::WallTime>& time) {
  writer.key(name);
  if (time) {
    writer.value(time_text(*time));
  } else {
    writer.null();
  }
}

void cursor_field(Writer& writer, std::string_view cursor) {
  writer.key("nextCursor");
  if (cursor.empty()) {
    writer.null();
  } else {
    writer.value(cursor);
  }
}

}  // namespace hub::api
