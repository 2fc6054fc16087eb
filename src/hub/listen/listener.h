#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "hub/identity/certificate.h"
#include "hub/link/service.h"
#include "hub/link/session.h"
#include "hub/operations/operations.h"

// Devices' connections over TLS, whatever they speak there.
namespace hub::listen {

// What is spoken at a port.
struct Protocol {
  operations::Protocol name = operations::Protocol::Mqtt;
  link::SessionFactory make_session;
};

struct Port {
  std::uint16_t port = 0;  // 0: any free one
  Protocol protocol;
  std::string setting = "--mqtt-port or listen.mqtt_port";  // where to choose another, for people
};

struct Options {
  std::string address = "127.0.0.1";
  std::vector<Port> ports;
  std::string certificate_file;  // PEM, the chain
  identity::TlsRules tls;
  std::string key_file;  // PEM
  unsigned threads = 0;  // 0: one for each processor
};

// Serves its ports from start() to stop().
//
// When the sink has no room, reading stops and TCP slows the sender down.
// `service` must outlive the listener. No Done of a message that the sink took, or of a request
// that the twins took, may be called after the listener is gone: stop those first. Threads: any.
class Listener {
 public:
  // Binds, and answers nobody yet. Errors: Conflict (a port is in use; the detail says what to
  // do), Io, Denied, Invalid (address, certificate or key).
  static base::Result<std::unique_ptr<Listener>> create(Options options, link::Service& service);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // Once.
  void start();

  // Of the port that stands there in the options.
  std::uint16_t port(std::size_t index = 0) const;
  std::string endpoint(std::size_t index = 0) const;  // 127.0.0.1:8883, [::1]:8883

  // Accepts nothing more, reads nothing more. What was taken can still be acknowledged.
  void stop_reading();
  // Acknowledges what became durable, closes every connection and joins the threads. Idempotent.
  void stop();

 private:
  struct State;
  explicit Listener(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hub::listen
