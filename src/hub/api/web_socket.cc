#include "hub/api/web_socket.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include "base/log.h"

namespace hub::api {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using link::Session;
using operations::Reason;
using Next = Session::Next;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kInputBytes = 8 * 1024;
// A peer must take what it is sent, or answer a goodbye, within these times.
constexpr std::chrono::seconds kProgress{30};
constexpr std::chrono::seconds kGoodbye{2};

void log_failure(const std::exception_ptr& failure) {
  if (failure) {
    LOG_ERROR("api.web_socket_failed");
  }
}

}  // namespace

void WebSockets::cut(std::uint32_t connection, Reason reason) {
  if (const auto found = find(connection)) found->cut(reason);
}

void WebSockets::report(const link::Outcome& outcome) {
  if (const auto found = find(outcome.connection)) found->report(outcome);
}

void WebSockets::deliver(std::uint32_t connection, link::Delivery delivery) {
  if (const auto found = find(connection)) found->deliver(std::move(delivery));
}

std::shared_ptr<WebSocket> WebSockets::find(std::uint32_t connection) {
  const std::lock_guard lock(mutex_);
  const auto found = sockets_.find(connection);
  return found == sockets_.end() ? nullptr : found->second.lock();
}

std::uint32_t WebSockets::add(std::weak_ptr<WebSocket> socket) {
  const std::lock_guard lock(mutex_);
  do {
    ++last_;
  } while (last_ == 0 || sockets_.contains(last_));
  sockets_.emplace(last_, std::move(socket));
  return last_;
}

void WebSockets::remove(std::uint32_t connection) {
  const std::lock_guard lock(mutex_);
  sockets_.erase(connection);
}

WebSocket::WebSocket(Stream& stream, link::Service& service, WebSockets& host,
                     std::shared_ptr<const void> connection, link::AddressPlaces::Place place)
    : socket_(stream),
      service_(service),
      host_(host),
      connection_(std::move(connection)),
      wake_(stream.get_executor()),
      clock_(stream.get_executor()),
      place_(std::move(place)) {}

asio::awaitable<void> WebSocket::run(Upgrade upgrade, SocketProtocol protocol,
                                     link::Transport transport) {
  const bool opened = co_await open(upgrade, protocol);
  if (!opened) co_return;
  input_.resize(kInputBytes);
  id_ = host_.add(weak_from_this());
  service_.connections.fetch_add(1);
  service_.pending_logins.fetch_add(1);
  pending_login_ = true;
  login_deadline_ = service_.options.mono_now() + service_.options.login_timeout;
  transport.protocol = protocol.name;
  session_ = protocol.make_session(service_, host_, id_, std::move(transport));
  asio::co_spawn(
      socket_.get_executor(), [self = shared_from_this()] { return self->watch_clock(); },
      log_failure);
  co_await read();
  while (writing_)
    co_await pause();
  done_ = true;
  clock_.cancel();
  host_.remove(id_);
  service_.connections.fetch_sub(1);
}

asio::awaitable<bool> WebSocket::open(const Upgrade& upgrade, const SocketProtocol& protocol) {
  // The web socket's own timeouts take over.
  beast::get_lowest_layer(socket_).expires_never();
  socket_.set_option(
      websocket::stream_base::timeout{kGoodbye, websocket::stream_base::none(), false});
  socket_.set_option(websocket::stream_base::decorator(
      [name = protocol.subprotocol](websocket::response_type& response) {
        response.set("Server", "vedette");
        response.set("Sec-WebSocket-Protocol", name);
      }));
  socket_.binary(true);
  // Sessions have limits of their own, and read a message in pieces.
  socket_.read_message_max(0);
  const auto [failed] = co_await socket_.async_accept(upgrade, kAwait);
  co_return !failed;
}

std::size_t WebSocket::unsent() {
  return session_->out().size() + sending_.size();
}

bool WebSocket::may_read() {
  return !stopping_ && !waits_for_room_ && session_->wants_more() && unsent() <= link::kMaxUnsent;
}

asio::awaitable<void> WebSocket::pause() {
  wake_.expires_at(asio::steady_timer::time_point::max());
  co_await wake_.async_wait(kAwait);
}

asio::awaitable<void> WebSocket::read() {
  while (!ended_) {
    if (!may_read()) {
      flush();
      co_await pause();
    } else if (take(session_->take())) {
      const bool filled = co_await fill();
      if (!filled) close(Reason::PeerClosed);
    }
  }
}

// True: more input is needed.
bool WebSocket::take(Next next) {
  if (pending_login_ && session_->logged_in()) no_longer_pending();
  if (next == Next::Hold) wait_for_room();
  if (next == Next::Close) close(session_->reason());
  if (next != Next::Starved) return false;
  flush();
  session_->release();
  return true;
}

