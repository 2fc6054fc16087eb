#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/time.h"
#include "hub/link/places.h"
#include "hub/link/session.h"
#include "hub/listen/listener.h"
#include "hub/listen/tls.h"
#include "os/loop.h"

namespace hub::listen {

class Worker;

// A socket that was let in.
struct Accepted {
  os::Fd socket;
  std::string ip;
  link::AddressPlaces::Place place;
};

// One TCP connection: handshake, session, goodbye. Holds no buffer while it is idle.
// When it is over it says so to its worker, which destroys it afterwards. Threads: its worker's.
class Connection {
 public:
  Connection(link::Service& service, Worker& worker, std::uint32_t id, const TlsServer& tls,
             const Protocol& protocol, Accepted accepted);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();
  // The worker ends it, gracefully.
  void cut(operations::Reason reason);
  // Call flush() afterwards, once for a batch of outcomes.
  void settled(const link::Outcome& outcome);
  void flush();
  void deliver(const link::Delivery& delivery);
  // The sink may have room again.
  void room();
  // What made it pause may be over, other than for want of room.
  void unpause();
  // More may have come than one turn allowed to read.
  void take_turn();
  void tick(base::MonoTime now);
  void stop_reading();

 private:
  enum class Phase : std::uint8_t { Handshake, Open, Lingering, Gone };

  void on_ready(std::uint32_t ready);
  void shake_hands();
  void read_some();
  bool take_input();
  bool may_read() const;
  void close(operations::Reason reason);
  void drop(operations::Reason reason);
  void end_session(operations::Reason reason);
  // Records that it ended before anybody logged in.
  void record_stranger(operations::Reason reason, int status_code, const std::string& detail);
  void open_session();
  void no_longer_pending();
  void update_interest();
  std::size_t unsent() const;

  link::Service& service_;
  Worker& worker_;
  std::uint32_t id_;
  const Protocol& protocol_;
  TlsSocket tls_;
  std::string ip_;
  base::MonoTime deadline_;  // of the login, then of lingering
  Phase phase_ = Phase::Handshake;
  bool pending_login_ = true;
  link::AddressPlaces::Place place_;  // while it is
  bool paused_ = false;               // there may be something to take, and no room for it
  bool waits_for_room_ = false;       // in the sink
  bool reading_stopped_ = false;
  bool wants_write_ = false;
  std::uint32_t interest_ = 0;  // what the loop watches
  std::unique_ptr<link::Session> session_;
  std::size_t sent_ = 0;  // of session_->out()
};

}  // namespace hub::listen
