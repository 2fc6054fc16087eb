#include "os/tls.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include "os/file.h"

namespace os {

using base::ByteView;
using base::Code;
using base::Error;
using base::fail;
using base::Result;

namespace {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using SslContext = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Free<SSL_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown TLS error" : reason;
}

// --- A socket BIO that raises no SIGPIPE, which OpenSSL's own does ---

int socket_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int finish_io(BIO* bio, ssize_t count) {
  BIO_clear_retry_flags(bio);
  return static_cast<int>(count);
}

int bio_write(BIO* bio, const char* data, int size) {
  const ssize_t count = ::send(socket_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  finish_io(bio, count);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(count);
}

int bio_read(BIO* bio, char* data, int size) {
  const ssize_t count = ::recv(socket_of(bio), data, static_cast<std::size_t>(size), 0);
  finish_io(bio, count);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(count);
}

long bio_control(BIO* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
      return 1;
    case BIO_CTRL_EOF:
      return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    default:
      return 0;
  }
}

const BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* fresh = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    ASSERT(fresh != nullptr);
    BIO_meth_set_write(fresh, bio_write);
    BIO_meth_set_read(fresh, bio_read);
    BIO_meth_set_ctrl(fresh, bio_control);
    return fresh;
  }();
  return method;
}

Result<std::size_t> add_certificates(SSL_CTX* context, const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  std::size_t count = 0;
  for (;;) {
    ERR_clear_error();
    const Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!certificate) break;
    if (X509_STORE_add_cert(store, certificate.get()) != 1) {
      return fail(Code::Invalid, "CA certificate", -1, openssl_reason());
    }
    ++count;
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end) return fail(Code::Invalid, "CA certificate", -1, openssl_reason());
  ERR_clear_error();
  return count;
}

Bio read_only(std::string_view text) {
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  ASSERT(bio != nullptr);
  return bio;
}

// Nobody is asked for a passphrase.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*context*/) {
  return -1;
}

Result<void> use_own_certificate(SSL_CTX* context, std::string_view certificate_pem,
                                 std::string_view private_key_pem) {
  ERR_clear_error();
  const Bio certificates = read_only(certificate_pem);
  const Certificate leaf(
      PEM_read_bio_X509_AUX(certificates.get(), nullptr, no_passphrase, nullptr));
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1)
    return fail(Code::Invalid, "client certificate", -1, openssl_reason());
  while (X509* issuer = PEM_read_bio_X509(certificates.get(), nullptr, no_passphrase, nullptr)) {
    // Takes the certificate over.
    ASSERT(SSL_CTX_ctrl(context, SSL_CTRL_CHAIN_CERT, 0, issuer) == 1);
  }
  ERR_clear_error();
  const Bio keys = read_only(private_key_pem);
  const PrivateKey key(PEM_read_bio_PrivateKey(keys.get(), nullptr, no_passphrase, nullptr));
  if (!key) return fail(Code::Invalid, "client key", -1, openssl_reason());
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    return fail(Code::Invalid, "client key", -1, "does not belong to the certificate");
  return {};
}

// SSL_set_tlsext_host_name() is a macro with casts of its own.
bool set_server_name(SSL* ssl, std::string name) {
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

bool is_ip_address(const std::string& name) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(name.c_str());
  const bool is = address != nullptr;
  ASN1_OCTET_STRING_free(address);
  ERR_clear_error();
  return is;
}

}  // namespace

// --- What is trusted ---

struct TlsClient::State {
  SslContext context;
};

TlsClient::TlsClient(std::shared_ptr<State> state) : state_(std::move(state)) {}
TlsClient::~TlsClient() = default;
TlsClient::TlsClient(TlsClient&&) noexcept = default;
TlsClient& TlsClient::operator=(TlsClient&&) noexcept = default;

Result<TlsClient> TlsClient::create(const std::string& ca_file) {
  auto state = std::make_shared<State>();
  state->context.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = state->context.get();
  ASSERT(context != nullptr);
  ASSERT(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // What the file names is trusted, be it a root or not.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  if (ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) {
      return fail(Code::Invalid, "system certificate store", -1, openssl_reason());
    }
    return TlsClient(std::move(state));
  }
  const std::string pem = TRY(read_file(ca_file, 4U << 20U));
  const auto count = add_certificates(context, pem);
  if (!count)
    return fail(Code::Invalid, "CA certificate", -1, ca_file + ": " + count.error().detail);
  if (*count == 0)
    return fail(Code::Invalid, "CA file", -1, ca_file + " holds no certificate in PEM form");
  return TlsClient(std::move(state));
}

