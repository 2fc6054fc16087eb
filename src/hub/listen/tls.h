#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "hub/identity/certificate.h"
#include "os/fd.h"

// OpenSSL's own names, so that its headers stay out of this one.
struct ssl_ctx_st;
struct ssl_st;

namespace hub::listen {

// What a TLS server shows: its certificate chain and key. TLS 1.2 and later.
class TlsServer {
 public:
  // Errors: Invalid (the detail names the file and says what is wrong with it).
  static base::Result<TlsServer> create(const std::string& certificate_file,
                                        const std::string& key_file,
                                        const identity::TlsRules& rules = {});

 private:
  friend class TlsSocket;
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

// The server's end of a TLS connection over a non-blocking socket, which it owns.
//
// It reads ahead: one system call fetches as many records as have arrived. So while holds_input()
// there is something to read that polling the socket does not show. Threads: one at a time. SIGPIPE
// must be blocked or ignored.
class TlsSocket {
 public:
  enum class Status : std::uint8_t { Done, WantRead, WantWrite, Closed, Failed };
  struct Moved {
    Status status;
    std::size_t bytes = 0;  // moved; above 0 exactly when Done
  };

  TlsSocket(const TlsServer& server, os::Fd socket);
  TlsSocket(TlsSocket&&) noexcept = default;

  int fd() const { return socket_.get(); }
  Status handshake();
  Moved read(std::span<std::uint8_t> room);
  // Input that was fetched from the socket and that read() has not given yet.
  bool holds_input() const;
  Moved write(base::ByteView bytes);
  // Says goodbye as far as the socket takes it now, and that nothing more will be sent.
  void finish();
  // Reads and forgets what the socket holds, without TLS; false at its end.
  bool discard();

  // For facts that others read of it.
  ssl_st* native() const { return session_.get(); }
  const char* version() const;
  const char* cipher() const;
  // What went wrong in handshake(), read() or write(), for the log.
  const std::string& failure() const { return failure_; }

 private:
  struct Free {
    void operator()(ssl_st* session) const;
  };
  Status status_of(int result);

  os::Fd socket_;
  std::unique_ptr<ssl_st, Free> session_;
  std::string failure_;
};

}  // namespace hub::listen
