#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "hub/identity/chain.h"
#include "hub/identity/credentials.h"
#include "hub/identity/registry.h"

namespace hub::identity {

// By so much clocks differ, and so late devices renew what they prove themselves with. A credential
// that is over is refused at once; for so long afterwards the refusal is a Warning, no Error, and
// no alert comes of it.
inline constexpr std::chrono::minutes kClockTolerance{5};

// How check_login() finds what it needs. Errors: NotFound, or what storage says.
struct Lookup {
  std::function<base::Result<Identity>(const Name&)> identity;
  std::function<base::Result<Policy>(std::string_view)> policy;
  // Does an uploaded authority vouch for the certificate? Empty: there are none.
  std::function<ChainVerdict(const ClientCertificate&, base::WallTime now)> chain = {};
  // Credentials::hash(). Empty: records go without.
  std::function<std::string(CredentialKind, std::string_view secret)> credential = {};
};

// Decides about an MQTT login: names first, then the proof (the token's scope, its signature, its
// expiry; without a token the certificate's thumbprint and its time, or its chain and its name),
// and at last whether the identity is enabled, so that nothing is said of an identity to who holds
// no key of it. Threads: pure but for the lookup.
std::expected<Grant, Refusal> check_login(const Login& login, std::string_view host_name,
                                          base::WallTime now, const Lookup& lookup);

// The same where the name is known already.
std::expected<Grant, Refusal> check_proof(const Proof& proof, std::string_view host_name,
                                          base::WallTime now, const Lookup& lookup);

}  // namespace hub::identity