Result<TlsClient> TlsClient::create(const std::string& ca_file, std::string_view certificate_pem,
                                    std::string_view private_key_pem) {
  TlsClient client = TRY(create(ca_file));
  TRY(use_own_certificate(client.state_->context.get(), certificate_pem, private_key_pem));
  return client;
}

// --- A connection ---

struct TlsStream::State : std::enable_shared_from_this<TlsStream::State> {
  State(Loop& the_loop, Fd the_socket, Callbacks the_callbacks)
      : loop(the_loop), socket(std::move(the_socket)), callbacks(std::move(the_callbacks)) {}

  Loop& loop;
  Fd socket;
  Callbacks callbacks;
  Ssl ssl;
  bool open = false;
  bool closed = false;  // no more calls back
  bool wants_write = false;
  bool was_blocked = false;  // on_drained is owed
  base::ByteVec out;
  std::size_t sent = 0;
  std::optional<Error> failure;  // found outside of the loop's turn
  TimerId timer = 0;
  std::uint32_t interest = Loop::kReadable;

  Result<void> prepare(const TlsClient::State& client, const std::string& host_name);
  void ready();
  void handshake();
  void read_some();
  void write_some();
  void soon(void (State::*action)());
  void update_interest();
  // What an SSL_* call that returned `status` means; nullopt: it waits for the socket.
  std::optional<Error> judge(int status);
  void close(Error error);
  void release();
};

Result<void> TlsStream::State::prepare(const TlsClient::State& client,
                                       const std::string& host_name) {
  ssl.reset(SSL_new(client.context.get()));
  ASSERT(ssl != nullptr);
  BIO* bio = BIO_new(socket_method());
  ASSERT(bio != nullptr);
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket.get())));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl.get(), bio, bio);
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl.get());
  if (is_ip_address(host_name)) {
    ASSERT(X509_VERIFY_PARAM_set1_ip_asc(param, host_name.c_str()) == 1);
  } else {
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (X509_VERIFY_PARAM_set1_host(param, host_name.data(), host_name.size()) != 1 ||
        !set_server_name(ssl.get(), host_name)) {
      return fail(Code::Invalid, "host name", -1, host_name);
    }
  }
  SSL_set_connect_state(ssl.get());
  return loop.watch(socket.get(), interest, [this](std::uint32_t) { ready(); });
}

std::optional<Error> TlsStream::State::judge(int status) {
  const int saved_errno = errno;
  switch (SSL_get_error(ssl.get(), status)) {
    case SSL_ERROR_WANT_READ:
      return std::nullopt;
    case SSL_ERROR_WANT_WRITE:
      wants_write = true;
      return std::nullopt;
    case SSL_ERROR_ZERO_RETURN:
      return Error{Code::Closed, "TLS", -1, "closed by the peer"};
    case SSL_ERROR_SYSCALL:
      if (saved_errno == 0) return Error{Code::Closed, "TLS", -1, "connection ended"};
      return Error{Code::Io, "TLS", saved_errno, {}};
    default:
      break;
  }
  const long verdict = SSL_get_verify_result(ssl.get());
  if (!open && verdict != X509_V_OK) {
    return Error{Code::Denied, "server certificate", -1, X509_verify_cert_error_string(verdict)};
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return Error{Code::Closed, "TLS", -1, "connection ended without a close"};
  }
  return Error{Code::Malformed, "TLS", -1, openssl_reason()};
}

// One turn: as far as the socket takes and gives.
void TlsStream::State::ready() {
  const auto keep = shared_from_this();
  wants_write = false;
  if (!open && !failure) handshake();
  // Even where writing has failed: the peer may have said why.
  if (!closed && open) read_some();
  if (!closed && open && !failure) write_some();
  if (!closed && failure) close(*std::exchange(failure, std::nullopt));
  if (closed) return;
  if (was_blocked && sent == out.size()) {
    was_blocked = false;
    if (callbacks.on_drained) callbacks.on_drained();
  }
  if (!closed) update_interest();
}

