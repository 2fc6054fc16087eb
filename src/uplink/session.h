#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "os/loop.h"
#include "uplink/identity.h"
#include "uplink/link.h"
#include "uplink/twin_client.h"

namespace uplink {

// An MQTT 3.1.1 client over TLS that keeps one connection to the hub and publishes, at QoS 1, what
// its owner has. Reconnects for ever, with exponential backoff and full jitter; sends again, with
// DUP and in order, what was not acknowledged. Renews its token before it expires by connecting
// anew. A hub that stops acknowledging is left after `ack_timeout`.
//
// Where the identity is a device's that stands for its module, the module's key is asked for first,
// and again when the hub refuses it: keys may be rotated.
//
// Keeps the identity's twin as well, where its owner asks for it (Callbacks::desired).
//
// Time comes from the loop (monotonic); the wall clock only dates tokens, so that its stepping in
// either direction costs a reconnect at most. Threads: loop only.
class Session : public Link {
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
    TwinClient::Options twin;
  };
  // Errors: as os::TlsClient::create, check_identity.
  static base::Result<std::unique_ptr<Session>> create(os::Loop& loop, Options options,
                                                       Callbacks callbacks);
  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() override;
  void stop() override;
  void pump() override;
  bool ready() const override;
  base::Result<void> report(std::string_view json) override;
  SessionStats stats() const override;

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace uplink
