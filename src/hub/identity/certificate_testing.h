#pragma once

#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/time.h"
#include "hub/identity/certificate.h"
#include "hub/identity/openssl.h"

// Certificates made on the spot, right and wrong ones.
namespace hub::identity {

using TestKey = std::shared_ptr<EVP_PKEY>;

inline TestKey make_test_key(unsigned rsa_bits = 0) {
  EVP_PKEY* key = rsa_bits == 0 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")
                                : EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{rsa_bits});
  return {key, EVP_PKEY_free};
}

struct TestCertificate {
  base::ByteVec der;
  TestKey key;
  std::string name;

  std::string pem() const { return certificate_to_pem(der); }
  std::string sha256() const { return read_facts(der)->certificate.sha256; }
};

struct TestCertificateWish {
  std::string name;              // common name; empty: none
  std::string constraints{};     // basicConstraints: "critical,CA:TRUE,pathlen:0"
  std::string key_usage{};       // keyUsage: "critical,keyCertSign"
  std::string extended_usage{};  // extendedKeyUsage: "serverAuth"
  std::string second_name{};     // another common name
  base::WallTime not_before = base::WallTime(std::chrono::seconds(1'700'000'000));
  base::WallTime not_after = base::WallTime(std::chrono::seconds(1'900'000'000));
  unsigned rsa_bits = 0;  // 0: P-256
};

inline void add_test_extension(X509* certificate, int id, const std::string& value) {
  if (value.empty()) return;
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  ASSERT_NE(made, nullptr) << value;
  X509_add_ext(certificate, made, -1);
  X509_EXTENSION_free(made);
}

inline void add_test_name(X509* certificate, const std::string& name) {
  if (name.empty()) return;
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.data()),
                             static_cast<int>(name.size()), -1, 0);
}

// Signed by `issuer`; without one by itself.
inline TestCertificate make_test_certificate(const TestCertificateWish& wish,
                                             const TestCertificate* issuer = nullptr) {
  static long serial = 1;
  TestCertificate made{{}, make_test_key(wish.rsa_bits), wish.name};
  const X509Ptr certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  const auto seconds = [](base::WallTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  };
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), seconds(wish.not_before));
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), seconds(wish.not_after));
  X509_set_pubkey(certificate.get(), made.key.get());
  add_test_name(certificate.get(), wish.name);
  add_test_name(certificate.get(), wish.second_name);
  X509Ptr signer;
  if (issuer != nullptr) signer = std::move(*parse_der(issuer->der));
  X509_set_issuer_name(certificate.get(),
                       X509_get_subject_name(signer ? signer.get() : certificate.get()));
  add_test_extension(certificate.get(), NID_basic_constraints, wish.constraints);
  add_test_extension(certificate.get(), NID_key_usage, wish.key_usage);
  add_test_extension(certificate.get(), NID_ext_key_usage, wish.extended_usage);
  EVP_PKEY* key = issuer != nullptr ? issuer->key.get() : made.key.get();
  X509_sign(certificate.get(), key, EVP_sha256());
  made.der = *to_der(certificate.get());
  return made;
}

inline TestCertificate make_test_authority(const std::string& name,
                                           const TestCertificate* issuer = nullptr,
                                           const std::string& constraints = "critical,CA:TRUE") {
  TestCertificateWish wish;
  wish.name = name;
  wish.constraints = constraints;
  return make_test_certificate(wish, issuer);
}

// As a client shows them.
inline ClientCertificate as_shown(const TestCertificate& leaf,
                                  std::initializer_list<const TestCertificate*> others = {}) {
  ClientCertificate shown = read_facts(leaf.der)->certificate;
  for (const TestCertificate* other : others)
    shown.chain.push_back(other->der);
  return shown;
}

}  // namespace hub::identity
