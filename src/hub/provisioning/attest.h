#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"
#include "hub/provisioning/enrollment.h"

namespace hub::provisioning {

// What a device offers to prove that it may register.
struct Credentials {
  std::string_view id_scope;
  std::string_view registration_id;
  std::string_view token;  // a shared access signature; may be empty
  // Shown in the TLS handshake; none: nullptr.
  const identity::ClientCertificate* certificate = nullptr;
};

// It is who it says it is. Whether its enrollment is disabled is for the registration to tell.
struct Grant {
  std::string registration_id;
  Kind kind = Kind::Individual;  // of the enrollment
  std::string enrollment_id;
  std::string enrollment_etag;  // what was proved holds for that state of the enrollment
  bool enabled = true;
  // What the device's identity at the hub is to have: keys, or thumbprints.
  identity::Keys keys;
  identity::Thumbprints thumbprints;
  base::WallTime expires_at;  // of the token or the certificate
  operations::Auth auth;
};

// How attest() finds what it needs.
struct Enrollments {
  std::string_view id_scope;
  // Errors: NotFound, or what storage says.
  std::function<base::Result<Enrollment>(std::string_view registration_id)> individual;
  const std::vector<Enrollment>& groups;
};

// Decides about a device: the scope, then its individual enrollment, which says the last word where
// there is one, then the groups. A refusal names as little as possible to who proved nothing: what
// is wrong is for the record. Threads: pure but for the lookup.
std::expected<Grant, identity::Refusal> attest(const Credentials& credentials, base::WallTime now,
                                               const Enrollments& enrollments);

}  // namespace hub::provisioning
