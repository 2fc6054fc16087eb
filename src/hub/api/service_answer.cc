// Errors as Azure's SDKs read them, and the records of what they ask.
#include <array>
#include <utility>

#include "base/text.h"
#include "hub/api/api.h"
#include "hub/jobs/description.h"

namespace hub::api {

using base::Code;
using base::json::Writer;
using operations::Level;

namespace {

constexpr std::string_view kErrorHeader = "iothub-errorcode";
constexpr std::string_view kStorageErrorHeader = "x-ms-error-code";
constexpr std::string_view kRequestHeader = "x-ms-request-id";

std::string_view word_for(unsigned status, bool module) {
  switch (status) {
    case 400:
      return "ArgumentInvalid";
    case 401:
    case 403:
      return "IotHubUnauthorizedAccess";
    case 404:
      return module ? "ModuleNotFound" : "DeviceNotFound";
    case 405:
    case 415:
      return "InvalidProtocolVersion";
    case 409:
      return module ? "ModuleAlreadyExistsOnDevice" : "DeviceAlreadyExists";
    case 412:
      return "PreconditionFailed";
    case 413:
      return "MessageTooLarge";
    case 429:
      return "ThrottlingException";
    case 503:
      return "ServiceUnavailable";
    case 504:
      return "GatewayTimeout";
    default:
      return "ServerError";
  }
}

unsigned status_for(const base::Error& error) {
  switch (error.code) {
    case Code::NotFound:
      return 404;
    case Code::Exists:
      return 409;
    case Code::Conflict:
      return 412;
    case Code::Full:
      return 403;
    case Code::TooLarge:
      return 413;
    case Code::Truncated:
    case Code::Malformed:
    case Code::Invalid:
      return 400;
    case Code::Unavailable:
    case Code::Closed:
      return 503;
    case Code::Expired:
      return 504;
    default:
      return 500;
  }
}

// As IoT Hub numbers its errors, where it does.
std::uint32_t number_of(std::string_view code) {
  static constexpr std::array<std::pair<std::string_view, std::uint32_t>, 17> kNumbers = {{
      {"ArgumentInvalid", 400'004},
      {"IotHubUnauthorizedAccess", 401'002},
      {"DeviceMaximumQueueDepthExceeded", 403'004},
      {"DeviceNotFound", 404'001},
      {"ModuleNotFound", 404'010},
      {"DeviceNotOnline", 404'103},
      {"ConfigurationNotFound", 404'301},
      {"DeviceAlreadyExists", 409'001},
      {"ModuleAlreadyExistsOnDevice", 409'301},
      {"ConfigurationAlreadyExists", 409'401},
      {"PreconditionFailed", 412'001},
      {"MessageTooLarge", 413'001},
      {"ConfigurationCountLimitExceeded", 413'101},
      {"ThrottlingException", 429'001},
      {"ServerError", 500'001},
      {"ServiceUnavailable", 503'001},
      {"GatewayTimeout", 504'101},
  }};
  for (const auto& [word, number] : kNumbers) {
    if (word == code) return number;
  }
  return 0;
}

operations::Reason reason_of(const base::Error& error) {
  switch (error.code) {
    case Code::Expired:
      return operations::Reason::SasExpired;
    case Code::Denied:
      return operations::Reason::SasSignature;
    default:
      return operations::Reason::SasMalformed;
  }
}

void put_header(Response& response, std::string_view name, std::string_view value) {
  for (const Header& each : response.headers) {
    if (each.name == name) return;
  }
  response.headers.push_back({std::string(name), std::string(value)});
}

}  // namespace

Response iot_hub_problem(const Request& request, unsigned status, std::string_view code,
                         std::string_view message) {
  // The SDKs cut the text at its first semicolon.
  std::string text = "ErrorCode:";
  text.append(code).append(";");
  for (const char c : message)
    text += c == ';' ? ',' : c;
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("Message", text);
  writer.field("ExceptionMessage", "Tracking ID:" + request.id);
  writer.end_object();
  Response response = json_response(status, std::move(body));
  put_header(response, kErrorHeader, code);
  put_header(response, kRequestHeader, request.id);
  return response;
}

Response iot_hub_refused(const Call& call, const base::Error& error, const identity::Name& name) {
  const unsigned status = status_for(error);
  // What is our own fault is logged there, and not told.
  if (status >= 500 && status != 504) {
    return in_iot_hub_words(call.request, problem(call.request, error), name.is_module());
  }
  std::string message = error.what;
  if (!error.detail.empty()) message += ": " + error.detail;
  return iot_hub_problem(call.request, status, jobs::error_code(error, name), message);
}

std::string_view iot_hub_code(const Response& response) {
  for (const Header& each : response.headers) {
    if (each.name == kErrorHeader || each.name == kStorageErrorHeader) return each.value;
  }
  return {};
}

Response in_iot_hub_words(const Request& request, Response response, bool module) {
  put_header(response, kRequestHeader, request.id);
  if (response.status < 400 || !iot_hub_code(response).empty()) return response;
  std::string text;
  if (const auto body = base::json::parse(response.content())) {
    if (const auto* error = body->find("error")) text = error->text_or("message", "");
  }
  const unsigned status = response.status == 403 ? 401 : response.status;
  Response translated = iot_hub_problem(request, status, word_for(status, module), text);
  for (Header& each : response.headers)
    put_header(translated, each.name, each.value);
  return translated;
}

void record_iot_hub(const Plan& plan, const Request& request, const Services& services,
                    const Principal& principal, const base::Error* error, const Response& response,
                    base::WallTime now, base::MonoTime started) {
  if (plan.route->operation.empty()) return;
  constexpr std::size_t kMaxShown = 128;
  const auto shown = [&](std::size_t at) {
    return at < plan.path.size()
               ? base::to_utf8(plan.target.segments[plan.path[at]].substr(0, kMaxShown))
               : std::string();
  };
  operations::Record record;
  record.time = now;
  record.category = plan.route->category;
  record.operation = plan.route->operation;
  record.status_code = static_cast<int>(response.status);
  record.level = response.status < 400 ? Level::Information : Level::Error;
  if (plan.route->pattern.find("{deviceId}") != std::string_view::npos) {
    record.device_id = shown(0);
    record.module_id = shown(1);
  }
  record.protocol = operations::Protocol::Https;
  record.ip = request.remote;
  record.request_id = request.id;
  record.actor = principal.name;
  record.sdk_version = base::to_utf8(request.header("user-agent").substr(0, kMaxShown));
  if (principal.method == "sharedAccessSignature") {
    record.auth.scope = "hub";
    record.auth.type = "sas";
    record.auth.issuer = "iothub";
    record.auth.skn = principal.name.substr(sizeof("policy:") - 1);
  }
  record.bytes = request.body.empty() ? response.content().size() : request.body.size();
  record.duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(base::mono_now() - started);
  if (response.status >= 400) {
    const std::string_view code = iot_hub_code(response);
    record.sub_code = number_of(code);
    record.detail = code;
    if (error != nullptr) {
      record.reason = reason_of(*error);
      record.detail = error->to_string();
    }
  }
  services.dependencies.operations->record(std::move(record));
}

}  // namespace hub::api
