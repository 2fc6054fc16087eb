#include "hub/identity/certificate.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"
#include "base/text.h"
#include "hub/identity/openssl.h"

namespace hub::identity {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr std::string_view kSessionContext = "vedette-hub";

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
constexpr std::size_t kMaxName = 1024;

// Instead of OpenSSL's own verification, which would end the handshake.
int take_any(X509_STORE_CTX* /*store*/, void* /*argument*/) {
  return 1;
}

// A resumed session knows the certificate but not what came with it, and proves nothing anew: who
// showed one shakes hands in full.
int keep_no_certificate(SSL* /*connection*/, void* /*argument*/) {
  return 1;
}
SSL_TICKET_RETURN resume_without_certificate(SSL* /*connection*/, SSL_SESSION* session,
                                             const unsigned char* /*name*/, std::size_t /*size*/,
                                             SSL_TICKET_STATUS status, void* /*argument*/) {
  const bool good = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
  if (!good || ::SSL_SESSION_get0_peer(session) != nullptr) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

std::string read_common_name(const X509* certificate) {
  const X509_NAME* subject = ::X509_get_subject_name(certificate);
  const int at = ::X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0 || ::X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) return {};
  unsigned char* bytes = nullptr;
  const int size =
      ::ASN1_STRING_to_UTF8(&bytes, ::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(subject, at)));
  ::ERR_clear_error();
  if (size < 0) return {};
  const std::string name(base::as_text({bytes, static_cast<std::size_t>(size)}));
  ::OPENSSL_free(bytes);
  return base::is_utf8(name) && name.size() <= kMaxName ? name : std::string();
}

std::string read_subject(const X509* certificate) {
  BIO* memory = ::BIO_new(::BIO_s_mem());
  ASSERT(memory != nullptr);
  ::X509_NAME_print_ex(memory, ::X509_get_subject_name(certificate), 0,
                       XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string subject;
  if (size > 0)
    subject =
        base::to_utf8({text, std::min<std::size_t>(static_cast<std::size_t>(size), kMaxName)});
  ::BIO_free(memory);
  ::ERR_clear_error();
  return subject;
}

Result<void> read_shown(const X509* shown, ClientCertificate& certificate) {
  certificate.sha1 = thumbprint_of(shown, ::EVP_sha1());
  certificate.sha256 = thumbprint_of(shown, ::EVP_sha256());
  certificate.not_before = TRY(read_time(::X509_get0_notBefore(shown)));
  certificate.not_after = TRY(read_time(::X509_get0_notAfter(shown)));
  certificate.common_name = read_common_name(shown);
  certificate.chain.push_back(TRY(to_der(shown)));
  return {};
}

// AES-128 first: its suites hash with SHA-256, for which processors have instructions, and that
// makes a login a fifth cheaper. None of them is weak; who must have 256 bits says so.
constexpr const char* kCiphers = "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kCipherSuites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

}  // namespace

Result<void> ask_for_certificates(void* ssl_context, const std::string& ca_file) {
  auto* context = static_cast<SSL_CTX*>(ssl_context);
  ::SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  ::SSL_CTX_set_cert_verify_callback(context, take_any, nullptr);
  ASSERT(::SSL_CTX_set_session_ticket_cb(context, keep_no_certificate, resume_without_certificate,
                                         nullptr) == 1);
  // Without one, OpenSSL resumes no session of which it asked for a certificate.
  ASSERT(::SSL_CTX_set_session_id_context(
             context, reinterpret_cast<const unsigned char*>(kSessionContext.data()),
             kSessionContext.size()) == 1);
  if (ca_file.empty()) return {};
  STACK_OF(X509_NAME)* names = ::SSL_load_client_CA_file(ca_file.c_str());
  ::ERR_clear_error();
  if (names == nullptr) return fail(Code::Invalid, "certificate", -1, ca_file);
  ::SSL_CTX_set_client_CA_list(context, names);  // takes them over
  return {};
}

Result<void> apply_tls_rules(void* ssl_context, const TlsRules& rules) {
  auto* context = static_cast<SSL_CTX*>(ssl_context);
  const int version = rules.min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION;
  ::SSL_CTX_set_min_proto_version(context, version);
  const char* ciphers = rules.ciphers.empty() ? kCiphers : rules.ciphers.c_str();
  const char* suites = rules.cipher_suites.empty() ? kCipherSuites : rules.cipher_suites.c_str();
  ::ERR_clear_error();
  if (::SSL_CTX_set_cipher_list(context, ciphers) != 1) {
    ::ERR_clear_error();
    return fail(Code::Invalid, "tls.ciphers", -1,
                "no cipher of TLS 1.2 is left by " + rules.ciphers);
  }
  if (::SSL_CTX_set_ciphersuites(context, suites) != 1) {
    ::ERR_clear_error();
    return fail(Code::Invalid, "tls.cipher_suites", -1,
                "not suites of TLS 1.3: " + rules.cipher_suites);
  }
  return {};
}

