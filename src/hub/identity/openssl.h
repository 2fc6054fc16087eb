#pragma once

#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

// What the sources here share of OpenSSL. Not for others' headers.
namespace hub::identity {

struct FreeX509 {
  void operator()(X509* certificate) const { ::X509_free(certificate); }
};
using X509Ptr = std::unique_ptr<X509, FreeX509>;

// All of the bytes are one certificate. Errors: Malformed.
base::Result<X509Ptr> parse_der(base::ByteView der);
base::Result<base::ByteVec> to_der(const X509* certificate);
// The ends of WallTime for what lies beyond. Errors: Malformed.
base::Result<base::WallTime> read_time(const ASN1_TIME* time);
// Upper-case hex.
std::string thumbprint_of(const X509* certificate, const EVP_MD* digest);

}  // namespace hub::identity
