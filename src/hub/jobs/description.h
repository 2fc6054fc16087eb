#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "hub/identity/registry.h"
#include "hub/twins/twins.h"

// Identities as Azure IoT Hub's service clients write and read them, one at a time or in bulk.
namespace hub::jobs {

// How an identity is to prove itself. Empty keys are to be made.
struct Proof {
  identity::Authentication authentication = identity::Authentication::Sas;
  identity::Keys keys;
  identity::Thumbprints thumbprints;
};

// What a client says of an identity. Without a value: nothing was said.
struct Description {
  identity::Name name;
  std::string etag;  // without quotes; may be "*"
  std::optional<identity::Status> status;
  std::optional<std::string> status_reason;
  Proof proof;  // keys to be made, where nothing was said
  std::optional<bool> iot_edge;
  std::optional<std::string> managed_by;
};

// The name is taken from `deviceId` (or, in bulk, `id`) and `moduleId`; members that only the hub
// sets are passed over, as clients send back what they read.
// Errors: Invalid (the detail says which member is wrong). Threads: pure.
base::Result<Description> read_description(const base::json::Value& body);

identity::NewIdentity to_new_identity(const Description& description);
// A change that leaves of the keys and thumbprints nothing as it was: what the client does not say
// is made anew, as IoT Hub does. `if_match` is an etag, "*" or empty: whatever it is now.
identity::Change to_change(const Description& description, std::string if_match);

enum class Secrets : bool { Hide, Show };

// The members of an identity, in an open object. `waiting`: cloud-to-device messages.
void write_identity(base::json::Writer& writer, const identity::Identity& identity,
                    const identity::Activity& activity, std::size_t waiting, Secrets secrets);
// One line of an export: an identity with its twin, as an import takes it.
void write_export(base::json::Writer& writer, const identity::Identity& identity,
                  const twins::Twin& twin, Secrets secrets);

// "authentication": {...} of an identity.
void write_authentication(base::json::Writer& writer, const identity::Identity& identity,
                          Secrets secrets);
// "x509Thumbprint": {...}, null where there is none.
void write_thumbprints(base::json::Writer& writer, const identity::Thumbprints& thumbprints);
// Where a time is not known, the service says the first one that there is.
std::string time_or_never(const std::optional<base::WallTime>& time);

// An etag as a header or a body has it, without the quotes around it.
std::string_view unquoted(std::string_view etag);

// The word by which the SDKs know what went wrong with an identity: DeviceNotFound,
// ModuleAlreadyExistsOnDevice, PreconditionFailed, ...
std::string_view error_code(const base::Error& error, const identity::Name& name);

}  // namespace hub::jobs
