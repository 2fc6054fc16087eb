#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "os/fd.h"

// A TLS server for tests: certificates made on the spot, blocking sockets, a thread for each
// connection.
namespace os {

struct TestCertificates {
  std::string ca_pem;
  std::string certificate_pem;
  std::string key_pem;
};

struct TestCertificateOptions {
  std::string names = "DNS:localhost,IP:127.0.0.1";  // subjectAltName
  long valid_from_seconds = -3600;                   // from now
  long valid_to_seconds = 3600;
};

namespace testing_detail {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Cert = std::unique_ptr<X509, decltype(&X509_free)>;

inline Cert make_certificate(EVP_PKEY* key, EVP_PKEY* issuer_key, X509* issuer, const char* name,
                             const char* extension, int extension_id,
                             const TestCertificateOptions& options) {
  Cert certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), issuer == nullptr ? 1 : 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), options.valid_from_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), options.valid_to_seconds);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509* const signer = issuer == nullptr ? certificate.get() : issuer;
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(signer));
  X509V3_CTX context;
  X509V3_set_ctx(&context, signer, certificate.get(), nullptr, nullptr, 0);
  X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, extension_id, extension);
  X509_add_ext(certificate.get(), made, -1);
  X509_EXTENSION_free(made);
  X509_sign(certificate.get(), issuer_key, EVP_sha256());
  return certificate;
}

template <class Write>
std::string to_pem(Write&& write) {
  BIO* bio = BIO_new(BIO_s_mem());
  write(bio);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return pem;
}

}  // namespace testing_detail

inline TestCertificates make_test_certificates(const TestCertificateOptions& options = {}) {
  using namespace testing_detail;
  const Key ca_key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
  const Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
  const Cert ca = make_certificate(ca_key.get(), ca_key.get(), nullptr, "Test CA",
                                   "critical,CA:TRUE", NID_basic_constraints, {});
  const Cert certificate = make_certificate(key.get(), ca_key.get(), ca.get(), "Test server",
                                            options.names.c_str(), NID_subject_alt_name, options);
  return {to_pem([&](BIO* bio) { PEM_write_bio_X509(bio, ca.get()); }),
          to_pem([&](BIO* bio) { PEM_write_bio_X509(bio, certificate.get()); }),
          to_pem([&](BIO* bio) {
            PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

// The server's end of one connection. Blocks.
class TestPeer {
 public:
  TestPeer(SSL* ssl, int socket) : ssl_(ssl), socket_(socket) {}

  // 0: the other side is gone.
  std::size_t read(std::span<std::uint8_t> bytes) {
    const int count = SSL_read(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  bool write(base::ByteView bytes) {
    return bytes.empty() || SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  // Ends it without a word.
  void cut() { ::shutdown(socket_, SHUT_RDWR); }
  // The subject of the certificate that it showed; empty: none.
  std::string certificate_subject() const {
    X509* certificate = SSL_get1_peer_certificate(ssl_);
    if (certificate == nullptr) return {};
    char* text = X509_NAME_oneline(X509_get_subject_name(certificate), nullptr, 0);
    std::string subject(text);
    OPENSSL_free(text);
    X509_free(certificate);
    return subject;
  }

 private:
  SSL* ssl_;
  int socket_;
};

class TlsTestServer {
 public:
  using Handler = std::function<void(TestPeer&)>;

  TlsTestServer(const TestCertificates& certificates, Handler handler, int max_version = 0)
      : handler_(std::move(handler)), context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    std::signal(SIGPIPE, SIG_IGN);
    BIO* bio = BIO_new_mem_buf(certificates.certificate_pem.data(), -1);
    X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(context_.get(), certificate);
    X509_free(certificate);
    BIO_free(bio);
    bio = BIO_new_mem_buf(certificates.key_pem.data(), -1);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_PrivateKey(context_.get(), key);
    EVP_PKEY_free(key);
    BIO_free(bio);
    // Any certificate is asked for and none is needed: a hub looks at it by itself.
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
    SSL_CTX_set_session_id_context(context_.get(), reinterpret_cast<const unsigned char*>("t"), 1);
    if (max_version != 0) {
      SSL_CTX_set_security_level(context_.get(), 0);
      SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
      SSL_CTX_set_max_proto_version(context_.get(), max_version);
    }
    listen_on(0);
  }
  ~TlsTestServer() { stop(); }
  TlsTestServer(const TlsTestServer&) = delete;
  TlsTestServer& operator=(const TlsTestServer&) = delete;

  std::uint16_t port() const { return port_; }

  // Nobody listens any more, and all connections are cut.
  void stop() {
    stopping_ = true;
    if (acceptor_.joinable()) {
      ::shutdown(listener_.get(), SHUT_RDWR);
      acceptor_.join();
    }
    listener_.reset();
    {
      const std::lock_guard lock(mutex_);
      for (const auto& connection : connections_)
        ::shutdown(connection.socket.get(), SHUT_RDWR);
    }
    for (auto& connection : connections_)
      connection.thread.join();
    connections_.clear();
  }
  // On the same port as before.
  void restart() {
    stopping_ = false;
    listen_on(port_);
  }

 private:
  struct Connection {
    Fd socket;
    std::thread thread;
  };

  void listen_on(std::uint16_t port) {
    listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }

  void accept_all() {
    for (;;) {
      Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!socket) return;
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      Connection& connection = connections_.emplace_back();
      connection.socket = std::move(socket);
      connection.thread = std::thread([this, fd = connection.socket.get()] { serve(fd); });
    }
  }

  void serve(int fd) {
    SSL* ssl = SSL_new(context_.get());
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
      TestPeer peer(ssl, fd);
      handler_(peer);
      SSL_shutdown(ssl);
    }
    ERR_clear_error();
    SSL_free(ssl);
    ::shutdown(fd, SHUT_RDWR);
  }

  Handler handler_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  Fd listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread acceptor_;
  std::mutex mutex_;
  std::list<Connection> connections_;  // guarded by mutex_ while the acceptor runs
};

}  // namespace os
