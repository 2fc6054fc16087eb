#pragma once

#include <string_view>

#include "base/result.h"
#include "hub/identity/registry.h"

// What an identity and a policy may be. Errors of all: Invalid (what is wrong, for people).
// Threads: pure.
namespace hub::identity {

// Of a device or module; `what` names it in the error.
base::Result<void> check_id(std::string_view id, const char* what);
base::Result<void> check_reason(std::string_view reason);
base::Result<void> check_managed_by(std::string_view who);

// Both keys, or a thumbprint, or neither of them where an authority vouches.
base::Result<void> check_authentication(const Identity& identity);
// What the given way of proof needs and lacks is made; what it has no use for goes.
void fit_proof(Identity& identity);
// In the spelling in which they are kept; a secondary one needs a primary one.
base::Result<Thumbprints> check_thumbprints(const Thumbprints& given);

base::Result<void> check_policy_name(std::string_view name);
// Its rights and keys.
base::Result<void> check_policy(const Policy& policy);

}  // namespace hub::identity
