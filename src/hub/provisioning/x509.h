#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace hub::provisioning {

// What an X.509 certificate says.
struct CertificateInfo {
  std::string pem;          // the certificate itself, in its usual form
  std::string subject;      // RFC 2253
  std::string common_name;  // of the subject; empty when it has none
  std::string issuer;
  std::string serial;  // upper-case hex
  std::string sha1;    // thumbprints: upper-case hex of the hash over the DER form
  std::string sha256;
  base::WallTime not_before;
  base::WallTime not_after;
  int version = 3;
  bool authority = false;  // may sign others (basic constraints)
};

inline constexpr std::size_t kMaxCertificateBytes = 16U << 10U;

// Reads one certificate: PEM, or base64 of its DER form, as service clients send it; white space is
// not looked at. Errors: TooLarge, Malformed. Threads: pure.
base::Result<CertificateInfo> read_certificate(std::string_view text);

}  // namespace hub::provisioning
