// The identity registry as Azure IoT Hub's service SDKs use it.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "hub/api/api.h"
#include "hub/commands/messages.h"
#include "hub/identity/registry.h"
#include "hub/jobs/bulk.h"
#include "hub/jobs/description.h"

namespace hub::api {

using base::Code;
using base::json::Value;
using base::json::Writer;
using identity::Identity;
using identity::Name;

namespace {

constexpr std::size_t kMaxListed = 1000;
constexpr std::size_t kMaxBulk = 100;

void write(const Call& call, Writer& writer, const Identity& identity) {
  writer.begin_object();
  write_identity(writer, identity, call.services.dependencies.registry->activity(identity.name),
                 waiting_messages(call, identity.name), jobs::Secrets::Show);
  writer.end_object();
}

// Answers of the registry are secrets.
Response secret(std::string body) {
  Response response = json_response(200, std::move(body));
  response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

Response one(const Call& call, const Identity& identity) {
  std::string body;
  Writer writer(body);
  write(call, writer, identity);
  Response response = secret(std::move(body));
  response.headers.push_back({"ETag", '"' + identity.etag + '"'});
  return response;
}

Response many(const Call& call, const std::vector<Identity>& identities) {
  std::string body;
  Writer writer(body);
  writer.begin_array();
  for (const Identity& identity : identities)
    write(call, writer, identity);
  writer.end_array();
  return secret(std::move(body));
}

Response get_identity(const Call& call) {
  const Name name = name_of(call);
  const auto found = call.services.dependencies.registry->get(name);
  return found ? one(call, *found) : iot_hub_refused(call, found.error(), name);
}

// What the body says of the identity that the path names.
std::expected<jobs::Description, Response> read_put(const Call& call, const Name& name) {
  const auto wrong = [&](std::string_view why) {
    return std::unexpected(iot_hub_problem(call.request, 400, "ArgumentInvalid", why));
  };
  const auto body = base::json::parse(call.request.body);
  if (!body) return wrong("The body is no JSON.");
  auto description = jobs::read_description(*body);
  if (!description) return wrong(description.error().detail);
  if (description->name != name) return wrong("The body names another identity than the path.");
  // Those are IoT Edge's own; nothing here makes them.
  if (name.module_id.starts_with('$')) return wrong("The module id begins with '$'.");
  return std::move(*description);
}

Response put_identity(Call& call) {
  const Name name = name_of(call);
  const auto description = read_put(call, name);
  if (!description) return description.error();
  identity::Registry& registry = *call.services.dependencies.registry;
  const std::string match = if_match(call);
  call.recorded = true;
  call.audit_detail = match.empty() ? "create" : "update";
  const auto stored =
      match.empty() ? registry.create(to_new_identity(*description), call.principal.name)
                    : registry.update(name, to_change(*description, match), call.principal.name);
  return stored ? one(call, *stored) : iot_hub_refused(call, stored.error(), name);
}

Response delete_identity(Call& call) {
  const Name name = name_of(call);
  const std::string match = if_match(call);
  if (match.empty())
    return iot_hub_problem(call.request, 412, "PreconditionFailed", "If-Match is missing.");
  call.recorded = true;
  const auto removed =
      call.services.dependencies.registry->remove(name, match, call.principal.name);
  return removed ? Response{.status = 204} : iot_hub_refused(call, removed.error(), name);
}

// One item of a bulk request that was refused.
struct Failure {
  Name name;
  std::string code;
  std::string text;
};

Response bulk_response(const std::vector<Failure>& failures) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("isSuccessful", failures.empty());
  writer.key("errors");
  writer.begin_array();
  for (const Failure& failure : failures) {
    writer.begin_object();
    writer.field("deviceId", failure.name.device_id);
    if (failure.name.is_module()) writer.field("moduleId", failure.name.module_id);
    writer.field("errorCode", failure.code);
    writer.field("errorStatus", failure.text);
    writer.end_object();
  }
  writer.end_array();
  writer.key("warnings");
  writer.begin_array();
  writer.end_array();
  writer.end_object();
  Response response = json_response(failures.empty() ? 200 : 400, std::move(body));
  // Not to be put into other words: this is the answer.
  if (!failures.empty()) response.headers.push_back({"iothub-errorcode", "BulkRegistryOperation"});
  return response;
}

std::optional<Failure> apply_item(Call& call, const Value& item, std::set<Name>& seen) {
  const auto read = jobs::read_bulk_item(item, jobs::ImportMode::Create);
  if (!read) {
    std::string id(item.text_or("id", item.text_or("deviceId", "")));
    return Failure{{base::to_utf8(id), base::to_utf8(item.text_or("moduleId", ""))},
                   "ArgumentInvalid",
                   read.error().detail};
  }
  const Name& name = read->description.name;
  if (!seen.insert(name).second) {
    return Failure{name, "DeviceDefinedMultipleTimes", "the list names this identity twice"};
  }
  const auto& dependencies = call.services.dependencies;
  const auto applied =
      apply(*read, *dependencies.registry, *dependencies.twins, call.principal.name);
  if (applied) return std::nullopt;
  const base::Error& error = applied.error();
  // What the store says is not the client's business.
  const std::string_view code = jobs::error_code(error, name);
  const bool ours = code == "ServerError";
  if (ours) (void)problem(call.request, error);  // logs it
  return Failure{name, std::string(code),
                 ours ? std::string("the hub failed, see its log") : error.to_string()};
}

}  // namespace

std::size_t waiting_messages(const Call& call, const Name& name) {
  return call.services.dependencies.messages->count(name);
}

Response iot_hub_list_devices(Call& call) {
  std::size_t top = kMaxListed;
  if (const std::string* text = call.target.parameter("top")) {
    const auto number = base::parse_int(*text);
    if (!number || *number < 1)
      return iot_hub_problem(call.request, 400, "ArgumentInvalid",
                             "top: expected a whole number from 1 to 1000");
    top = static_cast<std::size_t>(std::min<std::int64_t>(*number, kMaxListed));
  }
  const auto page = call.services.dependencies.registry->list_devices("", top, "");
  return page ? many(call, page->items) : iot_hub_refused(call, page.error(), {});
}

Response iot_hub_get_device(Call& call) {
  return get_identity(call);
}
Response iot_hub_put_device(Call& call) {
  return put_identity(call);
}
Response iot_hub_delete_device(Call& call) {
  return delete_identity(call);
}

Response iot_hub_list_modules(Call& call) {
  const auto modules = call.services.dependencies.registry->list_modules(call.path[0]);
  return modules ? many(call, *modules)
                 : iot_hub_refused(call, modules.error(), {std::string(call.path[0]), {}});
}

Response iot_hub_get_module(Call& call) {
  // By the service, or by the module's device.
  const auto principal = authenticate(call.request, call.accounts, call.services, call.now);
  if (!principal || !*principal) {
    call.recorded = true;
    return iot_hub_get_own_module(call);
  }
  call.principal = **principal;
  const Response response =
      call.principal.may(Need::Read)
          ? get_identity(call)
          : iot_hub_problem(call.request, 401, "IotHubUnauthorizedAccess",
                            call.principal.name + " may not read the registry.");
  return response;
}

Response iot_hub_put_module(Call& call) {
  return put_identity(call);
}
Response iot_hub_delete_module(Call& call) {
  return delete_identity(call);
}

Response iot_hub_bulk(Call& call) {
  const auto body = base::json::parse(call.request.body);
  const auto* items = body ? body->if_array() : nullptr;
  if (items == nullptr)
    return iot_hub_problem(call.request, 400, "ArgumentInvalid", "Expected a list of identities.");
  if (items->empty() || items->size() > kMaxBulk) {
    return iot_hub_problem(call.request, items->empty() ? 400 : 413,
                           items->empty() ? "ArgumentInvalid" : "TooManyDevices",
                           "Expected 1 to 100 identities.");
  }
  std::set<Name> seen;
  std::vector<Failure> failures;
  for (const Value& item : *items) {
    if (auto failed = apply_item(call, item, seen)) failures.push_back(std::move(*failed));
  }
  call.audit_detail = fmt::format("{} items, {} refused", items->size(), failures.size());
  return bulk_response(failures);
}

Response iot_hub_device_statistics(Call& call) {
  const auto counts = call.services.dependencies.registry->counts();
  if (!counts) return iot_hub_refused(call, counts.error(), {});
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("totalDeviceCount", counts->total);
  writer.field("enabledDeviceCount", counts->total - counts->disabled);
  writer.field("disabledDeviceCount", counts->disabled);
  writer.end_object();
  return json_response(200, std::move(body));
}

Response iot_hub_service_statistics(Call& call) {
  const auto counts = call.services.dependencies.registry->counts();
  if (!counts) return iot_hub_refused(call, counts.error(), {});
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("connectedDeviceCount", counts->connected);
  writer.end_object();
  return json_response(200, std::move(body));
}

}  // namespace hub::api
