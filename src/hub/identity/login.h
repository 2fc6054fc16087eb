#pragma once

#include <expected>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "hub/identity/registry.h"

namespace hub::identity {

// How check_login() finds what it needs. Errors: NotFound, or what storage says.
struct Lookup {
  std::function<base::Result<Identity>(const Name&)> identity;
  std::function<base::Result<Policy>(std::string_view)> policy;
};

// Decides about an MQTT login: names first, then the token's scope, its signature, its expiry, and
// at last whether the identity is enabled, so that nothing is said of an identity to who holds no
// key of it. Threads: pure but for the lookup.
std::expected<Grant, Refusal> check_login(const Login& login, std::string_view host_name,
                                          base::WallTime now, const Lookup& lookup);

}  // namespace hub::identity
