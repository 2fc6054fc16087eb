#include "hub/certificates.h"

#include <memory>

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace hub {
namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Certificate parse(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  Certificate certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), X509_free);
  BIO_free(bio);
  return certificate;
}

// Does a client that trusts only the authority accept the server under that name?
bool accepted(const KeyPair& authority, const KeyPair& server, const std::string& name,
              bool is_ip = false) {
  const Certificate ca = parse(authority.certificate);
  const Certificate leaf = parse(server.certificate);
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, ca.get());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, leaf.get(), nullptr);
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
  if (is_ip) {
    X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str());
  } else {
    X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), 0);
  }
  const bool good = X509_verify_cert(context) == 1;
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return good;
}

TEST(Certificates, AreWhatAStrictClientAccepts) {
  const base::WallTime now = base::wall_now();
  const KeyPair authority = make_authority("Vedette CA of hub.example", now).value();
  const KeyPair server = make_server_certificate(authority, "hub.example", now).value();
  EXPECT_TRUE(accepted(authority, server, "hub.example"));
  EXPECT_TRUE(accepted(authority, server, "localhost"));
  EXPECT_TRUE(accepted(authority, server, "127.0.0.1", true));
  EXPECT_TRUE(accepted(authority, server, "::1", true));
  EXPECT_FALSE(accepted(authority, server, "other.example"));
  EXPECT_FALSE(
      accepted(make_authority("Vedette CA of hub.example", now).value(), server, "hub.example"));
}

TEST(Certificates, AreForAddressesToo) {
  const base::WallTime now = base::wall_now();
  const KeyPair authority = make_authority("CA", now).value();
  EXPECT_TRUE(accepted(authority, make_server_certificate(authority, "192.0.2.7", now).value(),
                       "192.0.2.7", true));
  EXPECT_TRUE(accepted(authority, make_server_certificate(authority, "2001:db8::1", now).value(),
                       "2001:db8::1", true));
}

TEST(Certificates, AreEllipticAndEndWhenTheyShould) {
  const base::WallTime now(std::chrono::seconds(1'800'000'000));
  const KeyPair authority = make_authority("CA", now).value();
  const KeyPair server = make_server_certificate(authority, "h", now).value();
  EXPECT_EQ(certificate_end(server.certificate).value(), now + std::chrono::days(800));
  EXPECT_EQ(certificate_end(authority.certificate).value(), now + std::chrono::days(3'650));
  const Certificate leaf = parse(server.certificate);
  EXPECT_EQ(EVP_PKEY_get_base_id(X509_get0_pubkey(leaf.get())), EVP_PKEY_EC);
  EXPECT_EQ(EVP_PKEY_get_bits(X509_get0_pubkey(leaf.get())), 256);
}

TEST(Certificates, SayWhatIsNone) {
  const base::WallTime now = base::wall_now();
  EXPECT_EQ(certificate_end("x").error().code, base::Code::Malformed);
  EXPECT_EQ(make_server_certificate({"x", "y"}, "h", now).error().code, base::Code::Malformed);
  const KeyPair one = make_authority("CA", now).value();
  const KeyPair other = make_authority("CA", now).value();
  EXPECT_EQ(make_server_certificate({one.certificate, other.key}, "h", now).error().code,
            base::Code::Malformed);
}

}  // namespace
}  // namespace hub
