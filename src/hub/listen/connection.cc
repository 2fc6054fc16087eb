#include "hub/listen/connection.h"

#include "base/log.h"
#include "hub/listen/worker.h"

namespace hub::listen {

using operations::Reason;
using os::Loop;
using Next = MqttSession::Next;
using Status = TlsSocket::Status;

namespace {

constexpr std::size_t kHandshakePacketBytes = 16 * 1024;
// Reads of one turn; then others get theirs.
constexpr int kReadsPerTurn = 64;
// What a peer may leave unread before we stop reading from it.
constexpr std::size_t kMaxUnsent = 64 * 1024;
// How long the peer has to take our last words.
constexpr std::chrono::seconds kLinger{1};

}  // namespace

Connection::Connection(Service& service, Worker& worker, std::uint32_t id, const TlsServer& tls,
                       os::Fd socket, std::string ip)
    : service_(service),
      worker_(worker),
      id_(id),
      tls_(tls, std::move(socket)),
      ip_(std::move(ip)),
      deadline_(service.options.mono_now() + service.options.login_timeout),
      stream_(kHandshakePacketBytes) {}

Connection::~Connection() {
  if (interest_ != 0) worker_.loop().unwatch(tls_.fd());
  no_longer_pending();
}

void Connection::no_longer_pending() {
  if (pending_login_) service_.pending_logins.fetch_sub(1);
  pending_login_ = false;
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
      LOG_ERROR("mqtt.watch").field("error", watched.error().to_string());
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
    return drop(Reason::PeerClosed);
  }
  phase_ = Phase::Open;
  Transport transport;
  transport.ip = ip_;
  transport.tls_version = tls_.version();
  transport.tls_cipher = tls_.cipher();
  session_.emplace(service_, worker_, id_, std::move(transport));
  // The first packet may have come along with the end of the handshake.
  read_some();
}

bool Connection::may_read() const {
  return session_->wants_more() && unsent() <= kMaxUnsent;
}

// False: the turn is over, as there is no room or the session has ended.
bool Connection::take_packets() {
  for (;;) {
    if (!may_read()) {
      paused_ = true;
      return false;
    }
    const auto packet = stream_.next();
    if (!packet) {
      session_->violated(packet.error());
      close(session_->reason());
      return false;
    }
    if (!packet->has_value()) return true;
    const Next next = session_->take(**packet);
    if (next == Next::Close) {
      close(session_->reason());
      return false;
    }
    if (next == Next::Hold) {
      stream_.unread();
      service_.counters.paused.add();
      paused_ = true;
      waits_for_room_ = true;
      worker_.wait_for_room(id_);
      return false;
    }
    if (pending_login_ && session_->logged_in()) {
      no_longer_pending();
      stream_.set_max_packet_bytes(session_->max_packet_bytes());
    }
  }
}

void Connection::read_some() {
  bool drained = false;
  for (int round = 0; round < kReadsPerTurn; ++round) {
    if (!take_packets()) break;
    // What the socket holds beyond that is reported again; asking it would cost a call each time.
    if (drained) {
      stream_.release();
      return flush();
    }
    const TlsSocket::Moved moved = tls_.read(stream_.room());
    if (moved.status == Status::Done) {
      session_->heard();
      stream_.filled(moved.bytes);
      drained = !tls_.holds_input();
      continue;
    }
    if (moved.status == Status::WantRead) {
      stream_.release();
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

void Connection::settled(const Outcome& outcome) {
  if (phase_ != Phase::Open) return;
  if (session_->settled(outcome) == Next::Close) close(session_->reason());
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
    if (out.capacity() > wire::mqtt::Stream::kReadBytes) out = {};
    out.clear();
    sent_ = 0;
  }
  update_interest();
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
    return drop(Reason::LoginTimeout);
  }
  if (phase_ == Phase::Open && session_->tick() == Next::Close) close(session_->reason());
}

void Connection::stop_reading() {
  reading_stopped_ = true;
  if (phase_ == Phase::Open) update_interest();
}

}  // namespace hub::listen
