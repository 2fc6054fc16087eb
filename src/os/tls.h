#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "os/fd.h"
#include "os/loop.h"

namespace os {

// What a TLS client trusts: TLS 1.2 or later, the peer's certificate checked always.
// May be used by many streams, and may go before them. Threads: loop only.
class TlsClient {
 public:
  // `ca_file`: certificates in PEM form to trust, and nothing else; empty: the system's store.
  // Errors: NotFound, Invalid (no certificate in the file), Io.
  static base::Result<TlsClient> create(const std::string& ca_file);
  // The same, showing a certificate of our own to servers that ask for one: the chain, leaf first,
  // and its key, as text in PEM form. Errors: Invalid also (one of them cannot be read, or they do
  // not belong together; the detail never holds the key).
  static base::Result<TlsClient> create(const std::string& ca_file,
                                        std::string_view certificate_pem,
                                        std::string_view private_key_pem);
  ~TlsClient();
  TlsClient(TlsClient&&) noexcept;
  TlsClient& operator=(TlsClient&&) noexcept;

 private:
  friend class TlsStream;
  struct State;
  explicit TlsClient(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// A TLS connection over a connected, non-blocking socket, driven by the loop.
//
// Callbacks run on the loop, never from within a call of ours, and not after destruction, which may
// happen inside any of them. Threads: loop only.
class TlsStream {
 public:
  struct Callbacks {
    std::function<void()> on_open;                // the peer is who it should be
    std::function<void(base::ByteView)> on_data;  // a view that holds during the call
    std::function<void()> on_drained;             // nothing written is left in memory
    // Once, and the last: Closed (the peer ended it properly), Denied (its certificate is not
    // acceptable; the detail says why), Io, Malformed (not TLS, or no common version).
    std::function<void(base::Error)> on_closed;
  };

  // `host_name` is the name or IP address that the peer's certificate must bear.
  TlsStream(Loop& loop, const TlsClient& client, Fd socket, const std::string& host_name,
            Callbacks callbacks);
  ~TlsStream();  // closes at once; what was not sent is gone
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  // Queues bytes, and sends what the socket takes. Before on_open they wait for it.
  void write(base::ByteView bytes);
  // What write() took and the socket did not yet: the measure to hold back by.
  std::size_t unsent_bytes() const;
  // Tells the peer that no more follows, as far as the socket takes it now.
  void close_write();

  // For the log: "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty before on_open.
  std::string description() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace os
