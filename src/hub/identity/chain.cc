#include "hub/identity/chain.h"

#include <algorithm>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "hub/identity/certificate.h"
#include "hub/identity/openssl.h"

namespace hub::identity {

using base::Result;
using operations::Reason;

namespace {

constexpr int kSecurityLevel = 2;  // 112 bits: RSA of 2048, SHA-256

struct FreeContext {
  void operator()(X509_STORE_CTX* context) const { ::X509_STORE_CTX_free(context); }
};
struct FreeStack {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};

Reason reason_of(int error) {
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return Reason::CertExpired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return Reason::CertNotYetValid;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return Reason::CertUntrusted;
    default:
      return Reason::CertInvalid;
  }
}

ChainVerdict refuse(Reason reason, std::string detail) {
  return {reason, std::move(detail), {}, {}};
}

// What OpenSSL lets pass for the sake of old certificates.
ChainVerdict check_built(STACK_OF(X509) * built) {
  const int count = sk_X509_num(built);
  if (count < 2) return refuse(Reason::CertInvalid, "it is the authority's own certificate");
  for (int i = 1; i < count; ++i) {
    if (::X509_check_ca(sk_X509_value(built, i)) != 1)
      return refuse(Reason::CertInvalid, "an issuer in the chain is no certificate authority");
  }
  ChainVerdict verdict;
  verdict.authority = thumbprint_of(sk_X509_value(built, count - 1), ::EVP_sha256());
  verdict.valid_until = base::WallTime::max();
  for (int i = 0; i < count; ++i) {
    const auto end = read_time(::X509_get0_notAfter(sk_X509_value(built, i)));
    if (!end) return refuse(Reason::CertInvalid, end.error().to_string());
    verdict.valid_until = std::min(verdict.valid_until, *end);
  }
  return verdict;
}

}  // namespace

void TrustStore::Free::operator()(x509_store_st* store) const {
  ::X509_STORE_free(store);
}

Result<TrustStore> TrustStore::create(std::span<const base::ByteVec> authorities) {
  TrustStore trust;
  trust.store_.reset(::X509_STORE_new());
  ASSERT(trust.store_ != nullptr);
  for (const base::ByteVec& der : authorities) {
    const X509Ptr authority = TRY(parse_der(der));
    ASSERT(::X509_STORE_add_cert(trust.store_.get(), authority.get()) == 1);
  }
  return trust;
}

ChainVerdict TrustStore::judge(std::span<const base::ByteVec> chain, base::WallTime now) const {
  if (chain.empty() || chain.size() > kMaxChain)
    return refuse(Reason::CertInvalid, "the chain is too long, or there is none");
  std::vector<X509Ptr> certificates;
  for (const base::ByteVec& der : chain) {
    auto parsed = parse_der(der);
    if (!parsed) return refuse(Reason::CertInvalid, parsed.error().to_string());
    certificates.push_back(std::move(*parsed));
  }
  const std::unique_ptr<STACK_OF(X509), FreeStack> others(sk_X509_new_null());
  for (std::size_t i = 1; i < certificates.size(); ++i)
    ASSERT(sk_X509_push(others.get(), certificates[i].get()) > 0);

  const std::unique_ptr<X509_STORE_CTX, FreeContext> context(::X509_STORE_CTX_new());
  ASSERT(context != nullptr && ::X509_STORE_CTX_init(context.get(), store_.get(),
                                                     certificates[0].get(), others.get()) == 1);
  X509_VERIFY_PARAM* rules = ::X509_STORE_CTX_get0_param(context.get());
  // An uploaded authority need not be a root.
  ::X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
  ::X509_VERIFY_PARAM_set_depth(rules, kMaxDepth);
  ::X509_VERIFY_PARAM_set_auth_level(rules, kSecurityLevel);
  ::X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT);
  ::X509_VERIFY_PARAM_set_time(
      rules, std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  const int good = ::X509_verify_cert(context.get());
  ::ERR_clear_error();
  if (good != 1) {
    const int error = ::X509_STORE_CTX_get_error(context.get());
    return refuse(reason_of(error),
                  std::string(::X509_verify_cert_error_string(error)) + " (certificate " +
                      std::to_string(::X509_STORE_CTX_get_error_depth(context.get())) +
                      " of the chain)");
  }
  return check_built(::X509_STORE_CTX_get0_chain(context.get()));
}

}  // namespace hub::identity
