#include "cli/client.h"

#include <array>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <fmt/format.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "base/time.h"
#include "wire/sas.h"

namespace cli {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kConnectTimeout{10};
constexpr std::chrono::minutes kSignatureLife{5};
constexpr std::uint64_t kMaxAnswerBytes = 256U << 20U;
constexpr std::string_view kPrefix = "/api/v1";

using Stream = beast::ssl_stream<beast::tcp_stream>;

bool is_address(const std::string& host) {
  beast::error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

std::string authority(const Url& hub) {
  const bool v6 = hub.host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", hub.host, v6 ? "]" : "", hub.port);
}

}  // namespace

struct Client::State {
  Settings settings;
  asio::io_context io;
  asio::ssl::context tls{asio::ssl::context::tls_client};
  std::unique_ptr<Stream> stream;  // connected, or null
  beast::flat_buffer buffer;

  using Request = http::request<http::string_body>;
  using Response = http::response<http::string_body>;

  // What went wrong: at which step, and how.
  struct Trouble {
    const char* step;
    beast::error_code error;
    long verify = X509_V_OK;
  };
  using Result = std::expected<Response, Trouble>;

  asio::awaitable<std::expected<void, Trouble>> connect();
  asio::awaitable<Result> exchange(const Request& request, std::chrono::seconds timeout);
  asio::awaitable<Result> receive(const Request& request, const BodySink& sink,
                                  std::chrono::seconds timeout);
  Outcome<Request> make_request(std::string_view method, std::string_view path,
                                std::string_view body, const Headers& headers) const;
  Outcome<Answer> run(asio::awaitable<Result> work);
  Failure explain(const Trouble& trouble) const;
};

Client::Client(std::unique_ptr<State> state) : state_(std::move(state)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Outcome<Client> Client::open(Settings settings) {
  if (settings.policy.empty()) {
    return give_up(Exit::Auth, "no service connection string was given",
                   "Put the serviceConnectionString of `vedette-hub init` into a file that only "
                   "you can read and name it with --connection-string-file, "
                   "VEDETTE_CONNECTION_STRING_FILE or ~/.config/vedette/cli.toml.");
  }
  auto state = std::make_unique<State>();
  beast::error_code error;
  if (settings.ca_file.empty()) {
    state->tls.set_default_verify_paths(error);
  } else {
    state->tls.load_verify_file(settings.ca_file, error);
  }
  if (error) {
    return give_up(
        Exit::Usage,
        fmt::format("the CA file {} is not usable: {}", settings.ca_file, error.message()),
        "It must hold certificates in PEM; `vedette-hub init` names the hub's own.");
  }
  state->tls.set_verify_mode(asio::ssl::verify_peer, error);
  SSL_CTX_set_min_proto_version(state->tls.native_handle(), TLS1_2_VERSION);
  state->settings = std::move(settings);
  return Client(std::move(state));
}

asio::awaitable<std::expected<void, Client::State::Trouble>> Client::State::connect() {
  const Url& hub = settings.hub;
  auto fresh = std::make_unique<Stream>(io, tls);
  SSL* ssl = fresh->native_handle();
  if (is_address(hub.host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), hub.host.c_str());
  } else {
    // The macro of that name has an old-style cast.
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(hub.host.c_str()));
    SSL_set1_host(ssl, hub.host.c_str());
  }
  asio::ip::tcp::resolver resolver(io);
  // As os::Connect does: localhost is loopback, also where no /etc/hosts says so (RFC 6761).
  std::string name = hub.host;
  if (base::equal_ignore_case(name, "localhost")) name = "127.0.0.1";
  const std::string service = std::to_string(hub.port);
  const auto [lookup_failed, addresses] = co_await resolver.async_resolve(name, service, kAwait);
  if (lookup_failed) co_return std::unexpected(Trouble{"look up its address", lookup_failed});
  beast::get_lowest_layer(*fresh).expires_after(kConnectTimeout);
  const auto [connect_failed, endpoint] =
      co_await beast::get_lowest_layer(*fresh).async_connect(addresses, kAwait);
  if (connect_failed) co_return std::unexpected(Trouble{"connect", connect_failed});
  const auto [tls_failed] = co_await fresh->async_handshake(asio::ssl::stream_base::client, kAwait);
  if (tls_failed) {
    co_return std::unexpected(
        Trouble{"make a TLS connection", tls_failed, SSL_get_verify_result(ssl)});
  }
  stream = std::move(fresh);
  buffer.clear();
  co_return std::expected<void, Trouble>();
}

