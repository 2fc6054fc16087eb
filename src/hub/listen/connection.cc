#include "hub/listen/connection.h"

#include <utility>

#include "base/log.h"
#include "hub/listen/worker.h"

namespace hub::listen {

using operations::Reason;
using os::Loop;
using Next = link::Session::Next;
using Status = TlsSocket::Status;

namespace {

// Reads of one turn; then others get theirs.
constexpr int kReadsPerTurn = 64;
// An idle connection keeps no more than that of what it sent last.
constexpr std::size_t kKeptCapacity = 4096;
// How long the peer has to take our last words.
constexpr std::chrono::seconds kLinger{1};

}  // namespace

Connection::Connection(link::Service& service, Worker& worker, std::uint32_t id,
                       const TlsServer& tls, const Protocol& protocol, Accepted accepted)
    : service_(service),
      worker_(worker),
      id_(id),
      protocol_(protocol),
      tls_(tls, std::move(accepted.socket)),
      ip_(std::move(accepted.ip)),
      deadline_(service.options.mono_now() + service.options.login_timeout),
      place_(std::move(accepted.place)) {}

Connection::~Connection() {
  if (interest_ != 0) worker_.loop().unwatch(tls_.fd());
  no_longer_pending();
}

void Connection::no_longer_pending() {
  if (!std::exchange(pending_login_, false)) return;
  service_.pending_logins.fetch_sub(1);
  place_ = {};
}

void Connection::start() {
  shake_hands();
}

std::size_t Connection::unsent() const {
  return session_ ? session_->out().size() - sent_ : 0;
}

void Connection::update_interest() {
  std::uint32_t wanted = 0;
  if (phase_ == Phase::Lingering) wanted = Loop::kReadable;
  if (phase_ == Phase::Handshake) wanted = wants_write_ ? Loop::kWritable : Loop::kReadable;
  if (phase_ == Phase::Open) {
    wanted =
        (paused_ || reading_stopped_ ? 0 : Loop::kReadable) | (wants_write_ ? Loop::kWritable : 0);
  }
  if (wanted == interest_) return;
  Loop& loop = worker_.loop();
  // Nothing wanted means not watched: a hang-up would be reported over and over.
  if (wanted == 0) {
    loop.unwatch(tls_.fd());
  } else if (interest_ == 0) {
    const auto watched =
        loop.watch(tls_.fd(), wanted, [this](std::uint32_t ready) { on_ready(ready); });
    if (!watched) {
      LOG_ERROR("listen.watch").field("error", watched.error().to_string());
      interest_ = 0;
      return drop(Reason::Limit);
    }
  } else if (!loop.change(tls_.fd(), wanted)) {
    return drop(Reason::Limit);
  }
  interest_ = wanted;
}

void Connection::on_ready(std::uint32_t ready) {
  switch (phase_) {
    case Phase::Handshake:
      return shake_hands();
    case Phase::Open:
      if (wants_write_ && (ready & Loop::kWritable) != 0) {
        flush();
        unpause();
      }
      if ((ready & Loop::kReadable) != 0) take_turn();
      return;
    case Phase::Lingering:
      if (!tls_.discard()) drop(Reason::PeerClosed);
      return;
    case Phase::Gone:
      return;
  }
}

void Connection::shake_hands() {
  const Status status = tls_.handshake();
  wants_write_ = status == Status::WantWrite;
  if (status == Status::WantRead || status == Status::WantWrite) return update_interest();
  if (status != Status::Done) {
    service_.counters.tls_failed.add();
    LOG_INFO("tls.handshake_failed").field("ip", ip_).field("error", tls_.failure());
    record_stranger(Reason::TlsHandshake, 400, tls_.failure());
    return drop(Reason::PeerClosed);
  }
  open_session();
  // The first packet may have come along with the end of the handshake.
  read_some();
}

void Connection::open_session() {
  phase_ = Phase::Open;
  link::Transport transport;
  transport.protocol = protocol_.name;
  transport.ip = ip_;
  transport.tls_version = tls_.version();
  transport.tls_cipher = tls_.cipher();
  identity::ClientCertificate certificate;
  const auto shown = identity::read_certificate(tls_.native(), certificate);
  if (shown && *shown) transport.certificate = std::move(certificate);
  if (!shown) {
    LOG_INFO("tls.client_certificate").field("ip", ip_).field("error", shown.error().to_string());
  }
  session_ = protocol_.make_session(service_, worker_, id_, std::move(transport));
}

bool Connection::may_read() const {
  return session_->wants_more() && unsent() <= link::kMaxUnsent;
}

// False: the turn is over, as there is no room or the session has ended.
bool Connection::take_input() {
  for (;;) {
    if (!may_read()) {
      paused_ = true;
      return false;
    }
    const Next next = session_->take();
    if (pending_login_ && session_->logged_in()) no_longer_pending();
    switch (next) {
      case Next::Continue:
        continue;
      case Next::Starved:
        return true;
      case Next::Hold:
        service_.counters.paused.add();
        paused_ = true;
        waits_for_room_ = true;
        worker_.wait_for_room(id_);
        return false;
      case Next::Close:
        close(session_->reason());
        return false;
    }
  }
}

void Connection::read_some() {
  bool drained = false;
  for (int round = 0; round < kReadsPerTurn; ++round) {
    if (!take_input()) break;
    // What the socket holds beyond that is reported again; asking it would cost a call each time.
    if (drained) {
      session_->release();
      return flush();
    }
    const TlsSocket::Moved moved = tls_.read(session_->room());
    if (moved.status == Status::Done) {
      session_->filled(moved.bytes);
      drained = !tls_.holds_input();
      continue;
    }
    if (moved.status == Status::WantRead) {
      session_->release();
      return flush();
    }
    // WantWrite cannot be: there is no renegotiation.
    return drop(Reason::PeerClosed);
  }
  if (phase_ != Phase::Open) return;
  if (!paused_) worker_.come_again(id_);
  flush();
}

void Connection::room() {
  waits_for_room_ = false;
  unpause();
}

void Connection::unpause() {
  if (phase_ != Phase::Open || !paused_ || waits_for_room_ || reading_stopped_ || !may_read())
    return;
  paused_ = false;
  read_some();
}

void Connection::take_turn() {
  if (phase_ == Phase::Open && !paused_ && !reading_stopped_) read_some();
}

void Connection::settled(const link::Outcome& outcome) {
  if (phase_ != Phase::Open) return;
  if (session_->settled(outcome) == Next::Close) close(session_->reason());
}

void Connection::deliver(const link::Delivery& delivery) {
  if (phase_ != Phase::Open) return;
  if (unsent() > link::kMaxUntaken) {
    session_->refuses_to_take();
  } else {
    session_->deliver(delivery);
  }
  if (session_->reason() != Reason::None) return close(session_->reason());
  flush();
  unpause();
}

void Connection::flush() {
  if (phase_ != Phase::Open) return;
  base::ByteVec& out = session_->out();
  wants_write_ = false;
  while (sent_ < out.size()) {
    const TlsSocket::Moved moved = tls_.write(base::ByteView(out).subspan(sent_));
    if (moved.status == Status::Done) {
      sent_ += moved.bytes;
      continue;
    }
    if (moved.status != Status::WantWrite && moved.status != Status::WantRead)
      return drop(Reason::PeerClosed);
    wants_write_ = true;
    break;
  }
  if (sent_ == out.size()) {
    // An idle connection keeps no buffer.
    out.clear();
    if (out.capacity() > kKeptCapacity) out.shrink_to_fit();
    sent_ = 0;
  }
  update_interest();
}

void Connection::record_stranger(Reason reason, int status_code, const std::string& detail) {
  operations::Record record;
  record.time = service_.options.wall_now();
  record.operation = "deviceConnect";
  record.status_code = status_code;
  record.level = operations::Level::Error;
  record.protocol = protocol_.name;
  record.reason = reason;
  record.detail = detail;
  record.ip = ip_;
  if (session_) {
    record.tls_version = tls_.version();
    record.tls_cipher = tls_.cipher();
  }
  record.duration = std::chrono::duration_cast<std::chrono::milliseconds>(
      service_.options.mono_now() - (deadline_ - service_.options.login_timeout));
  service_.operations.record(std::move(record));
}

void Connection::end_session(Reason reason) {
  no_longer_pending();
  if (!session_) return;
  session_->end(reason);
}

void Connection::close(Reason reason) {
  if (phase_ != Phase::Open) return drop(reason);
  flush();
  if (phase_ != Phase::Open) return;
  end_session(reason);
  tls_.finish();
  phase_ = Phase::Lingering;
  deadline_ = service_.options.mono_now() + kLinger;
  update_interest();
}

void Connection::drop(Reason reason) {
  if (phase_ == Phase::Gone) return;
  const bool session_lives = phase_ == Phase::Open;
  phase_ = Phase::Gone;
  if (session_lives) {
    end_session(reason);
  } else {
    no_longer_pending();
  }
  if (interest_ != 0) worker_.loop().unwatch(tls_.fd());
  interest_ = 0;
  worker_.finished(id_);
}

void Connection::cut(Reason reason) {
  if (reason == Reason::TakenOver && phase_ == Phase::Open) service_.counters.taken_over.add();
  if (phase_ == Phase::Open) return close(reason);
  if (phase_ == Phase::Handshake) drop(reason);
}

void Connection::tick(base::MonoTime now) {
  const bool late = now >= deadline_;
  if (phase_ == Phase::Lingering && late) return drop(Reason::PeerClosed);
  if (pending_login_ && late && phase_ != Phase::Gone) {
    service_.counters.login_timeouts.add();
    record_stranger(Reason::LoginTimeout, 408,
                    phase_ == Phase::Handshake ? "in the TLS handshake" : "no login came");
    return drop(Reason::LoginTimeout);
  }
  if (phase_ == Phase::Open && session_->tick() == Next::Close) return close(session_->reason());
  // One that was too fast may go on.
  unpause();
}

void Connection::stop_reading() {
  reading_stopped_ = true;
  if (phase_ == Phase::Open) update_interest();
}

}  // namespace hub::listen
