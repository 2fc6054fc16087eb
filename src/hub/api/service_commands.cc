// Direct methods and cloud-to-device messages, as far as Azure IoT Hub has them in its REST API.
#include "base/text.h"
#include "hub/api/api.h"
#include "hub/commands/messages.h"
#include "hub/commands/methods.h"
#include "hub/jobs/description.h"
#include "hub/jobs/execute.h"

namespace hub::api {

using base::Code;
using base::json::Writer;
using identity::Name;

namespace {

// Who asks, for the records of those who do it.
operations::Record record_of(const Call& call) {
  constexpr std::size_t kMaxShown = 128;
  operations::Record record;
  record.protocol = operations::Protocol::Https;
  record.ip = call.request.remote;
  record.sdk_version = base::to_utf8(call.request.header("user-agent").substr(0, kMaxShown));
  record.request_id = call.request.id;
  record.actor = call.principal.name;
  if (call.principal.method == "sharedAccessSignature") {
    record.auth.scope = "hub";
    record.auth.type = "sas";
    record.auth.issuer = "iothub";
    record.auth.skn = call.principal.name.substr(sizeof("policy:") - 1);
  }
  return record;
}

Response method_response(const Request& request, const Name& name,
                         const base::Result<commands::MethodAnswer>& answer) {
  if (answer) {
    return in_iot_hub_words(request, json_response(200, jobs::method_result(*answer)),
                            name.is_module());
  }
  const base::Error& error = answer.error();
  switch (error.code) {
    case Code::NotFound:
      return iot_hub_problem(request, 404, jobs::error_code(error, name), error.to_string());
    case Code::Closed:
      return iot_hub_problem(request, 404, "DeviceNotOnline",
                             "The device is not connected, or serves no methods.");
    case Code::Expired:
      return iot_hub_problem(request, 504, "GatewayTimeout", "The device did not answer in time.");
    case Code::Malformed:
      return iot_hub_problem(request, 502, "BadDeviceResponse", error.detail);
    case Code::Invalid:
      return iot_hub_problem(request, 400, "ArgumentInvalid", error.detail);
    case Code::TooLarge:
      return iot_hub_problem(request, 413, "MessageTooLarge", error.detail);
    case Code::Full:
      return iot_hub_problem(request, 429, "ThrottlingException",
                             "Too many calls wait for their devices.");
    case Code::Unavailable:
      return iot_hub_problem(request, 503, "ServiceUnavailable", "The hub stops.");
    default:
      return in_iot_hub_words(request, problem(request, error), name.is_module());
  }
}

}  // namespace

Response iot_hub_call_method(Call& call) {
  const auto body = base::json::parse(call.request.body);
  if (!body) return iot_hub_problem(call.request, 400, "ArgumentInvalid", "The body is no JSON.");
  auto method = jobs::read_method_call(*body);
  if (!method) return iot_hub_problem(call.request, 400, "ArgumentInvalid", method.error().detail);
  method->to = name_of(call);
  method->record = record_of(call);
  call.recorded = true;  // when it is over
  Response response;
  // The device may take minutes: no thread waits for it.
  response.later = [&methods = *call.services.dependencies.methods, &request = call.request,
                    method = std::move(*method)](std::function<void(Response)> done) {
    const Name name = method.to;
    methods.invoke(method, [&request, name, done = std::move(done)](
                               const base::Result<commands::MethodAnswer>& answer) {
      done(method_response(request, name, answer));
    });
  };
  return response;
}

Response iot_hub_purge(Call& call) {
  const Name name{std::string(call.path[0]), {}};
  const auto found = call.services.dependencies.registry->get(name);
  if (!found) return iot_hub_refused(call, found.error(), name);
  call.recorded = true;
  const auto purged = call.services.dependencies.messages->purge(name, record_of(call));
  if (!purged) return iot_hub_refused(call, purged.error(), name);
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("totalMessagesPurged", *purged);
  writer.field("deviceId", name.device_id);
  writer.key("moduleId");
  writer.null();
  writer.end_object();
  return json_response(200, std::move(body));
}

}  // namespace hub::api