// False: there is no more.
asio::awaitable<bool> WebSocket::fill() {
  const auto [failed, count] = co_await socket_.async_read_some(asio::buffer(input_), kAwait);
  if (failed || ended_) co_return false;
  if (!socket_.got_binary()) co_return false;
  for (std::size_t taken = 0; taken < count;) {
    const auto room = session_->room();
    const std::size_t piece = std::min(room.size(), count - taken);
    std::copy_n(input_.begin() + static_cast<std::ptrdiff_t>(taken), piece, room.begin());
    session_->filled(piece);
    taken += piece;
    // What is left must be taken before there is room for the rest.
    while (taken < count && !ended_) {
      if (!may_read()) {
        flush();
        co_await pause();
      } else if (take(session_->take())) {
        break;
      }
    }
    if (ended_) co_return false;
  }
  co_return true;
}

void WebSocket::wait_for_room() {
  service_.counters.paused.add();
  waits_for_room_ = true;
  service_.sink.on_room([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->on_strand([](WebSocket& socket) {
      socket.waits_for_room_ = false;
      socket.wake_.cancel();
    });
  });
}

void WebSocket::flush() {
  if (writing_ || broken_ || (session_->out().empty() && !ended_)) return;
  writing_ = true;
  asio::co_spawn(
      socket_.get_executor(), [self = shared_from_this()] { return self->write(); }, log_failure);
}

asio::awaitable<void> WebSocket::write() {
  while (!broken_ && !session_->out().empty()) {
    sending_.swap(session_->out());
    write_deadline_ = service_.options.mono_now() + kProgress;
    const auto [failed, count] = co_await socket_.async_write(asio::buffer(sending_), kAwait);
    broken_ = broken_ || failed;
    sending_.clear();
    sending_.shrink_to_fit();
    wake_.cancel();
  }
  if (broken_) close(Reason::PeerClosed);
  if (ended_ && !broken_) {
    write_deadline_ = service_.options.mono_now() + kProgress;
    broken_ = true;
    co_await socket_.async_close(websocket::close_code::normal, kAwait);
  }
  writing_ = false;
  wake_.cancel();
}

void WebSocket::no_longer_pending() {
  if (!std::exchange(pending_login_, false)) return;
  service_.pending_logins.fetch_sub(1);
  place_ = {};
}

void WebSocket::close(Reason reason) {
  if (std::exchange(ended_, true)) return;
  no_longer_pending();
  session_->end(reason);
  wake_.cancel();
  flush();
}

void WebSocket::abort() {
  broken_ = true;
  beast::get_lowest_layer(socket_).close();
}

asio::awaitable<void> WebSocket::watch_clock() {
  while (!done_) {
    clock_.expires_after(service_.options.tick);
    co_await clock_.async_wait(kAwait);
    if (!done_) look_at_clock();
  }
}

void WebSocket::look_at_clock() {
  const base::MonoTime now = service_.options.mono_now();
  if (writing_ && now >= write_deadline_) abort();
  if (ended_) return;
  if (pending_login_ && now >= login_deadline_) {
    service_.counters.login_timeouts.add();
    return close(Reason::LoginTimeout);
  }
  if (session_->tick() == Next::Close) return close(session_->reason());
  flush();
  wake_.cancel();  // what held it back may be over
}

// Runs task(*this) on the strand, soon.
template <class Task>
void WebSocket::on_strand(Task task) {
  asio::post(socket_.get_executor(),
             [self = shared_from_this(), task = std::move(task)]() mutable { task(*self); });
}

void WebSocket::stop() {
  stopping_ = true;
  if (!session_ || ended_) return;
  if (!session_->busy()) close(Reason::Stopping);
}

void WebSocket::cut(Reason reason) {
  on_strand([reason](WebSocket& socket) {
    if (socket.ended_) return;
    if (reason == Reason::TakenOver) socket.service_.counters.taken_over.add();
    socket.close(reason);
  });
}

void WebSocket::deliver(link::Delivery delivery) {
  on_strand([delivery = std::move(delivery)](WebSocket& socket) {
    if (socket.ended_) return;
    if (socket.unsent() > link::kMaxUntaken) {
      socket.session_->refuses_to_take();
    } else {
      socket.session_->deliver(delivery);
    }
    if (socket.session_->reason() != Reason::None) return socket.close(socket.session_->reason());
    socket.flush();
    socket.wake_.cancel();
  });
}

void WebSocket::report(const link::Outcome& outcome) {
  bool first = false;
  {
    const std::lock_guard lock(outcomes_mutex_);
    first = outcomes_.empty();
    outcomes_.push_back(outcome);
  }
  if (first) on_strand([](WebSocket& socket) { socket.settle(); });
}

// A batch of outcomes becomes one message.
void WebSocket::settle() {
  std::vector<link::Outcome> outcomes;
  {
    const std::lock_guard lock(outcomes_mutex_);
    outcomes.swap(outcomes_);
  }
  for (const link::Outcome& outcome : outcomes) {
    if (ended_) return;
    if (session_->settled(outcome) == Next::Close) return close(session_->reason());
  }
  if (stopping_ && !ended_ && !session_->busy()) return close(Reason::Stopping);
  flush();
  wake_.cancel();
}

}  // namespace hub::api
