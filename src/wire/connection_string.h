#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wire {

// HostName=H;DeviceId=D;ModuleId=M;SharedAccessKey=K (a device or module) or
// HostName=H;SharedAccessKeyName=P;SharedAccessKey=K (a policy of the service).
// A device's or module's has x509=true in the place of a key where it proves itself by a
// certificate. HostName may carry a port for MQTT (H:8883); HttpsPort=8443 is an addition of ours.
struct ConnectionString {
  std::string host_name;  // without port
  std::optional<std::uint16_t> port;
  std::optional<std::uint16_t> https_port;
  std::string device_id;
  std::string module_id;
  std::string policy;      // SharedAccessKeyName
  std::string key_base64;  // secret
  bool x509 = false;       // there is a certificate, and no key

  bool is_service() const { return device_id.empty(); }
};

// Names in any case and order; unknown ones are errors, with the nearest known name.
// Errors: Malformed, Invalid (a field is missing or contradicts another). The detail never holds
// the key.
base::Result<ConnectionString> parse_connection_string(std::string_view text);
std::string format_connection_string(const ConnectionString& connection);

}  // namespace wire
