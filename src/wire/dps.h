#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

// The MQTT dialect of the device provisioning service. Threads: pure.
// Source: Azure documentation, "Communicate with your DPS using the MQTT protocol".
namespace wire {

// 1 to 128 ASCII letters, digits and -:._ with a letter or digit at both ends. Case does not tell
// two of them apart.
bool is_valid_registration_id(std::string_view id);

// What CONNECT says besides the credentials:
// {scope}/registrations/{id}/api-version=..&ClientVersion=..
struct DpsUsername {
  std::string id_scope;
  std::string registration_id;
  std::string api_version;
  std::string client_version;  // decoded
};
// Lenient about a '?' before the parameters. Errors: Malformed (not of that form; a user name of
// a device for `hub_host` is none).
base::Result<DpsUsername> parse_dps_username(std::string_view text, std::string_view hub_host);

// {scope}/registrations/{id}: what tokens are for, and the policy that they name.
std::string dps_resource(std::string_view id_scope, std::string_view registration_id);
inline constexpr std::string_view kDpsPolicy = "registration";

// A topic that a registering device may publish to. Views of the input.
struct DpsRequestTopic {
  enum class Kind : std::uint8_t {
    Register,  // $dps/registrations/PUT/iotdps-register/?$rid=X
    Status,    // $dps/registrations/GET/iotdps-get-operationstatus/?$rid=X&operationId=Y
  };
  Kind kind = Kind::Register;
  std::string_view request_id;
  std::string_view operation_id;  // Status only
};
// Errors: NotFound (none of those topics), Malformed (one of them, but its end is not as it must
// be).
base::Result<DpsRequestTopic> parse_dps_topic(std::string_view topic);

// What it subscribes to.
inline constexpr std::string_view kDpsFilter = "$dps/registrations/res/#";
// $dps/registrations/res/{status}/?$rid={rid}[&retry-after={seconds}]
std::string dps_result_topic(int status, std::string_view request_id,
                             std::optional<std::chrono::seconds> retry_after);

}  // namespace wire
