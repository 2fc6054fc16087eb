#include "hub/provisioning/x509.h"

#include <array>
#include <ctime>
#include <memory>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/text.h"

namespace hub::provisioning {

using base::Code;
using base::fail;
using base::Result;

namespace {

struct Free {
  void operator()(X509* certificate) const { ::X509_free(certificate); }
  void operator()(BIO* bio) const { ::BIO_free(bio); }
  void operator()(BIGNUM* number) const { ::BN_free(number); }
  void operator()(char* text) const { ::OPENSSL_free(text); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

std::string upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

std::string thumbprint(const X509* certificate, const EVP_MD* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  ASSERT(::X509_digest(certificate, digest, bytes.data(), &size) == 1);
  return upper(base::hex_encode(base::ByteView(bytes.data(), size)));
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = ::BIO_get_mem_data(bio, &data);
  return base::to_utf8(std::string_view(data, static_cast<std::size_t>(std::max(size, 0L))));
}

std::string name_text(const X509_NAME* name) {
  const Owned<BIO> bio(::BIO_new(::BIO_s_mem()));
  ASSERT(bio != nullptr);
  if (::X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) return {};
  return text_of(bio.get());
}

std::string common_name(const X509_NAME* name) {
  const int at = ::X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return {};
  const ASN1_STRING* data = ::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(name, at));
  unsigned char* bytes = nullptr;
  const int size = ::ASN1_STRING_to_UTF8(&bytes, data);
  if (size < 0) return {};
  std::string text(base::as_text(base::ByteView(bytes, static_cast<std::size_t>(size))));
  ::OPENSSL_free(bytes);
  return text;
}

std::string serial_text(const X509* certificate) {
  const Owned<BIGNUM> number(::ASN1_INTEGER_to_BN(::X509_get0_serialNumber(certificate), nullptr));
  if (!number) return {};
  const Owned<char> digits(::BN_bn2hex(number.get()));
  return digits ? std::string(digits.get()) : std::string();
}

Result<base::WallTime> read_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ::ASN1_TIME_to_tm(time, &parts) != 1)
    return fail(Code::Malformed, "certificate", -1, "a time in it is none");
  // WallTime ends in 2262; certificates without an end say the year 9999.
  constexpr int kLastYear = 2200 - 1900;
  if (parts.tm_year > kLastYear) return base::WallTime::max();
  return base::WallTime(std::chrono::seconds(::timegm(&parts)));
}

// The base64 text of the first certificate, without its lines.
std::string base64_of(std::string_view text) {
  const std::size_t begin = text.find(kBegin);
  if (begin != std::string_view::npos) {
    text.remove_prefix(begin + kBegin.size());
    text = text.substr(0, text.find(kEnd));
  }
  std::string base64;
  for (const char c : text) {
    if (c != ' ' && c != '\r' && c != '\n' && c != '\t') base64.push_back(c);
  }
  return base64;
}

std::string pem_of(const X509* certificate) {
  const Owned<BIO> bio(::BIO_new(::BIO_s_mem()));
  ASSERT(bio != nullptr);
  ASSERT(::PEM_write_bio_X509(bio.get(), certificate) == 1);
  return text_of(bio.get());
}

}  // namespace

Result<CertificateInfo> read_certificate(std::string_view text) {
  if (text.size() > kMaxCertificateBytes) return fail(Code::TooLarge, "certificate");
  const auto der = base::base64_decode(base64_of(text));
  if (!der || der->empty())
    return fail(Code::Malformed, "certificate", -1, "expected PEM, or base64 of the DER form");
  const unsigned char* bytes = der->data();
  const Owned<X509> certificate(::d2i_X509(nullptr, &bytes, static_cast<long>(der->size())));
  ::ERR_clear_error();
  if (!certificate || bytes != der->data() + der->size())
    return fail(Code::Malformed, "certificate", -1, "it is no X.509 certificate");
  CertificateInfo info;
  info.pem = pem_of(certificate.get());
  info.subject = name_text(::X509_get_subject_name(certificate.get()));
  info.common_name = common_name(::X509_get_subject_name(certificate.get()));
  info.issuer = name_text(::X509_get_issuer_name(certificate.get()));
  info.serial = serial_text(certificate.get());
  info.sha1 = thumbprint(certificate.get(), ::EVP_sha1());
  info.sha256 = thumbprint(certificate.get(), ::EVP_sha256());
  info.not_before = TRY(read_time(::X509_get0_notBefore(certificate.get())));
  info.not_after = TRY(read_time(::X509_get0_notAfter(certificate.get())));
  info.version = static_cast<int>(::X509_get_version(certificate.get())) + 1;
  info.authority = ::X509_check_ca(certificate.get()) == 1;
  ::ERR_clear_error();
  return info;
}

}  // namespace hub::provisioning
