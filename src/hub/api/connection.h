#pragma once

// Private to the server: includes Beast.

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include "hub/api/api.h"
#include "hub/api/workers.h"

namespace hub::api {

class Connection;

// What all connections of a server share.
struct Shared {
  Services services;
  std::unique_ptr<Workers> request_workers;
  std::unique_ptr<Workers> query_workers;
  boost::asio::ssl::context tls{boost::asio::ssl::context::tls_server};

  std::mutex mutex;  // guards the two below
  std::unordered_map<Connection*, std::weak_ptr<Connection>> connections;
  std::condition_variable empty;  // signalled when the last connection is gone
};

// One HTTPS connection: TLS, then request and answer in turn until one side has enough.
// Runs on the strand of its socket; owns itself while it runs.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket socket, Shared& shared);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void start();
  // Ends it after the request that is being answered; ends a query. Threads: any.
  void stop();

 private:
  template <class T>
  using Awaitable = boost::asio::awaitable<T>;
  enum class Next : bool { Close, Continue };

  // A request that workers have; shared with them.
  struct Exchange;

  Awaitable<void> run();
  Awaitable<Next> serve_one();
  Awaitable<bool> wait_for_request();
  Awaitable<Next> refuse(Problem kind, std::string_view message);
  Awaitable<Next> respond(const Request& request, const Response& response, Next next);
  Awaitable<Response> ask(Pool pool, std::shared_ptr<Exchange> exchange);
  Awaitable<void> watch_peer(std::shared_ptr<Exchange> exchange);
  Awaitable<void> stream(const Request& request, const Response& start);
  Awaitable<bool> still_allowed(const Request& request);
  Awaitable<bool> send_text(std::string text);
  boost::asio::ip::tcp::socket& socket();

  Shared& shared_;
  boost::beast::ssl_stream<boost::beast::tcp_stream> stream_;
  boost::beast::flat_buffer buffer_;
  boost::asio::steady_timer wake_;  // of stream()
  std::string remote_;
  std::shared_ptr<Exchange> asked_;  // what workers have now
  bool idle_ = false;                // waiting for the next request, or streaming
  bool stopping_ = false;
  bool first_ = true;  // no request was answered yet
};

}  // namespace hub::api
