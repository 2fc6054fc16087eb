#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace uplink {

// Who we are, and to which hub.
struct Identity {
  std::string host_name;
  std::uint16_t port = 8883;
  std::string device_id;
  std::string module_id;   // empty: the device itself
  std::string key_base64;  // secret
  std::string ca_file;     // PEM; empty: the system's store
};

// HostName=H[:port];DeviceId=D;ModuleId=M;SharedAccessKey=K. Errors: Malformed, Invalid (it lacks
// a field, or is a service's). The detail never holds the key.
base::Result<Identity> parse_connection_string(std::string_view text);

}  // namespace uplink
