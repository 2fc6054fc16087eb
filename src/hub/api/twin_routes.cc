// Twins, in our words and in Azure IoT Hub's; and the one thing that devices ask over HTTPS so far.
#include <fmt/format.h>

#include "base/text.h"
#include "hub/api/api.h"
#include "hub/identity/certificate.h"
#include "hub/identity/registry.h"
#include "hub/jobs/description.h"
#include "hub/operations/operations.h"
#include "hub/twins/twins.h"

namespace hub::api {

using base::json::Value;
using base::json::Writer;
using identity::Identity;
using twins::Twin;
using twins::Update;

namespace {

void add_etag(Response& response, const std::string& etag) {
  response.headers.push_back({"ETag", '"' + etag + '"'});
}

Response own_view(const Twin& twin) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("deviceId", twin.name.device_id);
  if (twin.name.is_module()) writer.field("moduleId", twin.name.module_id);
  writer.field("etag", twin.etag);
  write_service_view(writer, twin);
  writer.end_object();
  Response response = json_response(200, std::move(body));
  add_etag(response, twin.etag);
  return response;
}

// A member of a body that is an object where it is there and not null.
std::expected<const Value*, Response> object_member(const Call& call, const Value& body,
                                                    std::string_view name) {
  const Value* member = body.find(name);
  if (member == nullptr || member->is_null()) return nullptr;
  if (member->if_object() != nullptr) return member;
  return std::unexpected(
      problem(call.request, Problem::BadRequest, fmt::format("{}: expected an object", name)));
}

// What of a twin a body would change.
std::expected<Update, Response> read_update(const Call& call, const Value& body,
                                            Update::Mode mode) {
  Update update;
  update.mode = mode;
  update.if_match = if_match(call);
  const auto tags = object_member(call, body, "tags");
  if (!tags) return std::unexpected(tags.error());
  const auto properties = object_member(call, body, "properties");
  if (!properties) return std::unexpected(properties.error());
  if (*tags != nullptr) update.tags = **tags;
  if (*properties == nullptr) return update;
  const auto desired = object_member(call, **properties, "desired");
  if (!desired) return std::unexpected(desired.error());
  if (*desired != nullptr) update.desired = **desired;
  return update;
}

std::expected<Twin, Response> change(Call& call, const Update& update) {
  if (!update.tags && !update.desired) {
    return std::unexpected(problem(call.request, Problem::BadRequest,
                                   "Nothing to change: expected tags or properties.desired."));
  }
  auto twin = call.services.dependencies.twins->update(name_of(call), update, call.principal.name);
  if (!twin) {
    if (twin.error().code == base::Code::TooLarge)
      return std::unexpected(problem(call.request, Problem::TooLarge, twin.error().detail));
    return std::unexpected(identity_refused(call, twin.error()));
  }
  call.audit_detail =
      update.desired ? fmt::format("desired version {}", twin->desired.version) : "tags";
  return std::move(*twin);
}

// --- Azure IoT Hub's ---

Response iot_hub_view(const Call& call, const Twin& twin) {
  const auto identity = call.services.dependencies.registry->get(twin.name);
  if (!identity) return identity_refused(call, identity.error());
  const identity::Activity activity = call.services.dependencies.registry->activity(twin.name);
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("deviceId", twin.name.device_id);
  if (twin.name.is_module()) writer.field("moduleId", twin.name.module_id);
  writer.field("etag", twin.etag);
  writer.field("deviceEtag", identity->etag);
  writer.field("status", identity::to_string(identity->status));
  writer.field("statusReason", identity->status_reason);
  writer.field("statusUpdateTime", jobs::time_or_never(identity->status_updated));
  writer.field("connectionState", activity.connected ? "Connected" : "Disconnected");
  writer.field("lastActivityTime", jobs::time_or_never(activity.last_activity));
  writer.field("cloudToDeviceMessageCount", std::uint64_t{waiting_messages(call, twin.name)});
  writer.field("authenticationType", identity::to_string(identity->authentication));
  jobs::write_thumbprints(writer, identity->thumbprints);
  write_service_view(writer, twin);
  if (!twin.name.is_module()) {
    writer.key("capabilities");
    writer.begin_object();
    writer.field("iotEdge", identity->iot_edge);
    writer.end_object();
  }
  writer.end_object();
  Response response = json_response(200, std::move(body));
  add_etag(response, twin.etag);
  return response;
}

Response iot_hub_change(Call& call, Update::Mode mode) {
  // The SDKs send twins back as they read them: what cannot be changed is passed over.
  const auto body = base::json::parse(call.request.body);
  if (!body || body->if_object() == nullptr)
    return problem(call.request, Problem::BadRequest, "The body is no JSON object.");
  auto update = read_update(call, *body, mode);
  if (!update) return update.error();
  if (mode == Update::Mode::Replace) {
    // The whole twin is replaced: what is not said is to be empty.
    if (!update->tags) update->tags = Value(Value::Object{});
    if (!update->desired) update->desired = Value(Value::Object{});
  }
  call.recorded = true;
  auto twin = change(call, *update);
  return twin ? iot_hub_view(call, *twin) : std::move(twin.error());
}

// What was asked by a device over HTTPS, and with what result.
void record(const Call& call, const identity::Name& device, const operations::Auth& auth,
            int status, const identity::Refusal* refusal) {
  operations::Record record;
  record.time = call.now;
  record.category = operations::Category::DeviceIdentityOperations;
  record.operation = "get";
  record.status_code = status;
  record.level = status < 400 ? operations::Level::Information : operations::Level::Error;
  record.device_id = base::to_utf8(device.device_id.substr(0, 128));
  record.module_id = base::to_utf8(call.path[1].substr(0, 128));
  record.protocol = operations::Protocol::Https;
  record.auth = auth;
  record.ip = call.request.remote;
  record.request_id = call.request.id;
  record.actor = "device:" + record.device_id;
  if (refusal != nullptr) {
    record.sub_code = refusal->sub_code;
    record.reason = refusal->reason;
    record.detail = refusal->detail;
  }
  call.services.dependencies.operations->record(std::move(record));
}

std::string module_json(const Call& call, const Identity& module) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  write_identity(writer, module, call.services.dependencies.registry->activity(module.name),
                 waiting_messages(call, module.name), jobs::Secrets::Show);
  writer.end_object();
  return body;
}

}  // namespace

