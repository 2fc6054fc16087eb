#include "uplink/identity.h"

#include "base/text.h"
#include "wire/connection_string.h"

namespace uplink {

base::Result<Identity> parse_connection_string(std::string_view text) {
  const auto parsed = TRY(wire::parse_connection_string(text));
  if (parsed.is_service()) {
    return base::fail(base::Code::Invalid, "connection string", -1,
                      "expected a device's or module's (DeviceId=...), found a service's");
  }
  Identity identity;
  identity.host_name = parsed.host_name;
  identity.port = parsed.port.value_or(identity.port);
  identity.device_id = parsed.device_id;
  identity.module_id = parsed.module_id;
  identity.key_base64 = parsed.key_base64;
  if (!base::base64_decode(identity.key_base64)) {
    return base::fail(base::Code::Malformed, "connection string", -1,
                      "SharedAccessKey is not base64");
  }
  return identity;
}

}  // namespace uplink