asio::awaitable<Client::State::Result> Client::State::exchange(const Request& request,
                                                               std::chrono::seconds timeout) {
  const bool reused = stream != nullptr;
  if (!reused) {
    auto connected = co_await connect();
    if (!connected) co_return std::unexpected(connected.error());
  }
  beast::get_lowest_layer(*stream).expires_after(timeout);
  const auto [write_failed, written] = co_await http::async_write(*stream, request, kAwait);
  beast::error_code failed = write_failed;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxAnswerBytes);
  if (!failed) {
    const auto [read_failed, read] = co_await http::async_read(*stream, buffer, parser, kAwait);
    failed = read_failed;
  }
  if (failed) {
    stream.reset();
    // The hub may have closed a connection that was kept; then it has not seen the request.
    const bool closed = failed == http::error::end_of_stream || failed == asio::error::eof ||
                        failed == asio::error::connection_reset ||
                        failed == asio::error::broken_pipe ||
                        failed == asio::ssl::error::stream_truncated;
    if (reused && closed && !parser.got_some()) co_return co_await exchange(request, timeout);
    co_return std::unexpected(Trouble{"get an answer", failed});
  }
  if (!parser.get().keep_alive()) stream.reset();
  co_return parser.release();
}

Failure Client::State::explain(const Trouble& trouble) const {
  const std::string hub = authority(settings.hub);
  if (trouble.verify != X509_V_OK) {
    return {Exit::Unreachable,
            fmt::format("the hub at {} cannot be trusted: {}", hub,
                        X509_verify_cert_error_string(trouble.verify)),
            settings.ca_file.empty()
                ? "Name the hub's own certificate authority with --ca-file; `vedette-hub init` "
                  "made it as ca.pem in the hub's data folder."
                : "Check that --ca-file is this hub's, and that --hub names it as its certificate "
                  "does."};
  }
  return {Exit::Unreachable,
          fmt::format("the hub at {} cannot be reached: could not {}: {}", hub, trouble.step,
                      trouble.error.message()),
          "Check that `vedette-hub run` is running and that --hub has its https address."};
}

// Pieces of the body as they come.
asio::awaitable<Client::State::Result> Client::State::receive(const Request& request,
                                                              const BodySink& sink,
                                                              std::chrono::seconds timeout) {
  stream.reset();
  auto connected = co_await connect();
  if (!connected) co_return std::unexpected(connected.error());
  beast::get_lowest_layer(*stream).expires_after(timeout);
  const auto [write_failed, written] = co_await http::async_write(*stream, request, kAwait);
  if (write_failed) co_return std::unexpected(Trouble{"send the request", write_failed});
  http::response_parser<http::buffer_body> parser;
  parser.body_limit(boost::none);
  const auto [head_failed, head] =
      co_await http::async_read_header(*stream, buffer, parser, kAwait);
  if (head_failed) co_return std::unexpected(Trouble{"get an answer", head_failed});
  Response response;
  response.result(parser.get().result());
  const bool refused = parser.get().result_int() >= 400;
  std::array<char, 64 * 1024> piece{};
  bool wanted = true;
  while (wanted && !parser.is_done()) {
    parser.get().body().data = piece.data();
    parser.get().body().size = piece.size();
    beast::get_lowest_layer(*stream).expires_after(timeout);
    const auto [failed, count] = co_await http::async_read(*stream, buffer, parser, kAwait);
    if (failed && failed != http::error::need_buffer)
      co_return std::unexpected(Trouble{"get the whole answer", failed});
    const std::string_view text(piece.data(), piece.size() - parser.get().body().size);
    if (refused) {
      response.body().append(text);
      wanted = response.body().size() < kMaxAnswerBytes;
    } else if (!text.empty()) {
      wanted = sink(text);
    }
  }
  stream.reset();
  co_return Result(std::move(response));
}

