#include "hub/api/password.h"

#include <array>

#include <argon2.h>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"

namespace hub::api {

namespace {

// OWASP's floor for Argon2id.
constexpr std::uint32_t kPasses = 2;
constexpr std::uint32_t kMemoryKiB = 19 * 1024;
constexpr std::uint32_t kLanes = 1;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kHashBytes = 32;

}  // namespace

std::string hash_password(std::string_view password) {
  std::array<std::uint8_t, kSaltBytes> salt{};
  base::random_bytes(salt);
  std::string encoded(
      argon2_encodedlen(kPasses, kMemoryKiB, kLanes, kSaltBytes, kHashBytes, Argon2_id), '\0');
  const int status =
      argon2id_hash_encoded(kPasses, kMemoryKiB, kLanes, password.data(), password.size(),
                            salt.data(), salt.size(), kHashBytes, encoded.data(), encoded.size());
  ASSERT(status == ARGON2_OK);  // fails on its parameters, which are constants, or without memory
  encoded.resize(encoded.find('\0'));
  return encoded;
}

bool verify_password(std::string_view encoded, std::string_view password) {
  const std::string text(encoded);
  return argon2id_verify(text.c_str(), password.data(), password.size()) == ARGON2_OK;
}

bool verify_nobody(std::string_view password) {
  static const std::string encoded = [] {
    std::array<std::uint8_t, 32> unknown{};
    base::random_bytes(unknown);
    return hash_password(base::as_text(unknown));
  }();
  static_cast<void>(verify_password(encoded, password));
  return false;
}

}  // namespace hub::api
