#pragma once

// Private to the server: includes Beast.

#include <atomic>
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
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include "hub/api/api.h"
#include "hub/api/web_sockets.h"
#include "hub/api/workers.h"
#include "hub/jobs/containers.h"
#include "hub/link/places.h"
#include "hub/uploads/uploads.h"

namespace hub::api {

class Connection;
class WebSocket;

// For answers, logs and audit.
std::string new_request_id();

// What all connections of a server share.
struct Shared {
  Services services;
  std::unique_ptr<Workers> request_workers;
  std::unique_ptr<Workers> query_workers;
  boost::asio::ssl::context tls{boost::asio::ssl::context::tls_server};

  WebSockets web_sockets;
  std::shared_ptr<link::AddressPlaces> places;  // half of all connections for one address

  std::mutex mutex;  // guards the three below
  std::unordered_map<Connection*, std::weak_ptr<Connection>> connections;
  std::size_t upgraded = 0;       // of these: devices' web sockets, which have a limit of their own
  std::condition_variable empty;  // signalled when the last connection is gone

  std::atomic<std::size_t> held_bodies{0};  // bytes of all requests' contents; see BodyRoom
};

// What one request holds of the room that all contents share; gives it back at its end.
// Small contents are always welcome, so that large ones cannot lock out everybody else.
class BodyRoom {
 public:
  // `shared` must outlive it.
  explicit BodyRoom(Shared& shared) : shared_(shared) {}
  ~BodyRoom() { shared_.held_bodies.fetch_sub(held_); }
  BodyRoom(const BodyRoom&) = delete;
  BodyRoom& operator=(const BodyRoom&) = delete;

  // The content is that long now. False: there is no room for it.
  bool hold(std::size_t bytes);

 private:
  Shared& shared_;
  std::size_t held_ = 0;
};

// One HTTPS connection: TLS, then request and answer in turn until one side has enough.
// Runs on the strand of its socket; owns itself while it runs.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket socket, Shared& shared, link::AddressPlaces::Place place);
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
  using Upgrade = boost::beast::http::request<boost::beast::http::string_body>;

  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using BlobParser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;

  // A content that comes, shared with the worker that writes a piece of it.
  struct Blob {
    const Dependencies* dependencies = nullptr;
    bool put = false;
    std::string target;
    std::string content_type;
    operations::Record record;
    std::string request_id;
    // A device's file, or a list of identities.
    std::unique_ptr<uploads::Incoming> incoming;
    std::unique_ptr<jobs::ArrivingBlob> arriving;
    std::uint64_t count = 0;
    base::ByteVec piece;
    std::size_t filled = 0;
    std::optional<base::Error> failed;

    base::Result<void> open();
    void begin();
    void write();
    void commit();
    void finish();
  };

  // A request that workers have; shared with them.
  struct Exchange;

  Awaitable<void> run();
  Awaitable<Next> serve_one();
  Awaitable<bool> wait_for_request();
  Awaitable<boost::beast::error_code> read_body(Parser& parser, BodyRoom& room);
  Awaitable<void> say_goodbye();
  Awaitable<Next> refuse(Problem kind, std::string_view message);
  Awaitable<Next> respond(const Request& request, const Response& response, Next next);
  Awaitable<Response> ask(Pool pool, std::shared_ptr<Exchange> exchange);
  Awaitable<bool> on_worker(std::function<void()> job);
  Awaitable<Next> take_blob(BlobParser& parser);
  Awaitable<bool> send_file(const Response& response);
  Awaitable<void> send_pieces(const Request& request, const Response& response);
  static std::string chunked_head(const Request& request, const Response& response);
  base::Error busy();
  void record_refused(operations::Reason reason, int status_code, std::string detail);
  Awaitable<Next> upgrade(Upgrade message);
  link::Transport transport();
  void count_upgraded(int change);
  Awaitable<void> watch_peer(std::shared_ptr<Exchange> exchange);
  Awaitable<void> stream(const Request& request, const Response& start);
  Awaitable<bool> still_allowed(const Request& request);
  Awaitable<bool> send_text(std::string text);
  boost::asio::ip::tcp::socket& socket();

  Shared& shared_;
  link::AddressPlaces::Place place_;  // a device's web socket gives it back at the login
  boost::beast::ssl_stream<boost::beast::tcp_stream> stream_;
  boost::beast::flat_buffer buffer_;
  boost::asio::steady_timer wake_;  // of stream()
  std::string remote_;
  std::shared_ptr<const identity::ClientCertificate> certificate_;
  std::shared_ptr<WebSocket> web_socket_;
  std::shared_ptr<Exchange> asked_;  // what workers have now
  bool idle_ = false;                // waiting for the next request, or streaming
  bool stopping_ = false;
  bool first_ = true;  // no request was answered yet
};

}  // namespace hub::api
