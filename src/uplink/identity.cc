#include "uplink/identity.h"

#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "wire/connection_string.h"

namespace uplink {

using base::Code;
using base::fail;
using base::Result;

namespace {

void wipe_text(std::string& text) {
  base::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  text.clear();
}

}  // namespace

Result<Identity> parse_connection_string(std::string_view text) {
  auto parsed = TRY(wire::parse_connection_string(text));
  if (parsed.is_service()) {
    return fail(Code::Invalid, "connection string", -1,
                "expected a device's or module's (DeviceId=...), found a service's");
  }
  Identity identity;
  identity.host_name = parsed.host_name;
  identity.port = parsed.port.value_or(identity.port);
  identity.https_port = parsed.https_port.value_or(identity.https_port);
  identity.device_id = parsed.device_id;
  identity.module_id = parsed.module_id;
  identity.key_base64 = std::move(parsed.key_base64);
  return identity;
}

Result<void> add_certificate(Identity& identity, std::string_view certificate_pem,
                             std::string_view private_key_pem) {
  if (certificate_pem.find("-----BEGIN CERTIFICATE-----") == std::string_view::npos)
    return fail(Code::Invalid, "client certificate", -1, "no certificate in PEM form");
  if (private_key_pem.empty()) private_key_pem = certificate_pem;
  if (private_key_pem.find("PRIVATE KEY-----") == std::string_view::npos)
    return fail(Code::Invalid, "client certificate", -1, "no private key in PEM form beside it");
  identity.certificate_pem = certificate_pem;
  identity.private_key_pem = private_key_pem;
  return {};
}

Result<void> check_identity(const Identity& identity) {
  if (identity.has_certificate() && !identity.key_base64.empty())
    return fail(Code::Invalid, "identity", -1, "both a key and a certificate; expected one");
  if (!identity.has_certificate() && identity.key_base64.empty())
    return fail(Code::Invalid, "identity", -1, "neither a key nor a certificate");
  if (!identity.has_certificate()) {
    auto key = base::base64_decode(identity.key_base64);
    if (!key) return fail(Code::Malformed, "identity", -1, "the key is not base64");
    base::wipe(*key);
  }
  if (identity.through_device && identity.module_id.empty())
    return fail(Code::Invalid, "identity", -1, "no module to reach through the device");
  return {};
}

void reach_through_device(Identity& identity, std::string_view module_id) {
  if (!identity.module_id.empty() || module_id.empty()) return;
  identity.module_id = module_id;
  identity.through_device = true;
}

void wipe(Identity& identity) {
  wipe_text(identity.key_base64);
  wipe_text(identity.private_key_pem);
}

}  // namespace uplink
