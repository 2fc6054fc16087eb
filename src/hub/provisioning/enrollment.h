#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"
#include "hub/twins/twin.h"

// Who may register itself, and as what. Threads: pure.
namespace hub::provisioning {

enum class Kind : std::uint8_t {
  Individual,  // one device, its id the registration id
  Group,       // all devices that prove the same key or certificate authority
};

enum class Attestation : std::uint8_t {
  SymmetricKey,  // of a group: each device has a key derived from it
  Certificate,   // individual: of the device itself
  Authority,     // group: of the certificate authority that signed the device's
};

struct Enrollment {
  Kind kind = Kind::Individual;
  std::string id;  // registration id or name of the group; case does not tell two apart
  identity::Status status = identity::Status::Enabled;
  Attestation attestation = Attestation::SymmetricKey;
  identity::Keys keys;                // SymmetricKey; secret
  std::string primary_certificate;    // the others: PEM
  std::string secondary_certificate;  // may be empty
  std::string device_id;  // individual: the identity's at the hub; empty: the registration id
  // What the twin of a device begins with: objects.
  base::json::Value tags{base::json::Value::Object{}};
  base::json::Value desired{base::json::Value::Object{}};
  // When a device registers again: is anything done at all, and is its twin kept, or set back to
  // the above?
  bool update_assignment = true;
  bool migrate_data = true;
  std::string etag;  // changes with every change
  base::WallTime created;
  base::WallTime updated;
};

// What an enrollment is called in records: "enrollment/x", "enrollmentGroup/x".
std::string name_of(Kind kind, std::string_view id);

// What a request says of an enrollment in the JSON of Azure's provisioning service:
// attestation, provisioningStatus, deviceId, initialTwin, reprovisionPolicy, and what may be there
// and must fit to a service with one hub (`hub_host`). Where `former` has keys, they are kept
// unless others are given; "" makes new ones. Times and etag are not read.
// Errors: Invalid (the detail names the member and what was expected).
base::Result<Enrollment> read_enrollment(Kind kind, std::string_view id,
                                         const base::json::Value& body, const Enrollment* former,
                                         std::string_view hub_host, const twins::Limits& limits);

// The members that read_enrollment() knows, and those that service clients send back with it.
std::vector<std::string_view> enrollment_fields(Kind kind);

// How a registration stands.
enum class RegistrationStatus : std::uint8_t { Unassigned, Assigning, Assigned, Failed, Disabled };
std::string_view to_string(RegistrationStatus status);

// What became of the last registration of a device.
struct Registration {
  std::string id;
  // The enrollment that assigned it last; while none did, the one that it tried.
  Kind kind = Kind::Individual;
  std::string enrollment_id;
  RegistrationStatus status = RegistrationStatus::Unassigned;
  std::string device_id;     // empty: it was never assigned
  std::string substatus;     // of that assignment: initialAssignment, deviceDataReset
  int error_code = 0;        // Failed
  std::string error;         // Failed
  std::string operation_id;  // of that registration
  std::string etag;
  base::WallTime created;
  base::WallTime updated;
};

enum class Secrets : std::uint8_t { Hide, Show };

// An enrollment as an object, with its registration if it has one.
void write_enrollment(base::json::Writer& writer, const Enrollment& enrollment, Secrets secrets,
                      std::string_view hub_host, const Registration* registration);
// Its attestation alone, with keys.
void write_attestation(base::json::Writer& writer, const Enrollment& enrollment, Secrets secrets);
void write_registration(base::json::Writer& writer, const Registration& registration,
                        std::string_view hub_host);

// The key of a device in a group: base64 of HMAC-SHA256 of its registration id.
// Errors: Malformed (the group's key is not base64).
base::Result<std::string> derive_key(std::string_view group_key, std::string_view registration_id);
// Both; keys that are empty stay so.
base::Result<identity::Keys> derive_keys(const identity::Keys& group,
                                         std::string_view registration_id);

}  // namespace hub::provisioning