Response get_twin(Call& call) {
  const auto twin = call.services.dependencies.twins->get(name_of(call));
  return twin ? own_view(*twin) : identity_refused(call, twin.error());
}

Response patch_twin(Call& call) {
  const auto body = read_body(call, Body::Required, {"tags", "properties"});
  if (!body) return body.error();
  const Value* properties = body->find("properties");
  if (properties != nullptr && properties->find("reported") != nullptr) {
    return problem(call.request, Problem::BadRequest,
                   "properties.reported is the device's; only it may change them.");
  }
  const auto update = read_update(call, *body, Update::Mode::Patch);
  if (!update) return update.error();
  auto twin = change(call, *update);
  return twin ? own_view(*twin) : std::move(twin.error());
}

Response iot_hub_get_twin(Call& call) {
  const auto twin = call.services.dependencies.twins->get(name_of(call));
  return twin ? iot_hub_view(call, *twin) : identity_refused(call, twin.error());
}

Response iot_hub_patch_twin(Call& call) {
  return iot_hub_change(call, Update::Mode::Patch);
}

Response iot_hub_put_twin(Call& call) {
  return iot_hub_change(call, Update::Mode::Replace);
}

Response iot_hub_get_own_module(Call& call) {
  const identity::Registry& registry = *call.services.dependencies.registry;
  identity::Proof proof;
  proof.name.device_id = call.path[0];
  proof.token = call.request.header("authorization");
  proof.certificate = call.request.certificate.get();
  const auto grant = registry.prove(proof, call.now);
  if (!grant) {
    call.services.counters.unauthorized.add();
    const identity::Refusal& refusal = grant.error();
    record(call, proof.name, refusal.auth, refusal.status_code, &refusal);
    // Which devices there are is nobody's business without a proof.
    return problem(call.request, Problem::Unauthorized,
                   "The device's shared access signature or certificate is not accepted.");
  }
  const auto module = registry.get(name_of(call));
  if (!module) {
    record(call, proof.name, grant->auth, 404, nullptr);
    return identity_refused(call, module.error());
  }
  record(call, proof.name, grant->auth, 200, nullptr);
  Response response = json_response(200, module_json(call, *module));
  add_etag(response, module->etag);
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

}  // namespace hub::api
