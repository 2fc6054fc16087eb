#include <algorithm>

#include "base/text.h"
#include "detect/alerts.h"
#include "hub/api/api.h"
#include "hub/identity/credentials.h"
#include "hub/identity/registry.h"

namespace hub::api {

using base::Result;
using base::json::Writer;
using identity::Activity;
using identity::Authentication;
using identity::Identity;
using identity::Name;

namespace {

enum class Secrets : std::uint8_t { Hide, Show };

std::string_view connection_state(bool connected) {
  return connected ? "Connected" : "Disconnected";
}

// "vedette-agent/0.1.0 (Linux)" says 0.1.0; nothing for other clients.
std::optional<std::string> agent_version(std::string_view client_type) {
  constexpr std::string_view kProgram = "vedette-agent/";
  if (!client_type.starts_with(kProgram)) return std::nullopt;
  const std::string_view version = client_type.substr(kProgram.size());
  return std::string(version.substr(0, version.find_first_of(" ;(")));
}

void write_agent(Writer& writer, const Activity& activity) {
  const auto version = agent_version(activity.client_type);
  if (!version) return;
  writer.key("agent");
  writer.begin_object();
  writer.field("version", *version);
  writer.end_object();
}

void write_authentication(const Call& call, Writer& writer, const Identity& identity,
                          Secrets secrets) {
  writer.key("authentication");
  writer.begin_object();
  const identity::Thumbprints& thumbprints = identity.thumbprints;
  writer.field("type", identity::to_string(identity.authentication));
  if (identity.authentication == Authentication::SelfSigned) {
    writer.key("x509Thumbprint");
    writer.begin_object();
    writer.field("primaryThumbprint", thumbprints.primary);
    if (!thumbprints.secondary.empty()) writer.field("secondaryThumbprint", thumbprints.secondary);
    writer.end_object();
  } else if (identity.authentication == Authentication::Sas && secrets == Secrets::Show) {
    writer.key("symmetricKey");
    writer.begin_object();
    writer.field("primaryKey", identity.keys.primary);
    writer.field("secondaryKey", identity.keys.secondary);
    writer.end_object();
  }
  writer.end_object();
  if (secrets == Secrets::Show) {
    const Services& services = call.services;
    writer.field("connectionString", services.dependencies.registry->connection_string(
                                         identity, services.options.mqtt_port));
  }
}

// What devices and modules have in common.
Result<void> write_identity(const Call& call, Writer& writer, const Identity& identity,
                            const Activity& own, bool connected,
                            const std::optional<base::WallTime>& last_activity) {
  const bool shares = TRY(call.services.dependencies.registry->credentials().shares(identity.name));
  writer.field("status", identity::to_string(identity.status));
  writer.field("connectionState", connection_state(connected));
  time_field(writer, "lastActivity", last_activity);
  time_field(writer, "created", identity.created);
  writer.field("generationId", identity.generation_id);
  writer.field("etag", identity.etag);
  writer.field("sharesCredential", shares);
  writer.key("activity");
  writer.begin_object();
  write_activity(writer, own, call.now);
  writer.end_object();
  return {};
}

Result<void> write_device(const Call& call, Writer& writer, const Identity& device,
                          Secrets secrets) {
  const Dependencies& dependencies = call.services.dependencies;
  const std::string& id = device.name.device_id;
  const auto modules = TRY(dependencies.registry->list_modules(id));
  const std::int64_t open_alerts = TRY(dependencies.alerts->open_count(id));
  const Activity own = dependencies.registry->activity(device.name);
  bool connected = own.connected;
  auto last_activity = own.last_activity;
  std::vector<Activity> activities;
  for (const Identity& module : modules) {
    activities.push_back(dependencies.registry->activity(module.name));
    connected = connected || activities.back().connected;
    // An absent time is less than any.
    last_activity = std::max(last_activity, activities.back().last_activity);
  }

  writer.begin_object();
  writer.field("deviceId", id);
  TRY(write_identity(call, writer, device, own, connected, last_activity));
  writer.field("openAlerts", open_alerts);
  writer.key("modules");
  writer.begin_array();
  for (std::size_t i = 0; i < modules.size(); ++i) {
    writer.begin_object();
    writer.field("moduleId", modules[i].name.module_id);
    writer.field("connectionState", connection_state(activities[i].connected));
    time_field(writer, "lastActivity", activities[i].last_activity);
    write_agent(writer, activities[i]);
    writer.end_object();
  }
  writer.end_array();
  write_authentication(call, writer, device, secrets);
  writer.end_object();
  return {};
}

Result<void> write_module(const Call& call, Writer& writer, const Identity& module,
                          Secrets secrets) {
  const Activity activity = call.services.dependencies.registry->activity(module.name);
  writer.begin_object();
  writer.field("deviceId", module.name.device_id);
  writer.field("moduleId", module.name.module_id);
  TRY(write_identity(call, writer, module, activity, activity.connected, activity.last_activity));
  write_agent(writer, activity);
  write_authentication(call, writer, module, secrets);
  writer.end_object();
  return {};
}

Response identity_response(const Call& call, unsigned status, const Identity& identity,
                           Secrets secrets) {
  std::string body;
  Writer writer(body);
  auto written = identity.name.is_module() ? write_module(call, writer, identity, secrets)
                                           : write_device(call, writer, identity, secrets);
  if (!written) return problem(call.request, written.error());
  Response response = json_response(status, std::move(body));
  response.headers.push_back({"ETag", '"' + identity.etag + '"'});
  if (secrets == Secrets::Show) response.headers.push_back({"Cache-Control", "no-store"});
  return response;
}

}  // namespace

Name name_of(const Call& call) {
  return {std::string(call.path[0]), call.path.size() > 1 ? std::string(call.path[1]) : ""};
}

std::string if_match(const Call& call) {
  std::string_view value = base::trim(call.request.header("if-match"));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  return std::string(value);
}

Response identity_refused(const Call& call, const base::Error& error) {
  const std::string device = base::json::quoted(call.path[0]);
  const bool module = call.path.size() > 1;
  const std::string subject =
      module ? "module " + base::json::quoted(call.path[1]) + " of device " + device
             : "device " + device;
  switch (error.code) {
    case base::Code::NotFound:
      return problem(call.request, Problem::NotFound, "There is no " + subject + ".");
    case base::Code::Exists:
      return problem(call.request, Problem::Conflict,
                     "The " + subject + " exists already; send If-Match to change it.");
    case base::Code::Conflict:
      return problem(call.request, Problem::PreconditionFailed,
                     "The " + subject + " was changed in between; read it again.");
    default:
      return problem(call.request, error);
  }
}

namespace {

Response get_identity(Call& call) {
  const auto keys = flag_parameter(call, "keys");
  if (!keys) return keys.error();
  if (*keys && !call.principal.may(Need::Manage)) {
    return problem(call.request, Problem::Forbidden, "Keys are for administrators only.");
  }
  auto identity = call.services.dependencies.registry->get(name_of(call));
  if (!identity) return identity_refused(call, identity.error());
  return identity_response(call, 200, *identity, *keys ? Secrets::Show : Secrets::Hide);
}

// How an identity is to prove itself from now on.
struct WantedProof {
  Authentication authentication = Authentication::Sas;
  std::optional<identity::Thumbprints> thumbprints;  // with SelfSigned
};

// The member "authentication" of a body.
std::expected<std::optional<WantedProof>, Response> read_authentication(
    const Call& call, const base::json::Value& body) {
  const auto* authentication = body.find("authentication");
  if (authentication == nullptr) return std::nullopt;
  const auto wrong = [&](std::string_view message) {
    return std::unexpected(problem(call.request, Problem::BadRequest, message));
  };
  const auto type = identity::parse_authentication(authentication->text_or("type", ""));
  if (!type) return wrong("authentication.type: expected sas, selfSigned or certificateAuthority");
  WantedProof wanted{*type, std::nullopt};
  if (*type != Authentication::SelfSigned) return wanted;
  const auto* thumbprints = authentication->find("x509Thumbprint");
  identity::Thumbprints read;
  if (thumbprints != nullptr) {
    read.primary = thumbprints->text_or("primaryThumbprint", "");
    read.secondary = thumbprints->text_or("secondaryThumbprint", "");
  }
  if (read.primary.empty())
    return wrong("authentication.x509Thumbprint.primaryThumbprint is missing");
  wanted.thumbprints = std::move(read);
  return wanted;
}

Response put_identity(Call& call) {
  auto body = read_body(call, Body::Optional, {"status", "authentication"});
  if (!body) return std::move(body.error());
  auto proof = read_authentication(call, *body);
  if (!proof) return std::move(proof.error());
  auto text = text_field(call, *body, "status", 16);
  if (!text) return std::move(text.error());
  std::optional<identity::Status> status;
  if (*text) {
    status = identity::parse_status(**text);
    if (!status) {
      return problem(call.request, Problem::BadRequest,
                     "status: expected enabled or disabled, found " + base::json::quoted(**text));
    }
  }
  auto& registry = *call.services.dependencies.registry;
  const std::string match = if_match(call);
  if (match.empty()) {
    identity::NewIdentity wanted;
    wanted.name = name_of(call);
    wanted.status = status.value_or(identity::Status::Enabled);
    if (*proof) {
      wanted.authentication = (*proof)->authentication;
      wanted.thumbprints = (*proof)->thumbprints.value_or(identity::Thumbprints{});
    }
    call.audit_detail = "create";
    auto created = registry.create(wanted, call.principal.name);
    if (!created) return identity_refused(call, created.error());
    return identity_response(call, 201, *created, Secrets::Show);
  }
  identity::Change change;
  change.status = status;
  if (*proof) {
    change.authentication = (*proof)->authentication;
    change.thumbprints = (*proof)->thumbprints;
  }
  change.if_match = match;
  call.audit_detail = status ? "update: " + std::string(identity::to_string(*status)) : "update";
  auto updated = registry.update(name_of(call), change, call.principal.name);
  if (!updated) return identity_refused(call, updated.error());
  return identity_response(call, 200, *updated, Secrets::Hide);
}

Response delete_identity(Call& call) {
  auto removed = call.services.dependencies.registry->remove(name_of(call), if_match(call),
                                                             call.principal.name);
  if (!removed) return identity_refused(call, removed.error());
  return Response{.status = 204};
}

}  // namespace

Response list_devices(Call& call) {
  const auto limit = limit_parameter(call);
  if (!limit) return limit.error();
  const std::string* search = call.target.parameter("search");
  const std::string* cursor = call.target.parameter("cursor");
  auto page = call.services.dependencies.registry->list_devices(
      search == nullptr ? "" : std::string_view(*search), *limit,
      cursor == nullptr ? "" : std::string_view(*cursor));
  if (!page) return problem(call.request, page.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Identity& device : page->items) {
    auto written = write_device(call, writer, device, Secrets::Hide);
    // Deleted since the page was read: NotFound is raised before anything of it is written.
    if (!written && written.error().code != base::Code::NotFound) {
      return problem(call.request, written.error());
    }
  }
  writer.end_array();
  cursor_field(writer, page->next_cursor);
  writer.field("total", page->total);
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_device(Call& call) {
  return get_identity(call);
}
Response put_device(Call& call) {
  return put_identity(call);
}
Response delete_device(Call& call) {
  return delete_identity(call);
}

Response list_modules(Call& call) {
  auto modules = call.services.dependencies.registry->list_modules(call.path[0]);
  if (!modules) return identity_refused(call, modules.error());
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const Identity& module : *modules) {
    if (auto written = write_module(call, writer, module, Secrets::Hide); !written) {
      return problem(call.request, written.error());
    }
  }
  writer.end_array();
  writer.end_object();
  return json_response(200, std::move(body));
}

Response get_module(Call& call) {
  return get_identity(call);
}
Response put_module(Call& call) {
  return put_identity(call);
}
Response delete_module(Call& call) {
  return delete_identity(call);
}

}  // namespace hub::api
