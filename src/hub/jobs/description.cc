#include "hub/jobs/description.h"

#include "base/text.h"

namespace hub::jobs {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using base::json::Writer;
using identity::Identity;

namespace {

// A member that is text; absent and null are alike.
Result<std::optional<std::string>> text(const Value& object, std::string_view name) {
  const Value* member = object.find(name);
  if (member == nullptr || member->is_null()) return std::nullopt;
  if (const auto* found = member->if_string()) return *found;
  return fail(Code::Invalid, "description", -1, std::string(name) + ": expected text");
}

// The same for an object; nullptr where it is absent.
Result<const Value*> object(const Value& parent, std::string_view name) {
  const Value* member = parent.find(name);
  if (member == nullptr || member->is_null()) return nullptr;
  if (member->if_object() != nullptr) return member;
  return fail(Code::Invalid, "description", -1, std::string(name) + ": expected an object");
}

Result<std::string> text_in(const Value* parent, std::string_view name) {
  if (parent == nullptr) return std::string();
  return TRY(text(*parent, name)).value_or("");
}

// What the member says, or (clients older than it) what there is.
Result<identity::Authentication> read_kind(const Value& given, const Proof& read, bool module) {
  const auto type = TRY(text(given, "type"));
  if (!type || type->empty()) {
    return read.thumbprints.primary.empty() ? identity::Authentication::Sas
                                            : identity::Authentication::SelfSigned;
  }
  for (const auto kind : {identity::Authentication::Sas, identity::Authentication::SelfSigned,
                          identity::Authentication::CertificateAuthority}) {
    if (base::equal_ignore_case(*type, identity::to_string(kind))) return kind;
  }
  // A module without any proof of its own is given keys, as in IoT Hub.
  if (module && base::equal_ignore_case(*type, "none")) return identity::Authentication::Sas;
  return fail(Code::Invalid, "description", -1,
              "authentication.type: expected sas, selfSigned or certificateAuthority, found " +
                  base::json::quoted(base::to_utf8(type->substr(0, 64))));
}

Result<Proof> read_proof(const Value& body, bool module) {
  Proof read;
  const Value* given = TRY(object(body, "authentication"));
  if (given == nullptr) return read;
  const Value* keys = TRY(object(*given, "symmetricKey"));
  const Value* thumbprints = TRY(object(*given, "x509Thumbprint"));
  read.keys.primary = TRY(text_in(keys, "primaryKey"));
  read.keys.secondary = TRY(text_in(keys, "secondaryKey"));
  read.thumbprints.primary = TRY(text_in(thumbprints, "primaryThumbprint"));
  read.thumbprints.secondary = TRY(text_in(thumbprints, "secondaryThumbprint"));
  read.authentication = TRY(read_kind(*given, read, module));
  if (read.authentication != identity::Authentication::Sas) read.keys = {};
  if (read.authentication != identity::Authentication::SelfSigned) {
    read.thumbprints = {};
  } else if (read.thumbprints.primary.empty()) {
    return fail(Code::Invalid, "description", -1,
                "authentication.x509Thumbprint.primaryThumbprint is missing");
  }
  return read;
}

Result<std::optional<bool>> read_edge(const Value& body) {
  const Value* capabilities = TRY(object(body, "capabilities"));
  const Value* edge = capabilities == nullptr ? nullptr : capabilities->find("iotEdge");
  if (edge == nullptr || edge->is_null()) return std::nullopt;
  if (const bool* flag = edge->if_bool()) return *flag;
  return fail(Code::Invalid, "description", -1, "capabilities.iotEdge: expected true or false");
}

void text_or_null(Writer& writer, std::string_view name, std::string_view content) {
  writer.key(name);
  if (content.empty()) {
    writer.null();
  } else {
    writer.value(content);
  }
}

}  // namespace

Result<Description> read_description(const Value& body) {
  if (body.if_object() == nullptr)
    return fail(Code::Invalid, "description", -1, "expected an object");
  Description read;
  auto id = TRY(text(body, "deviceId"));
  if (!id) id = TRY(text(body, "id"));
  read.name = {id.value_or(""), TRY(text(body, "moduleId")).value_or("")};
  auto etag = TRY(text(body, "etag"));
  if (!etag) etag = TRY(text(body, "eTag"));
  read.etag = unquoted(etag.value_or(""));
  if (const auto status = TRY(text(body, "status"))) {
    read.status = identity::parse_status(base::to_lower(*status));
    if (!read.status) {
      return fail(Code::Invalid, "description", -1,
                  "status: expected enabled or disabled, found " +
                      base::json::quoted(base::to_utf8(status->substr(0, 64))));
    }
  }
  read.status_reason = TRY(text(body, "statusReason"));
  read.proof = TRY(read_proof(body, read.name.is_module()));
  read.iot_edge = TRY(read_edge(body));
  read.managed_by = TRY(text(body, "managedBy"));
  return read;
}

identity::NewIdentity to_new_identity(const Description& description) {
  identity::NewIdentity wanted;
  wanted.name = description.name;
  wanted.status = description.status.value_or(identity::Status::Enabled);
  wanted.status_reason = description.status_reason.value_or("");
  wanted.authentication = description.proof.authentication;
  wanted.keys = description.proof.keys;
  wanted.thumbprints = description.proof.thumbprints;
  wanted.iot_edge = description.iot_edge.value_or(false);
  wanted.managed_by = description.managed_by.value_or("");
  return wanted;
}

identity::Change to_change(const Description& description, std::string if_match) {
  identity::Change change;
  change.status = description.status;
  change.status_reason = description.status_reason;
  change.authentication = description.proof.authentication;
  change.thumbprints = description.proof.thumbprints;
  if (description.proof.authentication == identity::Authentication::Sas) {
    change.primary_key = description.proof.keys.primary;
    change.secondary_key = description.proof.keys.secondary;
  }
  change.iot_edge = description.iot_edge;
  change.managed_by = description.managed_by;
  change.if_match = std::move(if_match);
  return change;
}

void write_thumbprints(Writer& writer, const identity::Thumbprints& thumbprints) {
  writer.key("x509Thumbprint");
  writer.begin_object();
  text_or_null(writer, "primaryThumbprint", thumbprints.primary);
  text_or_null(writer, "secondaryThumbprint", thumbprints.secondary);
  writer.end_object();
}

std::string time_or_never(const std::optional<base::WallTime>& time) {
  return time ? base::format_rfc3339(*time) : "0001-01-01T00:00:00Z";
}

std::string_view unquoted(std::string_view etag) {
  etag = base::trim(etag);
  if (etag.size() < 2 || etag.front() != '"' || etag.back() != '"') return etag;
  return etag.substr(1, etag.size() - 2);
}

void write_authentication(Writer& writer, const Identity& identity, Secrets secrets) {
  writer.key("authentication");
  writer.begin_object();
  writer.key("symmetricKey");
  writer.begin_object();
  const bool show = secrets == Secrets::Show;
  text_or_null(writer, "primaryKey", show ? identity.keys.primary : "");
  text_or_null(writer, "secondaryKey", show ? identity.keys.secondary : "");
  writer.end_object();
  write_thumbprints(writer, identity.thumbprints);
  writer.field("type", identity::to_string(identity.authentication));
  writer.end_object();
}

void write_identity(Writer& writer, const Identity& identity, const identity::Activity& activity,
                    std::size_t waiting, Secrets secrets) {
  const bool module = identity.name.is_module();
  writer.field("deviceId", identity.name.device_id);
  if (module) writer.field("moduleId", identity.name.module_id);
  if (module) text_or_null(writer, "managedBy", identity.managed_by);
  writer.field("generationId", identity.generation_id);
  writer.field("etag", identity.etag);
  writer.field("connectionState", activity.connected ? "Connected" : "Disconnected");
  writer.field("connectionStateUpdatedTime", time_or_never(activity.connection_changed));
  if (!module) {
    writer.field("status", identity::to_string(identity.status));
    text_or_null(writer, "statusReason", identity.status_reason);
    writer.field("statusUpdatedTime", time_or_never(identity.status_updated));
  }
  writer.field("lastActivityTime", time_or_never(activity.last_activity));
  writer.field("cloudToDeviceMessageCount", std::uint64_t{waiting});
  if (!module) {
    writer.key("capabilities");
    writer.begin_object();
    writer.field("iotEdge", identity.iot_edge);
    writer.end_object();
  }
  write_authentication(writer, identity, secrets);
}

void write_export(Writer& writer, const Identity& identity, const twins::Twin& twin,
                  Secrets secrets) {
  const bool module = identity.name.is_module();
  writer.begin_object();
  writer.field("id", identity.name.device_id);
  if (module) writer.field("moduleId", identity.name.module_id);
  writer.field("eTag", identity.etag);
  writer.field("status", identity::to_string(identity.status));
  text_or_null(writer, "statusReason", identity.status_reason);
  if (module && !identity.managed_by.empty()) writer.field("managedBy", identity.managed_by);
  write_authentication(writer, identity, secrets);
  if (!module) {
    writer.key("capabilities");
    writer.begin_object();
    writer.field("iotEdge", identity.iot_edge);
    writer.end_object();
  }
  writer.field("twinETag", twin.etag);
  write_service_view(writer, twin);
  writer.end_object();
}

std::string_view error_code(const base::Error& error, const identity::Name& name) {
  const bool module = name.is_module();
  switch (error.code) {
    case Code::NotFound:
      // A module can only be missing where its device is there.
      return module && std::string_view(error.what) != "device" ? "ModuleNotFound"
                                                                : "DeviceNotFound";
    case Code::Exists:
      return module ? "ModuleAlreadyExistsOnDevice" : "DeviceAlreadyExists";
    case Code::Conflict:
      return "PreconditionFailed";
    case Code::Full:
      return module ? "TooManyModulesOnDevice" : "TooManyDevices";
    case Code::Truncated:
    case Code::Malformed:
    case Code::Invalid:
      return "ArgumentInvalid";
    case Code::TooLarge:
      return "RequestTooLarge";
    case Code::Unavailable:
    case Code::Closed:
      return "ServiceUnavailable";
    default:
      return "ServerError";
  }
}

}  // namespace hub::jobs
