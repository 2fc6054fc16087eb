#include "hub/listen/tls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/identity/certificate.h"

namespace hub::listen {

using base::Code;
using base::fail;
using base::Result;

namespace {

std::string last_error() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  if (code == 0) return "unknown";
  const char* reason = ::ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

}  // namespace

void TlsServer::Free::operator()(ssl_ctx_st* context) const {
  ::SSL_CTX_free(context);
}
void TlsSocket::Free::operator()(ssl_st* session) const {
  ::SSL_free(session);
}

Result<TlsServer> TlsServer::create(const std::string& certificate_file,
                                    const std::string& key_file, const identity::TlsRules& rules) {
  TlsServer server;
  server.context_.reset(::SSL_CTX_new(::TLS_server_method()));
  SSL_CTX* context = server.context_.get();
  ASSERT(context != nullptr);
  ::SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
  TRY(identity::apply_tls_rules(context, rules));
  // Idle connections hold no buffers; a write that was cut short may go on from another address.
  ::SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ::SSL_CTX_set_read_ahead(context, 1);
  // Resumption by ticket keeps nothing here; one ticket is enough for a client with one connection.
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_num_tickets(context, 1);
  TRY(identity::ask_for_certificates(context, {}));
  ::ERR_clear_error();
  if (::SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return fail(Code::Invalid, "certificate", -1, certificate_file + ": " + last_error());
  }
  if (::SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return fail(Code::Invalid, "private key", -1, key_file + ": " + last_error());
  }
  if (::SSL_CTX_check_private_key(context) != 1) {
    return fail(Code::Invalid, "private key", -1,
                key_file + " does not belong to " + certificate_file);
  }
  return server;
}

TlsSocket::TlsSocket(const TlsServer& server, os::Fd socket)
    : socket_(std::move(socket)), session_(::SSL_new(server.context_.get())) {
  ASSERT(session_ != nullptr);
  ASSERT(::SSL_set_fd(session_.get(), socket_.get()) == 1);
  ::SSL_set_accept_state(session_.get());
}

TlsSocket::Status TlsSocket::status_of(int result) {
  const int system_error = errno;
  switch (::SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Status::WantRead;
    case SSL_ERROR_WANT_WRITE:
      return Status::WantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Status::Closed;
    case SSL_ERROR_SYSCALL:
      failure_ = system_error != 0 ? ::strerrordesc_np(system_error) : "closed without goodbye";
      ::ERR_clear_error();
      return Status::Failed;
    default:
      failure_ = last_error();
      return Status::Failed;
  }
}

TlsSocket::Status TlsSocket::handshake() {
  errno = 0;
  const int result = ::SSL_do_handshake(session_.get());
  return result == 1 ? Status::Done : status_of(result);
}

TlsSocket::Moved TlsSocket::read(std::span<std::uint8_t> room) {
  errno = 0;
  std::size_t count = 0;
  const int result = ::SSL_read_ex(session_.get(), room.data(), room.size(), &count);
  if (result == 1) return {Status::Done, count};
  return {status_of(result)};
}

bool TlsSocket::holds_input() const {
  return ::SSL_has_pending(session_.get()) == 1;
}

TlsSocket::Moved TlsSocket::write(base::ByteView bytes) {
  errno = 0;
  std::size_t count = 0;
  const int result = ::SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &count);
  if (result == 1) return {Status::Done, count};
  return {status_of(result)};
}

void TlsSocket::finish() {
  // After a failure OpenSSL wants no goodbye said.
  if (failure_.empty() && ::SSL_is_init_finished(session_.get()) == 1) {
    ::SSL_shutdown(session_.get());
    ::ERR_clear_error();
  }
  ::shutdown(socket_.get(), SHUT_WR);
}

bool TlsSocket::discard() {
  std::array<std::uint8_t, 16'384> scratch;
  // A sender that never stops must not hold the caller.
  for (int round = 0; round < 16; ++round) {
    const ssize_t count = ::recv(socket_.get(), scratch.data(), scratch.size(), 0);
    if (count == 0) return false;
    if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  }
  return true;
}

const char* TlsSocket::version() const {
  return ::SSL_get_version(session_.get());
}
const char* TlsSocket::cipher() const {
  return ::SSL_get_cipher_name(session_.get());
}

}  // namespace hub::listen