void TlsStream::State::handshake() {
  ERR_clear_error();
  errno = 0;
  const int status = SSL_do_handshake(ssl.get());
  if (status == 1) {
    open = true;
    if (callbacks.on_open) callbacks.on_open();
  } else if (auto error = judge(status)) {
    close(std::move(*error));
  }
}

void TlsStream::State::read_some() {
  constexpr int kRecordsPerTurn = 8;  // others want their turn too
  std::array<std::uint8_t, 16384> buffer;
  for (int i = 0; i < kRecordsPerTurn && !closed; ++i) {
    ERR_clear_error();
    errno = 0;
    const int count = SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (count <= 0) {
      if (auto error = judge(count)) close(std::move(*error));
      return;
    }
    callbacks.on_data(ByteView(buffer).first(static_cast<std::size_t>(count)));
  }
  // What OpenSSL has taken off the socket does not make the socket readable again.
  if (!closed && SSL_has_pending(ssl.get()) == 1) soon(&State::ready);
}

void TlsStream::State::write_some() {
  while (sent < out.size()) {
    constexpr std::size_t kAtOnce = 1U << 20U;
    ERR_clear_error();
    errno = 0;
    const int count = SSL_write(ssl.get(), out.data() + sent,
                                static_cast<int>(std::min(kAtOnce, out.size() - sent)));
    if (count <= 0) {
      failure = judge(count);
      break;
    }
    sent += static_cast<std::size_t>(count);
  }
  if (sent == out.size()) {
    out.clear();
    sent = 0;
    if (out.capacity() > 65536) out.shrink_to_fit();
  } else {
    was_blocked = true;
  }
}

void TlsStream::State::soon(void (State::*action)()) {
  loop.cancel(timer);
  timer = loop.after(std::chrono::nanoseconds(0), [this, action] { (this->*action)(); });
}

void TlsStream::State::update_interest() {
  const std::uint32_t wanted = Loop::kReadable | (wants_write ? Loop::kWritable : 0U);
  if (wanted == interest) return;
  interest = wanted;
  if (auto changed = loop.change(socket.get(), interest); !changed) {
    failure = std::move(changed).error();
    soon(&State::ready);  // where it is reported
  }
}

void TlsStream::State::release() {
  closed = true;
  loop.cancel(timer);
  if (socket) loop.unwatch(socket.get());
  ssl.reset();
  socket.reset();
}

void TlsStream::State::close(Error error) {
  const auto keep = shared_from_this();
  const auto on_closed = std::move(callbacks.on_closed);
  release();
  if (on_closed) on_closed(std::move(error));
}

TlsStream::TlsStream(Loop& loop, const TlsClient& client, Fd socket, const std::string& host_name,
                     Callbacks callbacks)
    : state_(std::make_shared<State>(loop, std::move(socket), std::move(callbacks))) {
  State& state = *state_;
  if (auto prepared = state.prepare(*client.state_, host_name); !prepared) {
    state.failure = std::move(prepared).error();
  }
  // The client speaks first.
  state.soon(&State::ready);
}

TlsStream::~TlsStream() {
  state_->release();
}

void TlsStream::write(ByteView bytes) {
  State& state = *state_;
  if (state.closed) return;
  const bool idle = state.sent == state.out.size();
  state.out.insert(state.out.end(), bytes.begin(), bytes.end());
  if (!state.open || !idle || state.failure) return;
  state.write_some();
  if (state.failure) state.soon(&State::ready);  // where it is reported
  state.update_interest();
}

std::size_t TlsStream::unsent_bytes() const {
  return state_->out.size() - state_->sent;
}

void TlsStream::close_write() {
  if (state_->closed || !state_->open) return;
  ERR_clear_error();
  SSL_shutdown(state_->ssl.get());
}

std::string TlsStream::description() const {
  if (state_->closed || !state_->open) return {};
  const SSL* ssl = state_->ssl.get();
  return std::string(SSL_get_version(ssl)) + " " + SSL_get_cipher_name(ssl);
}

}  // namespace os
