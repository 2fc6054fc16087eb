#include "hub/provisioning/enrollment.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/hash.h"
#include "base/text.h"
#include "hub/identity/identity_table.h"
#include "hub/provisioning/x509.h"
#include "wire/dps.h"
#include "wire/topics.h"

namespace hub::provisioning {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using base::json::Writer;

namespace {

constexpr std::size_t kMinKeyBytes = 16;
constexpr std::size_t kMaxKeyBytes = 64;

std::unexpected<base::Error> wrong(std::string_view member, std::string_view expected) {
  return fail(Code::Invalid, "enrollment", -1, std::string(member) + ": " + std::string(expected));
}

// A member; nullptr where it is absent or null.
const Value* member_of(const Value& object, std::string_view name) {
  const Value* member = object.find(name);
  return member == nullptr || member->is_null() ? nullptr : member;
}

// The same, which must be an object where it is there.
Result<const Value*> object_of(const Value& object, std::string_view name) {
  const Value* member = member_of(object, name);
  if (member != nullptr && member->if_object() == nullptr) return wrong(name, "expected an object");
  return member;
}

Result<std::string> text_of(const Value& object, std::string_view name) {
  const Value* member = member_of(object, name);
  if (member == nullptr) return std::string();
  if (member->if_string() == nullptr) return wrong(name, "expected text");
  return *member->if_string();
}

Result<bool> flag_of(const Value& object, std::string_view name, bool otherwise) {
  const Value* member = member_of(object, name);
  if (member == nullptr) return otherwise;
  if (member->if_bool() == nullptr) return wrong(name, "expected true or false");
  return *member->if_bool();
}

Result<std::string> read_key(const Value& keys, std::string_view name, std::string_view former) {
  const Value* member = member_of(keys, name);
  if (member == nullptr) return former.empty() ? identity::make_key() : std::string(former);
  std::string key = TRY(text_of(keys, name));
  if (key.empty()) return identity::make_key();
  const auto bytes = base::base64_decode(key);
  if (!bytes || bytes->size() < kMinKeyBytes || bytes->size() > kMaxKeyBytes)
    return wrong(name, "expected base64 of 16 to 64 bytes");
  return key;
}

Result<void> read_symmetric(const Value& attestation, const Enrollment* former,
                            Enrollment& enrollment) {
  enrollment.attestation = Attestation::SymmetricKey;
  const bool kept = former != nullptr && former->attestation == Attestation::SymmetricKey;
  const Value* given = TRY(object_of(attestation, "symmetricKey"));
  const Value keys = given == nullptr ? Value(Value::Object{}) : *given;
  enrollment.keys.primary = TRY(read_key(keys, "primaryKey", kept ? former->keys.primary : ""));
  enrollment.keys.secondary =
      TRY(read_key(keys, "secondaryKey", kept ? former->keys.secondary : ""));
  return {};
}

Result<std::string> read_pem(const Value& certificates, std::string_view which,
                             const Enrollment& enrollment) {
  const Value* entry = member_of(certificates, which);
  if (entry == nullptr) return std::string();
  // Some clients send the text itself.
  std::string text = entry->if_string() != nullptr ? *entry->if_string() : "";
  if (text.empty()) text = TRY(text_of(*entry, "certificate"));
  if (text.empty()) return std::string();
  auto info = read_certificate(text);
  if (!info) return wrong(which, info.error().detail);
  if (enrollment.attestation == Attestation::Authority && !info->authority)
    return wrong(which, "the certificate is no authority's: it may not sign others");
  if (enrollment.attestation == Attestation::Certificate &&
      !base::equal_ignore_case(info->common_name, enrollment.id)) {
    return wrong(which, "the certificate's common name is '" + base::to_utf8(info->common_name) +
                            "', and must be the registration id");
  }
  return std::move(info->pem);
}

Result<void> read_x509(const Value& attestation, const Enrollment* former, Enrollment& enrollment) {
  const bool group = enrollment.kind == Kind::Group;
  enrollment.attestation = group ? Attestation::Authority : Attestation::Certificate;
  const Value* x509 = TRY(object_of(attestation, "x509"));
  const std::string_view name = group ? "signingCertificates" : "clientCertificates";
  const Value* certificates = x509 == nullptr ? nullptr : TRY(object_of(*x509, name));
  if (certificates != nullptr) {
    enrollment.primary_certificate = TRY(read_pem(*certificates, "primary", enrollment));
    enrollment.secondary_certificate = TRY(read_pem(*certificates, "secondary", enrollment));
  }
  if (!enrollment.primary_certificate.empty()) return {};
  // What was shown before is without the certificates themselves.
  if (former != nullptr && former->attestation == enrollment.attestation) {
    enrollment.primary_certificate = former->primary_certificate;
    enrollment.secondary_certificate = former->secondary_certificate;
    return {};
  }
  return wrong("attestation.x509." + std::string(name) + ".primary", "a certificate is missing");
}

Result<void> read_attestation(const Value& body, const Enrollment* former, Enrollment& enrollment) {
  const Value* attestation = TRY(object_of(body, "attestation"));
  if (attestation == nullptr) {
    if (former == nullptr) return wrong("attestation", "missing: how is a device to prove itself?");
    enrollment.attestation = former->attestation;
    enrollment.keys = former->keys;
    enrollment.primary_certificate = former->primary_certificate;
    enrollment.secondary_certificate = former->secondary_certificate;
    return {};
  }
  const std::string type = TRY(text_of(*attestation, "type"));
  if (base::equal_ignore_case(type, "symmetricKey"))
    return read_symmetric(*attestation, former, enrollment);
  if (base::equal_ignore_case(type, "x509")) return read_x509(*attestation, former, enrollment);
  return wrong("attestation.type", "expected symmetricKey or x509");
}

// An object for a part of the twin, within the twin's limits.
Result<Value> read_part(const Value& object, std::string_view name, twins::Part part,
                        const twins::Limits& limits) {
  const Value* given = TRY(object_of(object, name));
  if (given == nullptr) return Result<Value>(std::in_place, Value::Object{});
  twins::Section section;
  auto patch = twins::check_patch(*given, limits);
  if (patch) {
    // Null would remove; here there is nothing to remove.
    const auto applied = twins::apply_patch(section, part, *patch, {}, limits);
    if (!applied) patch = std::unexpected(applied.error());
  }
  if (!patch) return wrong("initialTwin", std::string(name) + ": " + patch.error().detail);
  return Result<Value>(std::in_place, std::move(section.properties));
}

Result<void> read_twin(const Value& body, const twins::Limits& limits, Enrollment& enrollment) {
  const Value* twin = TRY(object_of(body, "initialTwin"));
  if (twin == nullptr) return {};
  enrollment.tags = TRY(read_part(*twin, "tags", twins::Part::Tags, limits));
  const Value* properties = TRY(object_of(*twin, "properties"));
  if (properties == nullptr) return {};
  enrollment.desired = TRY(read_part(*properties, "desired", twins::Part::Desired, limits));
  return {};
}

// What speaks of hubs and capabilities must fit to the one hub that there is.
Result<void> check_allocation(const Value& body, std::string_view hub_host) {
  const std::string policy = TRY(text_of(body, "allocationPolicy"));
  constexpr std::array<std::string_view, 4> kServed = {"", "hashed", "geoLatency", "static"};
  if (std::ranges::none_of(kServed, [&](std::string_view served) {
        return base::equal_ignore_case(policy, served);
      })) {
    return wrong("allocationPolicy", "expected static, hashed or geoLatency: there is one hub");
  }
  const std::string hub = TRY(text_of(body, "iotHubHostName"));
  const auto other = [&](std::string_view name) {
    return !base::equal_ignore_case(name, hub_host);
  };
  if (!hub.empty() && other(hub)) return wrong("iotHubHostName", "there is no such hub");
  const Value* hubs = member_of(body, "iotHubs");
  if (hubs != nullptr) {
    if (hubs->if_array() == nullptr) return wrong("iotHubs", "expected a list");
    for (const Value& each : *hubs->if_array()) {
      if (each.if_string() == nullptr || other(*each.if_string()))
        return wrong("iotHubs", "there is only " + std::string(hub_host));
    }
  }
  const Value* capabilities = TRY(object_of(body, "capabilities"));
  if (capabilities != nullptr && TRY(flag_of(*capabilities, "iotEdge", false)))
    return wrong("capabilities.iotEdge", "not served; expected false");
  return {};
}

Result<void> check_id(Kind kind, std::string_view id) {
  if (wire::is_valid_registration_id(id)) return {};
  return wrong(kind == Kind::Group ? "enrollmentGroupId" : "registrationId",
               "expected 1 to 128 letters, digits and -:._ with a letter or digit at both ends");
}

}  // namespace

std::string name_of(Kind kind, std::string_view id) {
  std::string name = kind == Kind::Group ? "enrollmentGroup/" : "enrollment/";
  return name.append(id);
}

std::vector<std::string_view> enrollment_fields(Kind kind) {
  std::vector<std::string_view> fields = {"attestation",
                                          "provisioningStatus",
                                          "initialTwin",
                                          "reprovisionPolicy",
                                          "allocationPolicy",
                                          "iotHubHostName",
                                          "iotHubs",
                                          "capabilities",
                                          "etag",
                                          "createdDateTimeUtc",
                                          "lastUpdatedDateTimeUtc"};
  if (kind == Kind::Group) {
    fields.emplace_back("enrollmentGroupId");
  } else {
    for (const char* name : {"registrationId", "deviceId", "registrationState"})
      fields.emplace_back(name);
  }
  return fields;
}

Result<Enrollment> read_enrollment(Kind kind, std::string_view id, const Value& body,
                                   const Enrollment* former, std::string_view hub_host,
                                   const twins::Limits& limits) {
  TRY(check_id(kind, id));
  Enrollment enrollment;
  enrollment.kind = kind;
  enrollment.id = former == nullptr ? std::string(id) : former->id;
  const std::string_view id_member = kind == Kind::Group ? "enrollmentGroupId" : "registrationId";
  const std::string repeated = TRY(text_of(body, id_member));
  if (!repeated.empty() && !base::equal_ignore_case(repeated, id))
    return wrong(id_member, "not the same as in the path");
  TRY(read_attestation(body, former, enrollment));
  const std::string status = TRY(text_of(body, "provisioningStatus"));
  if (!status.empty()) {
    const auto parsed = identity::parse_status(base::to_lower(status));
    if (!parsed) return wrong("provisioningStatus", "expected enabled or disabled");
    enrollment.status = *parsed;
  }
  if (kind == Kind::Individual) {
    enrollment.device_id = TRY(text_of(body, "deviceId"));
    if (!enrollment.device_id.empty() && !wire::is_valid_id(enrollment.device_id))
      return wrong("deviceId", "no valid device id");
  }
  TRY(read_twin(body, limits, enrollment));
  const Value* policy = TRY(object_of(body, "reprovisionPolicy"));
  if (policy != nullptr) {
    enrollment.update_assignment = TRY(flag_of(*policy, "updateHubAssignment", true));
    enrollment.migrate_data = TRY(flag_of(*policy, "migrateDeviceData", true));
  }
  TRY(check_allocation(body, hub_host));
  return enrollment;
}

std::string_view to_string(RegistrationStatus status) {
  switch (status) {
    case RegistrationStatus::Unassigned:
      return "unassigned";
    case RegistrationStatus::Assigning:
      return "assigning";
    case RegistrationStatus::Assigned:
      return "assigned";
    case RegistrationStatus::Failed:
      return "failed";
    case RegistrationStatus::Disabled:
      return "disabled";
  }
  return "unassigned";
}

Result<std::string> derive_key(std::string_view group_key, std::string_view registration_id) {
  auto key = TRY(base::base64_decode(group_key));
  const base::Sha256 derived = base::hmac_sha256(key, base::as_bytes(registration_id));
  base::wipe(key);
  return base::base64_encode(derived);
}

Result<identity::Keys> derive_keys(const identity::Keys& group, std::string_view registration_id) {
  identity::Keys keys;
  if (!group.primary.empty()) keys.primary = TRY(derive_key(group.primary, registration_id));
  if (!group.secondary.empty()) keys.secondary = TRY(derive_key(group.secondary, registration_id));
  return keys;
}

namespace {

std::string time_text(base::WallTime time) {
  return base::format_rfc3339(time);
}

void write_certificate(Writer& writer, std::string_view name, const std::string& pem) {
  writer.key(name);
  const auto info = read_certificate(pem);
  if (!info) return writer.null();
  writer.begin_object();
  writer.field("certificate", info->pem);
  writer.key("info");
  writer.begin_object();
  writer.field("subjectName", info->subject);
  writer.field("sha1Thumbprint", info->sha1);
  writer.field("sha256Thumbprint", info->sha256);
  writer.field("issuerName", info->issuer);
  writer.field("notBeforeUtc", time_text(info->not_before));
  writer.field("notAfterUtc", time_text(info->not_after));
  writer.field("serialNumber", info->serial);
  writer.field("version", info->version);
  writer.end_object();
  writer.end_object();
}

void write_x509(Writer& writer, const Enrollment& enrollment) {
  writer.key("x509");
  writer.begin_object();
  writer.key(enrollment.kind == Kind::Group ? "signingCertificates" : "clientCertificates");
  writer.begin_object();
  write_certificate(writer, "primary", enrollment.primary_certificate);
  if (!enrollment.secondary_certificate.empty())
    write_certificate(writer, "secondary", enrollment.secondary_certificate);
  writer.end_object();
  writer.end_object();
}

void write_initial_twin(Writer& writer, const Enrollment& enrollment) {
  writer.key("initialTwin");
  writer.begin_object();
  writer.key("tags");
  enrollment.tags.write(writer);
  writer.key("properties");
  writer.begin_object();
  writer.key("desired");
  enrollment.desired.write(writer);
  writer.end_object();
  writer.end_object();
}

}  // namespace

void write_attestation(Writer& writer, const Enrollment& enrollment, Secrets secrets) {
  writer.begin_object();
  if (enrollment.attestation != Attestation::SymmetricKey) {
    writer.field("type", "x509");
    write_x509(writer, enrollment);
    return writer.end_object();
  }
  writer.field("type", "symmetricKey");
  if (secrets == Secrets::Show) {
    writer.key("symmetricKey");
    writer.begin_object();
    writer.field("primaryKey", enrollment.keys.primary);
    writer.field("secondaryKey", enrollment.keys.secondary);
    writer.end_object();
  }
  writer.end_object();
}

void write_enrollment(Writer& writer, const Enrollment& enrollment, Secrets secrets,
                      std::string_view hub_host, const Registration* registration) {
  writer.begin_object();
  writer.field(enrollment.kind == Kind::Group ? "enrollmentGroupId" : "registrationId",
               enrollment.id);
  if (!enrollment.device_id.empty()) writer.field("deviceId", enrollment.device_id);
  if (registration != nullptr) {
    writer.key("registrationState");
    write_registration(writer, *registration, hub_host);
  }
  writer.key("attestation");
  write_attestation(writer, enrollment, secrets);
  write_initial_twin(writer, enrollment);
  writer.field("provisioningStatus", identity::to_string(enrollment.status));
  writer.key("reprovisionPolicy");
  writer.begin_object();
  writer.field("updateHubAssignment", enrollment.update_assignment);
  writer.field("migrateDeviceData", enrollment.migrate_data);
  writer.end_object();
  writer.field("allocationPolicy", "static");
  writer.key("iotHubs");
  writer.begin_array();
  writer.value(hub_host);
  writer.end_array();
  writer.field("etag", enrollment.etag);
  writer.field("createdDateTimeUtc", time_text(enrollment.created));
  writer.field("lastUpdatedDateTimeUtc", time_text(enrollment.updated));
  writer.end_object();
}

void write_registration(Writer& writer, const Registration& registration,
                        std::string_view hub_host) {
  writer.begin_object();
  writer.field("registrationId", registration.id);
  if (registration.created != base::WallTime()) {
    writer.field("createdDateTimeUtc", time_text(registration.created));
    writer.field("lastUpdatedDateTimeUtc", time_text(registration.updated));
  }
  if (registration.status == RegistrationStatus::Assigned) {
    writer.field("assignedHub", hub_host);
    writer.field("deviceId", registration.device_id);
  }
  writer.field("status", to_string(registration.status));
  if (!registration.substatus.empty()) writer.field("substatus", registration.substatus);
  if (registration.error_code != 0) {
    writer.field("errorCode", registration.error_code);
    writer.field("errorMessage", registration.error);
  }
  if (!registration.etag.empty()) writer.field("etag", registration.etag);
  writer.end_object();
}

}  // namespace hub::provisioning
