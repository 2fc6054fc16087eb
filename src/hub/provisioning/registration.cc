#include "hub/provisioning/registration.h"

#include "base/json.h"
#include "base/text.h"

namespace hub::provisioning {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using base::json::Writer;

Result<void> check_registration_body(std::string_view body, std::string_view registration_id) {
  if (body.size() > kMaxRegistrationBytes)
    return fail(Code::TooLarge, "registration", -1, "the body is above 96 KiB");
  if (base::trim(body).empty()) return {};
  const auto json = base::json::parse(body);
  if (!json || json->if_object() == nullptr)
    return fail(Code::Invalid, "registration", -1, "the body is no JSON object");
  const Value* id = json->find("registrationId");
  if (id != nullptr && !id->is_null()) {
    if (id->if_string() == nullptr || !base::equal_ignore_case(*id->if_string(), registration_id))
      return fail(Code::Invalid, "registration", -1, "registrationId: not the one that was proved");
  }
  const Value* tpm = json->find("tpm");
  if (tpm != nullptr && !tpm->is_null())
    return fail(Code::Invalid, "registration", -1, "tpm: this proof is not served");
  const Value* csr = json->find("clientCertificateCsr");
  if (csr != nullptr && !csr->is_null()) {
    return fail(Code::Invalid, "registration", -1,
                "clientCertificateCsr: certificates are not issued");
  }
  return {};
}

std::string operation_body(std::string_view operation_id, std::string_view registration_id,
                           const Registration* registration, std::string_view hub_host) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("operationId", operation_id);
  writer.field("status", to_string(registration == nullptr ? RegistrationStatus::Assigning
                                                           : registration->status));
  if (registration != nullptr) {
    writer.key("registrationState");
    write_registration(writer, *registration, hub_host);
  } else {
    writer.key("registrationState");
    writer.begin_object();
    writer.field("registrationId", registration_id);
    writer.field("status", to_string(RegistrationStatus::Assigning));
    writer.end_object();
  }
  writer.end_object();
  return body;
}

std::string error_body(std::uint32_t code, std::string_view message, std::string_view tracking_id,
                       base::WallTime now) {
  std::string body;
  Writer writer(body);
  writer.begin_object();
  writer.field("errorCode", static_cast<std::int64_t>(code));
  writer.field("trackingId", tracking_id);
  writer.field("message", message);
  writer.field("timestampUtc", base::format_rfc3339(now));
  writer.end_object();
  return body;
}

}  // namespace hub::provisioning
