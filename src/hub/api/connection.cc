#include "hub/api/connection.h"

#include <sstream>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>
#include <fmt/format.h>
#include <poll.h>

#include "base/id.h"
#include "base/log.h"
#include "base/text.h"
#include "hub/api/assets.h"
#include "hub/api/web_socket.h"
#include "hub/identity/certificate.h"
#include "store/query.h"

namespace hub::api {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t kMaxHeaderBytes = 16 * 1024;
constexpr std::size_t kBufferBytes = kMaxHeaderBytes + 64 * 1024;
constexpr std::size_t kStreamChunk = 64 * 1024;
// A client must take or send something within this time.
constexpr std::chrono::seconds kProgress{30};
// A stream's reader must take a change within this time.
constexpr std::chrono::seconds kStreamProgress{15};
constexpr std::chrono::milliseconds kPeerCheck{50};

Method method_of(http::verb verb) {
  switch (verb) {
    case http::verb::get:
      return Method::Get;
    case http::verb::head:
      return Method::Head;
    case http::verb::post:
      return Method::Post;
    case http::verb::put:
      return Method::Put;
    case http::verb::patch:
      return Method::Patch;
    case http::verb::delete_:
      return Method::Delete;
    default:
      return Method::Other;
  }
}

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

// Names of properties keep their case; other headers have none.
std::string header_name(std::string_view name) {
  constexpr std::string_view kProperty = "iothub-app-";
  std::string lower = base::to_lower(name);
  if (lower.starts_with(kProperty))
    lower.replace(kProperty.size(), std::string::npos, name.substr(kProperty.size()));
  return lower;
}

Request make_request(http::request<http::string_body>&& message, const std::string& remote) {
  Request request;
  request.method = method_of(message.method());
  request.target = view(message.target());
  for (const auto& field : message) {
    request.headers.push_back(
        {header_name(view(field.name_string())), std::string(view(field.value()))});
  }
  request.body = std::move(message.body());
  request.remote = remote;
  request.id = new_request_id();
  return request;
}

void count_answer(Counters& counters, unsigned status) {
  counters.requests.add();
  if (status >= 500) {
    counters.server_errors.add();
  } else if (status >= 400) {
    counters.client_errors.add();
  }
}

// Status line and headers. Content-Length is the caller's.
http::response<http::empty_body> make_header(const Request& request, const Response& response) {
  http::response<http::empty_body> header;
  header.version(11);
  header.result(response.status);
  header.set("Server", "vedette");
  header.set("X-Request-Id", request.id);
  for (const Header& each : security_headers())
    header.set(each.name, each.value);
  if (!response.content_type.empty() && response.status != 304) {
    header.set(http::field::content_type, response.content_type);
  }
  bool cached = false;
  for (const Header& each : response.headers) {
    header.insert(each.name, each.value);
    cached = cached || each.name == "Cache-Control";
  }
  if (!cached) header.set(http::field::cache_control, "no-store");
  return header;
}

bool has_content(const Request& request, const Response& response) {
  return request.method != Method::Head && response.status != 204 && response.status != 304;
}

bool is_for_devices(const http::request<http::string_body>& message) {
  const std::string_view target = view(message.target());
  return target.substr(0, target.find('?')) == kWebSocketPath;
}

// Contents that may be larger than memory: files of devices, lists of identities.
bool is_blob(const http::request_header<>& header, const Dependencies& dependencies) {
  const std::string_view target(header.target().data(), header.target().size());
  if (dependencies.uploads != nullptr && uploads::is_blob_target(target)) return true;
  return dependencies.containers != nullptr && header.method() == http::verb::put &&
         jobs::is_container_target(target);
}

// The first that the client offers and that is served, spelled as it was offered.
std::optional<SocketProtocol> choose_protocol(const std::vector<SocketProtocol>& served,
                                              std::string_view offered) {
  for (const std::string_view each : base::split(offered, ',')) {
    const std::string_view name = base::trim(each);
    for (const SocketProtocol& protocol : served) {
      if (!base::equal_ignore_case(name, protocol.subprotocol)) continue;
      SocketProtocol chosen = protocol;
      chosen.subprotocol = name;
      return chosen;
    }
  }
  return std::nullopt;
}

// Has the peer closed its side? There may still be unread bytes before that.
bool hung_up(int fd) {
  pollfd entry{fd, POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) == 1 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace

std::string new_request_id() {
  std::array<std::uint8_t, 8> bytes{};
  base::random_bytes(bytes);
  return base::hex_encode(bytes);
}

struct Connection::Exchange {
  Request request;
  Plan plan;
  store::Cancel cancel;
  bool done = false;  // on the connection's strand
};

Connection::Connection(asio::ip::tcp::socket socket, Shared& shared,
                       link::AddressPlaces::Place place)
    : shared_(shared),
      place_(std::move(place)),
      stream_(beast::tcp_stream(std::move(socket)), shared.tls),
      buffer_(kBufferBytes),
      wake_(stream_.get_executor()) {}

Connection::~Connection() {
  const std::lock_guard lock(shared_.mutex);
  shared_.connections.erase(this);
  if (shared_.connections.empty()) shared_.empty.notify_all();
}

void Connection::count_upgraded(int change) {
  const std::lock_guard lock(shared_.mutex);
  shared_.upgraded += static_cast<std::size_t>(change);
}

asio::ip::tcp::socket& Connection::socket() {
  return beast::get_lowest_layer(stream_).socket();
}

void Connection::start() {
  asio::co_spawn(
      stream_.get_executor(), [self = shared_from_this()] { return self->run(); },
      [](const std::exception_ptr& failure) {
        // Nothing in run() throws on input; what does is a fault of ours.
        if (failure) {
          LOG_ERROR("api.connection_failed");
        }
      });
}

void Connection::stop() {
  asio::post(stream_.get_executor(), [self = shared_from_this()] {
    self->stopping_ = true;
    self->wake_.cancel();
    if (self->asked_) self->asked_->cancel.cancel();
    if (self->web_socket_) return self->web_socket_->stop();
    if (self->idle_) beast::get_lowest_layer(self->stream_).cancel();
  });
}

Connection::Awaitable<void> Connection::run() {
  beast::error_code error;
  const auto endpoint = socket().remote_endpoint(error);
  if (error) co_return;
  remote_ = endpoint.address().to_string(error);
  auto& tcp = beast::get_lowest_layer(stream_);
  socket().set_option(asio::ip::tcp::no_delay(true), error);

  tcp.expires_after(shared_.services.options.header_timeout);
  const auto [failed] = co_await stream_.async_handshake(asio::ssl::stream_base::server, kAwait);
  if (failed) {
    shared_.services.counters.tls_failed.add();
    record_refused(operations::Reason::TlsHandshake, 400, failed.message());
    co_return;
  }
  identity::ClientCertificate certificate;
  const auto shown = identity::read_certificate(stream_.native_handle(), certificate);
  if (shown && *shown)
    certificate_ = std::make_shared<const identity::ClientCertificate>(std::move(certificate));
  while (!stopping_ && co_await serve_one() == Next::Continue)
    first_ = false;
  co_await say_goodbye();
}

// False when there is none: the peer closed, was silent for too long, or the server stops.
Connection::Awaitable<bool> Connection::wait_for_request() {
  if (buffer_.size() > 0) co_return true;  // sent along with the one before
  const Options& options = shared_.services.options;
  idle_ = true;
  beast::get_lowest_layer(stream_).expires_after(first_ ? options.header_timeout
                                                        : options.idle_timeout);
  const auto [failed, count] =
      co_await stream_.async_read_some(buffer_.prepare(kMaxHeaderBytes), kAwait);
  idle_ = false;
  if (failed) co_return false;
  buffer_.commit(count);
  co_return !stopping_;
}

Connection::Awaitable<Connection::Next> Connection::serve_one() {
  if (!co_await wait_for_request()) co_return Next::Close;
  Services& services = shared_.services;
  auto& tcp = beast::get_lowest_layer(stream_);
  Parser parser;
  BodyRoom room(shared_);
  parser.header_limit(kMaxHeaderBytes);
  parser.body_limit(boost::none);  // judged when it is known whose body it is

  tcp.expires_after(services.options.header_timeout);
  auto [header_failed, header_bytes] =
      co_await http::async_read_header(stream_, buffer_, parser, kAwait);
  beast::error_code failed = header_failed;
  if (!failed && beast::websocket::is_upgrade(parser.get()) && is_for_devices(parser.get())) {
    co_return co_await upgrade(parser.release());
  }
  if (!failed && is_blob(parser.get(), services.dependencies)) {
    BlobParser blob(std::move(parser));
    co_return co_await take_blob(blob);
  }
  if (!failed) {
    const auto length = parser.content_length();
    const std::size_t most = services.options.max_body_bytes;
    parser.body_limit(most);
    if (length && *length > most) failed = http::error::body_limit;
  }
  if (!failed && beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    if (!co_await send_text("HTTP/1.1 100 Continue\r\n\r\n")) co_return Next::Close;
  }
  if (!failed && !parser.is_done()) failed = co_await read_body(parser, room);
  if (failed == http::error::header_limit) {
    co_return co_await refuse(Problem::TooLarge, "The header is larger than 16 KiB.");
  }
  if (failed == http::error::body_limit) {
    co_return co_await refuse(Problem::TooLarge, fmt::format("The body is larger than {} bytes.",
                                                             services.options.max_body_bytes));
  }
  if (failed == asio::error::no_buffer_space) {
    co_return co_await refuse(Problem::Unavailable, "The hub is busy; try again in a moment.");
  }
  if (failed.category() == http::make_error_code(http::error::bad_method).category() &&
      failed != http::error::end_of_stream && failed != http::error::partial_message) {
    co_return co_await refuse(Problem::BadRequest, "This is not HTTP/1.1: " + failed.message());
  }
  if (failed) {
    services.counters.malformed.add();
    co_return Next::Close;
  }

  const Next next = parser.get().keep_alive() && !stopping_ ? Next::Continue : Next::Close;
  auto exchange = std::make_shared<Exchange>();
  exchange->request = make_request(parser.release(), remote_);
  exchange->request.certificate = certificate_;
  exchange->request.tls_version = SSL_get_version(stream_.native_handle());
  exchange->request.tls_cipher = SSL_get_cipher_name(stream_.native_handle());
  const Request& request = exchange->request;
  exchange->plan = plan(request, services);
  if (exchange->plan.immediate) {
    co_return co_await respond(request, *exchange->plan.immediate, next);
  }
  const Response response = co_await ask(exchange->plan.route->pool, exchange);
  if (response.stream && request.method != Method::Head) {
    count_answer(services.counters, 200);
    co_await stream(request, response);
    co_return Next::Close;
  }
  if (response.pieces && request.method != Method::Head) {
    count_answer(services.counters, response.status);
    co_await send_pieces(request, response);
    co_return Next::Close;
  }
  co_return co_await respond(request, response, next);
}

std::string Connection::chunked_head(const Request& request, const Response& response) {
  auto header = make_header(request, response);
  header.keep_alive(false);
  header.chunked(true);
  std::ostringstream text;
  text << header.base();
  return std::move(text).str();
}

link::Transport Connection::transport() {
  link::Transport transport;
  transport.ip = remote_;
  transport.tls_version = SSL_get_version(stream_.native_handle());
  transport.tls_cipher = SSL_get_cipher_name(stream_.native_handle());
  if (certificate_) transport.certificate = *certificate_;
  return transport;
}

// A device's session takes the place of requests.
Connection::Awaitable<Connection::Next> Connection::upgrade(Upgrade message) {
  link::Service* service = shared_.services.dependencies.service;
  Request request = make_request(Upgrade(message), remote_);
  const auto protocol = choose_protocol(shared_.services.dependencies.sockets,
                                        request.header("sec-websocket-protocol"));
  if (service == nullptr || !protocol) {
    shared_.services.counters.malformed.add();
    co_return co_await respond(request,
                               problem(request, Problem::BadRequest,
                                       "Sec-WebSocket-Protocol names no protocol of devices."),
                               Next::Close);
  }
  if (service->connections.load() >= service->options.max_connections ||
      service->pending_logins.load() >= service->options.max_pending_logins) {
    service->counters.refused_limit.add();
    co_return co_await respond(
        request, problem(request, Problem::Unavailable, "Too many devices are connected."),
        Next::Close);
  }
  count_upgraded(1);
  web_socket_ = std::make_shared<WebSocket>(stream_, *service, shared_.web_sockets,
                                            shared_from_this(), std::move(place_));
  co_await web_socket_->run(std::move(message), *protocol, transport());
  web_socket_.reset();
  count_upgraded(-1);
  co_return Next::Close;
}

// An answer to what could not be read as a request; the connection is of no use after it.
Connection::Awaitable<Connection::Next> Connection::refuse(Problem kind, std::string_view message) {
  Counters& counters = shared_.services.counters;
  (kind == Problem::Unavailable ? counters.overloaded : counters.malformed).add();
  Request request;
  request.id = new_request_id();
  Response response = problem(request, kind, message);
  if (kind == Problem::Unavailable) response.headers.push_back({"Retry-After", "1"});
  co_return co_await respond(request, response, Next::Close);
}

Connection::Awaitable<Connection::Next> Connection::respond(const Request& request,
                                                            const Response& response, Next next) {
  count_answer(shared_.services.counters, response.status);
  http::response<http::span_body<const char>> message(make_header(request, response));
  message.keep_alive(next == Next::Continue);
  if (response.file) {
    message.content_length(response.file_bytes);
    std::ostringstream text;
    text << message.base();
    const bool opened = co_await send_text(std::move(text).str());
    if (!opened) co_return Next::Close;
    if (request.method == Method::Head) co_return next;
    const bool sent = co_await send_file(response);
    co_return sent ? next : Next::Close;
  }
  const std::string_view content = response.content();
  if (response.status != 204 && response.status != 304) message.content_length(content.size());
  if (has_content(request, response)) {
    message.body() = beast::span<const char>(content.data(), content.size());
  }
  http::response_serializer<http::span_body<const char>> serializer(message);
  // In pieces, so that the time limit is one for progress and not for the whole.
  while (!serializer.is_done()) {
    beast::get_lowest_layer(stream_).expires_after(kProgress);
    const auto [failed, count] = co_await http::async_write_some(stream_, serializer, kAwait);
    if (failed) co_return Next::Close;
  }
  co_return next;
}

Connection::Awaitable<Response> Connection::ask(Pool pool, std::shared_ptr<Exchange> exchange) {
  const auto initiate = [this, pool, exchange](auto handler) {
    // std::function must be copyable, a completion handler is not.
    auto waiting = std::make_shared<decltype(handler)>(std::move(handler));
    const auto finish = [executor = stream_.get_executor(), waiting](Response response) {
      asio::post(executor, [waiting, response = std::move(response)]() mutable {
        std::move (*waiting)(std::move(response));
      });
    };
    Services& services = shared_.services;
    Workers& workers = pool == Pool::Queries ? *shared_.query_workers : *shared_.request_workers;
    const bool taken = workers.submit([exchange, finish, &services](Accounts& accounts) {
      Response response = answer(exchange->plan, exchange->request, accounts, services,
                                 base::wall_now(), base::mono_now(), &exchange->cancel);
      if (!response.later) return finish(std::move(response));
      response.later([exchange, finish](Response made) {
        finish(in_words_of(exchange->plan, exchange->request, std::move(made)));
      });
    });
    if (taken) return;
    services.counters.overloaded.add();
    Response busy = problem(exchange->request,
                            pool == Pool::Queries ? Problem::TooManyRequests : Problem::Unavailable,
                            "The hub is busy; try again in a moment.");
    busy.headers.push_back({"Retry-After", "1"});
    finish(std::move(busy));
  };
  if (pool == Pool::Queries) {
    asio::co_spawn(
        stream_.get_executor(),
        [self = shared_from_this(), exchange] { return self->watch_peer(exchange); },
        [](const std::exception_ptr&) {});
  }
  asked_ = exchange;
  if (stopping_) exchange->cancel.cancel();  // stop() came while the request was read
  Response response = co_await asio::async_initiate<decltype(asio::use_awaitable), void(Response)>(
      initiate, asio::use_awaitable);
  asked_.reset();
  exchange->done = true;
  co_return response;
}

// Ends a query that nobody waits for any more, because its caller has left or the server stops.
Connection::Awaitable<void> Connection::watch_peer(std::shared_ptr<Exchange> exchange) {
  asio::steady_timer timer(stream_.get_executor());
  while (!exchange->done) {
    timer.expires_after(kPeerCheck);
    co_await timer.async_wait(kAwait);
    // Again and again: an interrupt that comes while a query is being set up may be lost.
    if (!exchange->done && (stopping_ || hung_up(socket().native_handle()))) {
      exchange->cancel.cancel();
    }
  }
}

Connection::Awaitable<bool> Connection::send_text(std::string text) {
  beast::get_lowest_layer(stream_).expires_after(kStreamProgress);
  const auto [failed, count] =
      co_await asio::async_write(stream_, asio::buffer(text.data(), text.size()), kAwait);
  if (failed == beast::error::timeout) shared_.services.counters.streams_dropped.add();
  co_return !failed;
}

// Sessions end and tokens are revoked while a stream is open; it is not a use of the session.
Connection::Awaitable<bool> Connection::still_allowed(const Request& request) {
  const auto initiate = [this, &request](auto handler) {
    auto waiting = std::make_shared<decltype(handler)>(std::move(handler));
    const auto finish = [executor = stream_.get_executor(), waiting](bool allowed) {
      asio::post(executor, [waiting, allowed] { std::move (*waiting)(allowed); });
    };
    Services& services = shared_.services;
    const bool taken =
        shared_.request_workers->submit([finish, &request, &services](Accounts& accounts) {
          const auto principal =
              authenticate(request, accounts, services, base::wall_now(), Accounts::Touch::No);
          finish(principal && *principal && (*principal)->may(Need::Look));
        });
    if (!taken) finish(true);  // too busy to ask: the next heartbeat will
  };
  co_return co_await asio::async_initiate<decltype(asio::use_awaitable), void(bool)>(
      initiate, asio::use_awaitable);
}

void Connection::record_refused(operations::Reason reason, int status_code, std::string detail) {
  operations::Record record;
  record.time = base::wall_now();
  record.operation = "deviceConnect";
  record.status_code = status_code;
  record.level = operations::Level::Error;
  record.protocol = operations::Protocol::Https;
  record.reason = reason;
  record.detail = std::move(detail);
  record.ip = remote_;
  shared_.services.dependencies.operations->record(std::move(record));
}

Connection::Awaitable<void> Connection::stream(const Request& request, const Response& start) {
  Changes& changes = *shared_.services.changes;
  const std::uint64_t subscription =
      changes.subscribe([self = weak_from_this(), executor = stream_.get_executor()] {
        asio::post(executor, [self] {
          if (const auto alive = self.lock()) alive->wake_.cancel();
        });
      });
  shared_.services.counters.streams.add();
  Response head = start;
  head.content_type = "text/event-stream";
  auto header = make_header(request, head);
  header.keep_alive(false);  // no length: it ends with the connection
  std::ostringstream text;
  text << header.base();
  std::string opening = std::move(text).str();

  std::uint64_t after = start.stream_after.value_or(changes.last());
  if (!changes.read(after, 1)) {
    after = changes.last();
    opening += "event: reset\ndata: {}\n";
  }
  // An id alone dispatches nothing and tells the client where to resume.
  opening += fmt::format("id: {}\n\n", after);
  bool open = co_await send_text(std::move(opening));

  auto heartbeat = base::mono_now() + shared_.services.options.heartbeat;
  while (open && !stopping_) {
    auto chunk = changes.read(after, kStreamChunk);
    if (!chunk) {  // the reader is so slow that changes were forgotten
      shared_.services.counters.streams_dropped.add();
      break;
    }
    if (!chunk->text.empty()) {
      after = chunk->last;
      open = co_await send_text(std::move(chunk->text));
      continue;
    }
    if (base::mono_now() >= heartbeat) {
      heartbeat = base::mono_now() + shared_.services.options.heartbeat;
      open = co_await still_allowed(request) && co_await send_text(": heartbeat\n\n");
      continue;
    }
    wake_.expires_at(heartbeat);
    // A change between read() and here has posted its wake to this strand, after this point.
    idle_ = true;
    co_await wake_.async_wait(kAwait);
    idle_ = false;
  }
  changes.unsubscribe(subscription);
}

}  // namespace hub::api
