#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

// OpenSSL's own name, so that its headers stay out of this one.
struct ssl_st;

namespace hub::identity {

// What is known of the certificate that a client showed in the TLS handshake, where it proved that
// it has the key. Nobody vouches for the rest: any certificate gets that far.
struct ClientCertificate {
  std::string sha1;  // thumbprints: upper-case hex of the hash over the DER form
  std::string sha256;
  base::WallTime not_before;
  base::WallTime not_after;
  std::string common_name = {};  // UTF-8; empty when there is none, or more than one
  // DER: the certificate, then what came with it, at most kMaxChain of them. Of use until the login
  // is decided.
  std::vector<base::ByteVec> chain = {};
};

inline constexpr std::size_t kMaxChain = 10;

// What a certificate itself says.
struct CertificateFacts {
  ClientCertificate certificate;
  std::string subject;     // "CN=...,O=...", RFC 2253
  bool authority = false;  // it may sign others: basic constraints, key usage
  int security_bits = 0;   // of its key
};

// A certificate as people send it: PEM, which may have text around it, or base64 of the DER form.
// Exactly one, of at most kMaxCertificateText bytes. Threads: pure.
// Errors: Malformed (not a certificate), TooLarge, Invalid (none, or more than one).
inline constexpr std::size_t kMaxCertificateText = std::size_t{64} << 10U;
base::Result<base::ByteVec> certificate_from_text(std::string_view text);
// Errors: Malformed.
base::Result<CertificateFacts> read_facts(base::ByteView der);
// The other way.
std::string certificate_to_pem(base::ByteView der);
// Did the key of `issuer` sign `certificate`, and does that name it as its issuer? Both DER.
// Errors: Malformed.
base::Result<bool> was_issued_by(base::ByteView certificate, base::ByteView issuer);

// Makes a server's context ask for a certificate, and take any: it is judged later, so that what is
// wrong with it can be recorded. Names in `ca_file` (PEM; empty: none) are told as authorities to
// choose certificates by, which keeps browsers from asking their users for one.
// Errors: Invalid (the file).
base::Result<void> ask_for_certificates(void* ssl_context, const std::string& ca_file);

// Which TLS a server speaks.
struct TlsRules {
  std::string min_version = "1.2";  // or 1.3
  std::string ciphers{};            // of TLS 1.2, in OpenSSL's words; empty: ECDHE with AEAD
  std::string cipher_suites{};      // of TLS 1.3; empty: OpenSSL's, AES-128 first
};
// Errors: Invalid (the detail names the setting).
base::Result<void> apply_tls_rules(void* ssl_context, const TlsRules& rules);

// The certificate of a connection; false: none was shown. Errors: Malformed (a time in it).
base::Result<bool> read_certificate(ssl_st* connection, ClientCertificate& certificate);

// A thumbprint as people write it (either case, with or without ':' or spaces) in the form above.
// Errors: Invalid (neither 40 nor 64 hex digits).
base::Result<std::string> normal_thumbprint(std::string_view text);

}  // namespace hub::identity
