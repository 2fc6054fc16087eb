#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "os/loop.h"
#include "uplink/identity.h"
#include "uplink/packer.h"

namespace uplink {

struct SessionStats {
  bool online = false;
  std::uint64_t connects = 0;          // CONNACK accepted
  std::uint64_t connect_failures = 0;  // TCP, TLS, time out, or no CONNACK
  std::uint64_t refused = 0;           // CONNACK with a refusal
  std::uint64_t disconnects = 0;       // connections lost, renewals not included
  std::uint64_t token_renewals = 0;
  std::uint64_t messages_sent = 0;    // first transmissions
  std::uint64_t messages_resent = 0;  // with DUP
  std::uint64_t messages_acknowledged = 0;
  std::uint64_t messages_under_4kb = 0;  // of those sent
  std::uint64_t bytes_sent = 0;          // of their bodies, resent ones included
  std::uint64_t in_flight = 0;
  std::string last_error;  // why we are not, or were last not, connected
};

// An MQTT 3.1.1 client over TLS that keeps one connection to the hub and publishes, at QoS 1, what
// its owner has. Reconnects for ever, with exponential backoff and full jitter; sends again, with
// DUP and in order, what was not acknowledged. Renews its token before it expires by connecting
// anew. A hub that stops acknowledging is left after `ack_timeout`.
//
// Time comes from the loop (monotonic); the wall clock only dates tokens, so that its stepping in
// either direction costs a reconnect at most. Threads: loop only.
class Session {
 public:
  struct Options {
    Identity identity;
    std::string client_type = "vedette-agent";  // DeviceClientType of the user name
    std::size_t window = 8;                     // messages in flight
    std::chrono::nanoseconds keep_alive = std::chrono::seconds(120);
    std::chrono::nanoseconds connect_timeout = std::chrono::seconds(20);  // TCP, TLS and CONNACK
    std::chrono::nanoseconds ack_timeout = std::chrono::seconds(60);
    std::chrono::nanoseconds token_life = std::chrono::hours(1);  // renewed after three quarters
    std::chrono::nanoseconds backoff_first = std::chrono::seconds(1);
    std::chrono::nanoseconds backoff_most = std::chrono::minutes(1);
    // After a token ran out of its time, the messages in flight may still be acknowledged for so
    // long before the connection is renewed.
    std::chrono::nanoseconds renewal_grace = std::chrono::seconds(5);
    std::function<base::WallTime()> wall_now = base::wall_now;
  };
  struct Callbacks {
    // The next message to send; nullopt: nothing now (call pump() when there is).
    std::function<std::optional<Message>()> next;
    // The hub has it.
    std::function<void(const Message&)> acknowledged;
  };

  // Errors: as os::TlsClient::create; Malformed (the key).
  static base::Result<std::unique_ptr<Session>> create(os::Loop& loop, Options options,
                                                       Callbacks callbacks);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start();
  // Ends the connection properly. What is in flight stays so, for start() to send again.
  void stop();
  // There may be something to send.
  void pump();
  // May a message be sent right now?
  bool ready() const;

  SessionStats stats() const;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace uplink
