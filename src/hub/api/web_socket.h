#pragma once

// Private to the server: includes Beast.

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "hub/api/server.h"
#include "hub/api/web_sockets.h"
#include "hub/link/places.h"
#include "hub/link/session.h"

namespace hub::api {

// Where devices that may use no other port than HTTPS's connect.
inline constexpr std::string_view kWebSocketPath = "/$iothub/websocket";

// A device's session in a web socket: messages are only pieces of the stream of bytes.
// Threads: the strand of its stream, where nothing else is said.
class WebSocket : public std::enable_shared_from_this<WebSocket> {
 public:
  using Stream = boost::beast::ssl_stream<boost::beast::tcp_stream>;
  using Upgrade = boost::beast::http::request<boost::beast::http::string_body>;

  // `stream`, `service` and `host` must outlive it; `connection` is kept as long as it runs,
  // `place` until somebody has logged in.
  WebSocket(Stream& stream, link::Service& service, WebSockets& host,
            std::shared_ptr<const void> connection, link::AddressPlaces::Place place);

  // Serves from the upgrade to the end. Once.
  boost::asio::awaitable<void> run(Upgrade upgrade, SocketProtocol protocol,
                                   link::Transport transport);
  // Reads nothing more; ends when what was taken is acknowledged.
  void stop();

  // As link::Host's. Threads: any.
  void cut(operations::Reason reason);
  void report(const link::Outcome& outcome);
  void deliver(link::Delivery delivery);

 private:
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;

  Awaitable<bool> open(const Upgrade& upgrade, const SocketProtocol& protocol);
  Awaitable<void> read();
  bool take(link::Session::Next next);
  Awaitable<bool> fill();
  Awaitable<void> pause();
  Awaitable<void> write();
  Awaitable<void> watch_clock();
  void look_at_clock();
  void settle();
  void flush();
  void wait_for_room();
  bool may_read();
  std::size_t unsent();
  void close(operations::Reason reason);
  void no_longer_pending();
  void abort();
  template <class Task>
  void on_strand(Task task);

  boost::beast::websocket::stream<Stream&> socket_;
  link::Service& service_;
  WebSockets& host_;
  std::shared_ptr<const void> connection_;
  std::uint32_t id_ = 0;
  std::unique_ptr<link::Session> session_;
  boost::asio::steady_timer wake_;   // of read()
  boost::asio::steady_timer clock_;  // of watch_clock()
  std::vector<std::uint8_t> input_;
  base::ByteVec sending_;
  base::MonoTime login_deadline_;
  base::MonoTime write_deadline_;
  bool pending_login_ = false;
  link::AddressPlaces::Place place_;  // while it is
  bool waits_for_room_ = false;
  bool writing_ = false;
  bool stopping_ = false;
  bool ended_ = false;   // the session has
  bool broken_ = false;  // nothing can be sent any more
  bool done_ = false;

  std::mutex outcomes_mutex_;
  std::vector<link::Outcome> outcomes_;  // guarded by outcomes_mutex_
};

}  // namespace hub::api