Result<bool> read_certificate(ssl_st* connection, ClientCertificate& certificate) {
  const X509Ptr shown(::SSL_get1_peer_certificate(connection));
  if (!shown) return false;
  TRY(read_shown(shown.get(), certificate));
  // At a server's end, without the certificate itself.
  STACK_OF(X509)* others = ::SSL_get_peer_cert_chain(connection);
  for (int i = 0; i < sk_X509_num(others) && certificate.chain.size() < kMaxChain; ++i)
    certificate.chain.push_back(TRY(to_der(sk_X509_value(others, i))));
  return true;
}

Result<X509Ptr> parse_der(base::ByteView der) {
  const unsigned char* at = der.data();
  X509Ptr parsed;
  if (der.size() <= kMaxCertificateText)
    parsed.reset(::d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  ::ERR_clear_error();
  if (parsed && at == der.data() + der.size()) return parsed;
  return fail(Code::Malformed, "certificate", -1, "not an X.509 certificate");
}

Result<base::WallTime> read_time(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ::ASN1_TIME_to_tm(time, &parts) != 1)
    return fail(Code::Malformed, "client certificate", -1, "a time in it is none");
  // WallTime is from 1678 to 2262; certificates without an end say the year 9999.
  constexpr int kFirstYear = 1700 - 1900;
  constexpr int kLastYear = 2200 - 1900;
  if (parts.tm_year < kFirstYear) return base::WallTime::min();
  if (parts.tm_year > kLastYear) return base::WallTime::max();
  return base::WallTime(std::chrono::seconds(::timegm(&parts)));
}

Result<base::ByteVec> to_der(const X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = ::i2d_X509(certificate, &bytes);
  ::ERR_clear_error();
  if (size <= 0) return fail(Code::Malformed, "certificate");
  base::ByteVec der(bytes, bytes + size);
  ::OPENSSL_free(bytes);
  return der;
}

std::string thumbprint_of(const X509* certificate, const EVP_MD* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  ASSERT(::X509_digest(certificate, digest, bytes.data(), &size) == 1);
  std::string text = base::hex_encode(base::ByteView(bytes.data(), size));
  for (char& c : text) {
    if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

Result<base::ByteVec> certificate_from_text(std::string_view text) {
  if (text.size() > kMaxCertificateText) return fail(Code::TooLarge, "certificate");
  std::string_view body = base::trim(text);
  if (const auto begin = text.find(kBegin); begin != std::string_view::npos) {
    body = text.substr(begin + kBegin.size());
    const auto end = body.find(kEnd);
    if (end == std::string_view::npos)
      return fail(Code::Malformed, "certificate", -1, "the PEM text has no end");
    if (body.find(kBegin) != std::string_view::npos)
      return fail(Code::Invalid, "certificate", -1, "more than one; send one at a time");
    body = body.substr(0, end);
  } else if (text.find("-----BEGIN") != std::string_view::npos) {
    return fail(Code::Invalid, "certificate", -1, "PEM, but of something else");
  }
  std::string digits;
  for (const char c : body) {
    if (c != '\n' && c != '\r' && c != ' ' && c != '\t') digits.push_back(c);
  }
  auto der = base::base64_decode(digits);
  if (!der || der->empty())
    return fail(Code::Malformed, "certificate", -1, "expected PEM, or base64 of the DER form");
  TRY(parse_der(*der));
  return std::move(*der);
}

Result<CertificateFacts> read_facts(base::ByteView der) {
  const X509Ptr parsed = TRY(parse_der(der));
  CertificateFacts facts;
  TRY(read_shown(parsed.get(), facts.certificate));
  facts.subject = read_subject(parsed.get());
  facts.authority = ::X509_check_ca(parsed.get()) == 1;
  const EVP_PKEY* key = ::X509_get0_pubkey(parsed.get());
  facts.security_bits = key == nullptr ? 0 : ::EVP_PKEY_get_security_bits(key);
  ::ERR_clear_error();
  return facts;
}

std::string certificate_to_pem(base::ByteView der) {
  constexpr std::size_t kLine = 64;
  const std::string digits = base::base64_encode(der);
  std::string pem(kBegin);
  for (std::size_t at = 0; at < digits.size(); at += kLine)
    pem.append("\n").append(digits, at, kLine);
  return pem.append("\n").append(kEnd).append("\n");
}

Result<bool> was_issued_by(base::ByteView certificate, base::ByteView issuer) {
  const X509Ptr signed_one = TRY(parse_der(certificate));
  const X509Ptr signer = TRY(parse_der(issuer));
  EVP_PKEY* key = ::X509_get0_pubkey(signer.get());
  const bool issued = key != nullptr &&
                      ::X509_check_issued(signer.get(), signed_one.get()) == X509_V_OK &&
                      ::X509_verify(signed_one.get(), key) == 1;
  ::ERR_clear_error();
  return issued;
}

Result<std::string> normal_thumbprint(std::string_view text) {
  std::string digits;
  for (char c : text) {
    if (c == ':' || c == ' ') continue;
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
    digits.push_back(c);
  }
  const bool hex = digits.find_first_not_of("0123456789ABCDEF") == std::string::npos;
  if (hex && (digits.size() == 40 || digits.size() == 64)) return digits;
  return fail(Code::Invalid, "thumbprint", -1, "expected 40 (SHA-1) or 64 (SHA-256) hex digits");
}

}  // namespace hub::identity
