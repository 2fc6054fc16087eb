#include "hub/certificates.h"

#include <array>
#include <ctime>
#include <memory>

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/id.h"

namespace hub {

using base::Code;
using base::fail;
using base::Result;
using base::WallTime;

namespace {

constexpr std::chrono::days kAuthorityLife{3'650};
constexpr std::chrono::days kServerLife{800};
// For devices whose clocks are behind.
constexpr std::chrono::hours kBackdated{24};
constexpr std::size_t kMaxCommonName = 64;

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;

std::unexpected<base::Error> openssl_failed(const char* step) {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  return std::unexpected(base::Error{Code::Unsupported, step, -1, reason == nullptr ? "" : reason});
}

std::string take_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  base::wipe({reinterpret_cast<std::uint8_t*>(data), static_cast<std::size_t>(size)});
  return text;
}

Bio reading(std::string_view text) {
  return Bio(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<KeyPair> to_pem(X509* certificate, EVP_PKEY* key) {
  const Bio certificate_bio(::BIO_new(::BIO_s_mem()));
  const Bio key_bio(::BIO_new(::BIO_s_mem()));
  if (::PEM_write_bio_X509(certificate_bio.get(), certificate) != 1 ||
      ::PEM_write_bio_PKCS8PrivateKey(key_bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return openssl_failed("write certificate");
  }
  return KeyPair{take_text(certificate_bio.get()), take_text(key_bio.get())};
}

bool set_serial(X509* certificate) {
  std::array<std::uint8_t, 16> bytes{};
  base::random_bytes(bytes);
  bytes[0] &= 0x7FU;  // positive
  const std::unique_ptr<BIGNUM, Free<BN_free>> number(
      ::BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  return number &&
         ::BN_to_ASN1_INTEGER(number.get(), ::X509_get_serialNumber(certificate)) != nullptr;
}

bool set_life(X509* certificate, WallTime now, std::chrono::days life) {
  const auto seconds = [](WallTime time) {
    return std::chrono::system_clock::to_time_t(
        std::chrono::time_point_cast<std::chrono::system_clock::duration>(time));
  };
  return ::ASN1_TIME_set(::X509_getm_notBefore(certificate), seconds(now - kBackdated)) !=
             nullptr &&
         ::ASN1_TIME_set(::X509_getm_notAfter(certificate), seconds(now + life)) != nullptr;
}

bool set_subject(X509* certificate, const std::string& name) {
  const std::string common = name.substr(0, kMaxCommonName);
  return ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                      base::as_bytes(common).data(),
                                      static_cast<int>(common.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>> extension(
      ::X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
  return extension && ::X509_add_ext(certificate, extension.get(), -1) == 1;
}

// A certificate that lacks its extensions and signature. `issuer` nullptr: itself.
Result<Certificate> begin_certificate(EVP_PKEY* key, X509* issuer, const std::string& name,
                                      WallTime now, std::chrono::days life) {
  Certificate certificate(::X509_new());
  X509* const made = certificate.get();
  if (made == nullptr || ::X509_set_version(made, X509_VERSION_3) != 1 || !set_serial(made) ||
      !set_life(made, now, life) || !set_subject(made, name) || ::X509_set_pubkey(made, key) != 1 ||
      ::X509_set_issuer_name(made, ::X509_get_subject_name(issuer == nullptr ? made : issuer)) !=
          1) {
    return openssl_failed("make certificate");
  }
  return certificate;
}

std::string alternative_names(const std::string& host_name) {
  std::array<std::uint8_t, sizeof(in6_addr)> parsed{};
  const bool is_ip = ::inet_pton(AF_INET, host_name.c_str(), parsed.data()) == 1 ||
                     ::inet_pton(AF_INET6, host_name.c_str(), parsed.data()) == 1;
  std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";
  if (host_name != "localhost") names = (is_ip ? "IP:" : "DNS:") + host_name + "," + names;
  return names;
}

}  // namespace

Result<KeyPair> make_authority(const std::string& name, WallTime now) {
  const Key key(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (!key) return openssl_failed("make key");
  const Certificate certificate =
      TRY(begin_certificate(key.get(), nullptr, name, now, kAuthorityLife));
  X509* const made = certificate.get();
  if (!add_extension(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(made, made, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(made, made, NID_subject_key_identifier, "hash") ||
      ::X509_sign(made, key.get(), ::EVP_sha256()) == 0) {
    return openssl_failed("sign authority");
  }
  return to_pem(made, key.get());
}

Result<KeyPair> make_server_certificate(const KeyPair& authority, const std::string& host_name,
                                        WallTime now) {
  const Bio issuer_bio = reading(authority.certificate);
  const Bio issuer_key_bio = reading(authority.key);
  const Certificate issuer(::PEM_read_bio_X509(issuer_bio.get(), nullptr, nullptr, nullptr));
  const Key issuer_key(::PEM_read_bio_PrivateKey(issuer_key_bio.get(), nullptr, nullptr, nullptr));
  if (!issuer || !issuer_key || ::X509_check_private_key(issuer.get(), issuer_key.get()) != 1) {
    ::ERR_clear_error();
    return fail(Code::Malformed, "certificate authority", -1,
                "no PEM certificate, or not with its key");
  }
  const Key key(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (!key) return openssl_failed("make key");
  const Certificate certificate =
      TRY(begin_certificate(key.get(), issuer.get(), host_name, now, kServerLife));
  X509* const made = certificate.get();
  if (!add_extension(made, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(made, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(made, issuer.get(), NID_ext_key_usage, "serverAuth") ||
      !add_extension(made, issuer.get(), NID_subject_alt_name, alternative_names(host_name)) ||
      !add_extension(made, issuer.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(made, issuer.get(), NID_authority_key_identifier, "keyid:always") ||
      ::X509_sign(made, issuer_key.get(), ::EVP_sha256()) == 0) {
    return openssl_failed("sign certificate");
  }
  return to_pem(made, key.get());
}

Result<WallTime> certificate_end(std::string_view pem) {
  const Bio bio = reading(pem);
  const Certificate certificate(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  std::tm end{};
  if (!certificate || ::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate.get()), &end) != 1) {
    ::ERR_clear_error();
    return fail(Code::Malformed, "certificate", -1, "expected PEM");
  }
  return WallTime(std::chrono::seconds(::timegm(&end)));
}

}  // namespace hub
