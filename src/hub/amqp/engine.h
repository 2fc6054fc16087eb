#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <proton/connection.h>
#include <proton/event.h>
#include <proton/transport.h>

#include "base/bytes.h"
#include "base/time.h"
#include "hub/amqp/options.h"

namespace hub::amqp {

// Who judges what a client offers in the SASL layer. Each answers whether it may go on.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual bool anonymous() = 0;  // tokens or a certificate come later
  virtual bool plain(std::string_view user, std::string_view password) = 0;
  virtual bool external() = 0;
};

// qpid-proton's protocol engine, without its I/O: bytes go in, events and bytes come out. A client
// may leave the SASL layer out. Threads: one at a time.
class Engine {
 public:
  // `authenticator` must outlive it.
  Engine(Authenticator& authenticator, const EngineLimits& limits);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Where input goes: at least one byte.
  std::span<std::uint8_t> room();
  void filled(std::size_t count);
  // The next thing that happened; nullptr when there is none. It ends with the next call.
  pn_event_t* next_event();
  // Appends what is to be sent.
  void output(base::ByteVec& out);
  // Idle timeouts, on both sides.
  void tick(base::MonoTime now);
  // Nothing more will come out of it than what output() gives now.
  void finish();

  pn_connection_t* connection() const { return connection_.get(); }
  pn_transport_t* transport() const { return transport_.get(); }

 private:
  struct Free {
    void operator()(pn_transport_t* transport) const { pn_transport_free(transport); }
    void operator()(pn_connection_t* connection) const { pn_connection_free(connection); }
    void operator()(pn_collector_t* collector) const { pn_collector_free(collector); }
  };
  // In the order in which proton wants them to go: last to first.
  std::unique_ptr<pn_collector_t, Free> collector_;
  std::unique_ptr<pn_connection_t, Free> connection_;
  std::unique_ptr<pn_transport_t, Free> transport_;
  std::uint8_t nowhere_[64];  // for input that nobody reads any more
  bool dropped_ = false;
};

}  // namespace hub::amqp
