#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/counter.h"
#include "base/result.h"
#include "hub/identity/registry.h"
#include "hub/listen/sink.h"
#include "hub/operations/operations.h"

// Devices' connections: MQTT 3.1.1 over TLS.
namespace hub::listen {

struct Options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8883;     // 0: any free one
  std::string certificate_file;  // PEM, the chain
  std::string key_file;          // PEM
  unsigned threads = 0;          // 0: one for each processor
  std::size_t max_connections = 20'000;
  std::size_t max_pending_logins = 2'000;           // connections without a CONNECT yet
  std::chrono::milliseconds login_timeout{10'000};  // from accept to the end of CONNECT
  std::size_t max_message_bytes = 256 * 1024;       // topic and payload
  std::size_t max_subscriptions = 5;
  std::size_t max_unacknowledged = 4'096;  // messages of one connection on their way to the journal
  std::size_t max_unacknowledged_bytes = 4U << 20U;  // the same, in bytes
  std::chrono::seconds max_silence{1'767};           // also where a client asks for no keep-alive
  std::chrono::milliseconds tick{500};  // how often timeouts and expiries are looked at
  // Time as a parameter, for tests. Tokens expire by the wall clock; everything else goes by the
  // steady one, so that a step of the wall clock cuts nobody off who holds a valid token.
  std::function<base::WallTime()> wall_now = base::wall_now;
  std::function<base::MonoTime()> mono_now = base::mono_now;
};

// Since start; read by the API.
struct Counters {
  base::Counter accepted;       // TCP connections
  base::Counter refused_limit;  // closed at once: too many connections or pending logins
  base::Counter tls_failed;     // handshakes that failed
  base::Counter login_timeouts;
  base::Counter logins;          // CONNACK 0
  base::Counter logins_refused;  // CONNACK 1 to 5; reasons: operations
  base::Counter taken_over;      // older connections of the same identity, cut
  base::Counter token_expired;   // cut in mid-session
  base::Counter keep_alive_expired;
  base::Counter malformed;      // connections cut for a violation of MQTT
  base::Counter oversize;       // connections cut for a message above the limit
  base::Counter qos2;           // connections cut for a QoS 2 publish
  base::Counter unknown_topic;  // connections cut for a topic that is not served
  base::Counter too_many_subscriptions;
  base::Counter messages;           // device-to-cloud messages taken
  base::Counter security_messages;  // of these
  base::Counter message_bytes;      // topic and payload
  base::Counter pubacks;
  base::Counter not_durable;    // messages that the sink could not store; their connections are cut
  base::Counter paused;         // times that reading stopped because the sink had no room
  base::Counter wills;          // messages sent for those who went without a DISCONNECT
  base::Counter wills_dropped;  // the sink had no room for them
  base::Counter twin_requests;  // answered 501: twins are not served yet
};

// Serves MQTT from start() to stop().
//
// A PUBACK goes out only after the sink said durable. One connection per identity: the newer wins.
// When the sink has no room, reading stops and TCP slows the sender down.
// `registry`, `operations` and `sink` must outlive the listener. No Done of a message that the sink
// took may be called after the listener is gone. Threads: any.
class Listener {
 public:
  // Binds, and answers nobody yet. Errors: Conflict (the port is in use; the detail says what to
  // do), Io, Denied, Invalid (address, certificate or key).
  static base::Result<std::unique_ptr<Listener>> create(Options options,
                                                        identity::Registry& registry,
                                                        operations::Operations& operations,
                                                        Sink& sink);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Once.
  void start();

  std::uint16_t port() const;
  std::string endpoint() const;  // 127.0.0.1:8883, [::1]:8883
  std::size_t connections() const;
  const Counters& counters() const;

  // Cuts the connection of an identity, if it has one. The registry's changes do that by
  // themselves.
  void disconnect(const identity::Name& name, operations::Reason reason);

  // Accepts nothing more, reads nothing more. What was taken can still be acknowledged.
  void stop_reading();
  // Acknowledges what became durable, closes every connection and joins the threads. Idempotent.
  void stop();

 private:
  struct State;
  explicit Listener(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace hub::listen