Outcome<Answer> Client::State::run(asio::awaitable<Result> work) {
  std::optional<Result> result;
  asio::co_spawn(io, std::move(work), [&result](const std::exception_ptr& failure, Result value) {
    if (!failure) result = std::move(value);
  });
  io.restart();
  io.run();
  if (!result) return give_up(Exit::Failure, "the request failed unexpectedly");
  if (!*result) return std::unexpected(explain(result->error()));
  return Answer{(*result)->result_int(), std::move((*result)->body())};
}

Outcome<Client::State::Request> Client::State::make_request(std::string_view method,
                                                            std::string_view path,
                                                            std::string_view body,
                                                            const Headers& headers) const {
  auto signature = wire::make_sas(settings.host_name, settings.key_base64,
                                  base::wall_now() + kSignatureLife, settings.policy);
  if (!signature) {
    return give_up(Exit::Usage,
                   "the connection string is not usable: " + signature.error().to_string());
  }
  Request request;
  request.method_string(beast::string_view(method.data(), method.size()));
  const std::string target = std::string(kPrefix) + std::string(path);
  request.target(target);
  request.version(11);
  request.set(http::field::host, authority(settings.hub));
  request.set(http::field::user_agent, "vedette-cli");
  request.set(http::field::accept, "application/json");
  request.set(http::field::authorization, *signature);
  if (!body.empty()) request.set(http::field::content_type, "application/json");
  for (const auto& [name, value] : headers)
    request.set(name, value);
  request.body() = body;
  request.prepare_payload();
  return request;
}

Outcome<Answer> Client::send(std::string_view method, std::string_view path, std::string_view body,
                             const Headers& headers, std::chrono::seconds timeout) {
  auto request = TRY(state_->make_request(method, path, body, headers));
  return state_->run(state_->exchange(request, timeout));
}

Outcome<Answer> Client::download(std::string_view method, std::string_view path,
                                 std::string_view body, const BodySink& sink,
                                 std::chrono::seconds timeout) {
  auto request = TRY(state_->make_request(method, path, body, {}));
  return state_->run(state_->receive(request, sink, timeout));
}

Failure failure_of(const Answer& answer) {
  std::string message = fmt::format("the hub answered {}", answer.status);
  if (const auto body = base::json::parse(answer.body)) {
    if (const auto* error = body->find("error")) {
      message = error->text_or("message", message);
      if (answer.status >= 500) {
        message += fmt::format(" (request {})", error->text_or("requestId", "unknown"));
      }
    }
  }
  switch (answer.status) {
    case 401:
      return {Exit::Auth, message,
              "Check the connection string: its key may have been changed, and it must be this "
              "hub's. Signatures also need the clocks to agree within minutes."};
    case 403:
      return {Exit::Auth, message,
              "Use a connection string of a policy that has this right, such as iothubowner."};
    case 404:
      return {Exit::NotFound, message};
    case 409:
    case 412:
      return {Exit::Conflict, message};
    default:
      return {Exit::Failure, message};
  }
}

Outcome<base::json::Value> Client::call(std::string_view method, std::string_view path,
                                        std::string_view body, const Headers& headers) {
  auto answer = TRY(send(method, path, body, headers));
  if (answer.status >= 400) return std::unexpected(failure_of(answer));
  if (answer.body.empty()) return base::json::Value();
  auto value = base::json::parse(answer.body);
  if (!value) {
    return give_up(Exit::Failure, "the hub's answer is not JSON: " + value.error().to_string(),
                   "Check that --hub names a Vedette hub.");
  }
  return std::move(*value);
}

}  // namespace cli
