#pragma once

#include <string>
#include <string_view>

// Digests that fingerprints of protocols are made of. They identify software; nothing is kept
// secret or trusted by them.
namespace dissect::fingerprint {

// MD5 in 32 lower-case digits (JA3, HASSH); empty when the system's library forbids MD5.
std::string md5(std::string_view text);

// The first 12 digits of SHA-256 (JA4).
std::string sha256_12(std::string_view text);

}  // namespace dissect::fingerprint
