#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/bytes.h"
#include "hub/identity/certificate.h"
#include "hub/link/service.h"
#include "hub/operations/operations.h"

namespace hub::link {

// What a peer may leave unread before nothing more is read from it.
inline constexpr std::size_t kMaxUnsent = 64 * 1024;
// What a peer that does not read may be sent on top of that before it is given up: it subscribed to
// something that it does not take.
inline constexpr std::size_t kMaxUntaken = 1024 * 1024;

// How a connection came.
struct Transport {
  std::string ip;
  std::string tls_version;
  std::string tls_cipher;
  operations::Protocol protocol = operations::Protocol::None;
  std::optional<identity::ClientCertificate> certificate;
};

// The server's side of one connection, without its socket: bytes go in, bytes to send come out.
// The same session runs over TLS (hub/listen) and in a web socket (hub/api).
//
//   auto room = session.room();  n = read(room);  session.filled(n);
//   while (session.wants_more() && session.take() == Next::Continue) {}
//   n = write(session.out()) ...
//
// After Close, what is in out() is still to be sent. end() must be called once, before destruction.
// Threads: those of its host, one at a time.
class Session {
 public:
  enum class Next : std::uint8_t {
    Continue,  // something was taken; there may be more
    Starved,   // more input is needed
    Hold,      // there is no room in the sink: offer it again when there is
    Close,     // see reason()
  };

  Session() = default;
  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Where to read to, at least 1 byte, after take() was starved.
  virtual std::span<std::uint8_t> room() = 0;
  // `count` bytes of the last room() now hold input, just received.
  virtual void filled(std::size_t count) = 0;
  // Takes the next frame of what has come, or all of them.
  virtual Next take() = 0;
  // Gives back the memory that an idle connection does not need.
  virtual void release() = 0;

  // One of its messages is durable or lost: Continue or Close.
  virtual Next settled(const Outcome& outcome) = 0;
  virtual void deliver(const Delivery& delivery) = 0;
  // What was delivered piles up unread: sets the reason.
  virtual void refuses_to_take() = 0;
  // Looks at the clocks: Continue or Close.
  virtual Next tick() = 0;

  // False while too many of its messages are on their way.
  virtual bool wants_more() const = 0;
  // Messages that it took are on their way, and it is to say what became of them.
  virtual bool busy() const { return false; }
  virtual bool logged_in() const = 0;
  // Why it is to be closed; None while it is not.
  virtual operations::Reason reason() const = 0;
  // To be sent; the caller removes what was.
  virtual base::ByteVec& out() = 0;

  // The connection is over for this reason, or for the one that made it Close: frees the identity,
  // records.
  virtual void end(operations::Reason reason) = 0;
};

// `service` and `host` outlive the session; `connection` names it to the host.
using SessionFactory = std::function<std::unique_ptr<Session>(
    Service& service, Host& host, std::uint32_t connection, Transport transport)>;

}  // namespace hub::link
