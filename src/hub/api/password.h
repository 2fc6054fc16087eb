#pragma once

#include <string>
#include <string_view>

namespace hub::api {

// Argon2id (RFC 9106) with 19 MiB, two passes, one lane and a random salt, in its usual text form,
// which names its parameters. Takes some tens of milliseconds. Threads: pure.
std::string hash_password(std::string_view password);

// Does the password fit? Takes as long for any password; false when `encoded` is no such hash.
bool verify_password(std::string_view encoded, std::string_view password);

// Takes as long as verify_password() and is false. For names that do not exist.
bool verify_nobody(std::string_view password);

}  // namespace hub::api
