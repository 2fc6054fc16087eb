#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/operations/operations.h"

// OpenSSL's own name, so that its headers stay out of this one.
struct x509_store_st;

namespace hub::identity {

// What became of a chain of certificates.
struct ChainVerdict {
  operations::Reason reason = operations::Reason::None;  // None: an authority vouches for it
  std::string detail;                                    // when one does not
  std::string authority;         // SHA-256 of the authority that does, as in ClientCertificate
  base::WallTime valid_until{};  // when the first of those in the chain ends
};

// Authorities that are trusted; never changes. Threads: any.
class TrustStore {
 public:
  static constexpr int kMaxDepth = 5;  // authorities between a certificate and a trusted one

  // Errors: Malformed (one of them is no certificate).
  static base::Result<TrustStore> create(std::span<const base::ByteVec> authorities);

  // Is the first of the chain signed, over what follows it, by a trusted authority, every one of
  // them one that may sign, within its path length, valid at `now`, and not with a weak key? The
  // rest of the chain may come in any order and hold what has no use.
  // Reasons: CertUntrusted (no trusted authority, or a signature is not its), CertExpired (any of
  // them, or not valid yet), CertInvalid (any other rule). Source: RFC 5280, section 6.
  ChainVerdict judge(std::span<const base::ByteVec> chain, base::WallTime now) const;

 private:
  struct Free {
    void operator()(x509_store_st* store) const;
  };
  std::unique_ptr<x509_store_st, Free> store_;
};

}  // namespace hub::identity
