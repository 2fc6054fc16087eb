// Lines posted to an HTTPS server.
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

#include "base/hash.h"
#include "base/text.h"
#include "base/time.h"
#include "hub/egress/target.h"
#include "os/file.h"

namespace hub::egress {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using base::Code;
using base::Result;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::uint64_t kMaxAnswerBytes = 64 * 1024;
constexpr std::size_t kMaxSecretBytes = 4096;
constexpr std::int64_t kMaxWaitSeconds = 3600;

using Stream = beast::ssl_stream<beast::tcp_stream>;

bool is_address(const std::string& host) {
  beast::error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

class Webhook final : public Target {
 public:
  explicit Webhook(const ForwardSettings& settings)
      : url_(settings.url), timeout_(settings.timeout) {}

  Result<void> prepare(const ForwardSettings& settings);
  Verdict deliver(const Delivery& delivery, const std::stop_token& stop) override;

 private:
  using Request = http::request<http::span_body<const char>>;
  struct Outcome {
    std::string trouble;  // no answer came, and why
    bool again = false;   // only because the kept connection had ended
    unsigned status = 0;
    std::string retry_after;
  };

  Request make_request(const Delivery& delivery) const;
  asio::awaitable<std::string> connect();
  asio::awaitable<Outcome> exchange(const Request& request);
  Outcome ask(const Request& request, const std::stop_token& stop);
  static Verdict judge(const Outcome& outcome);

  Url url_;
  std::chrono::milliseconds timeout_;
  std::string secret_;
  asio::io_context io_;
  asio::ssl::context tls_{asio::ssl::context::tls_client};
  std::unique_ptr<Stream> stream_;  // connected, or null
  beast::flat_buffer buffer_;
};

Result<void> Webhook::prepare(const ForwardSettings& settings) {
  beast::error_code error;
  if (settings.ca_file.empty()) {
    tls_.set_default_verify_paths(error);
  } else {
    tls_.load_verify_file(settings.ca_file, error);
  }
  if (error) {
    return base::fail(
        Code::Invalid, "forward to webhook", -1,
        fmt::format("the CA file {} is not usable: {}", settings.ca_file, error.message()));
  }
  tls_.set_verify_mode(asio::ssl::verify_peer, error);
  SSL_CTX_set_min_proto_version(tls_.native_handle(), TLS1_2_VERSION);
  if (settings.secret_file.empty()) return {};
  const std::string secret = TRY(os::read_secret(settings.secret_file, kMaxSecretBytes));
  secret_ = base::trim(secret);
  if (secret_.empty()) {
    return base::fail(Code::Invalid, "forward to webhook", -1,
                      "the secret file " + settings.secret_file + " is empty");
  }
  return {};
}

Webhook::Request Webhook::make_request(const Delivery& delivery) const {
  Request request;
  request.method(http::verb::post);
  request.target(url_.target);
  request.version(11);
  const bool v6 = url_.host.find(':') != std::string::npos;
  request.set(http::field::host,
              fmt::format("{}{}{}:{}", v6 ? "[" : "", url_.host, v6 ? "]" : "", url_.port));
  request.set(http::field::user_agent, "vedette-hub");
  request.set(http::field::content_type, "application/x-ndjson");
  request.set("Vedette-Forward", std::string(delivery.forward));
  request.set("Vedette-Delivery", delivery.id);
  if (!secret_.empty()) {
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(base::wall_now().time_since_epoch());
    request.set("Vedette-Signature", sign(secret_, now.count(), delivery.body));
  }
  request.body() = beast::span<const char>(delivery.body.data(), delivery.body.size());
  request.prepare_payload();
  return request;
}

// What went wrong; empty: nothing.
asio::awaitable<std::string> Webhook::connect() {
  auto fresh = std::make_unique<Stream>(io_, tls_);
  SSL* ssl = fresh->native_handle();
  if (is_address(url_.host)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), url_.host.c_str());
  } else {
    // The macro of that name has an old-style cast.
    SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(url_.host.c_str()));
    SSL_set1_host(ssl, url_.host.c_str());
  }
  asio::ip::tcp::resolver resolver(io_);
  // As os::Connect does: localhost is loopback, also where no /etc/hosts says so (RFC 6761).
  const std::string name =
      base::equal_ignore_case(url_.host, "localhost") ? "127.0.0.1" : url_.host;
  const std::string service = std::to_string(url_.port);
  const auto [lookup_failed, addresses] = co_await resolver.async_resolve(name, service, kAwait);
  if (lookup_failed) co_return "could not look up its address: " + lookup_failed.message();
  beast::get_lowest_layer(*fresh).expires_after(timeout_);
  const auto [connect_failed, endpoint] =
      co_await beast::get_lowest_layer(*fresh).async_connect(addresses, kAwait);
  if (connect_failed) co_return "could not connect: " + connect_failed.message();
  const auto [tls_failed] = co_await fresh->async_handshake(asio::ssl::stream_base::client, kAwait);
  if (tls_failed) {
    const long verified = SSL_get_verify_result(ssl);
    co_return verified == X509_V_OK ? "no TLS connection: " + tls_failed.message()
                                    : std::string("its certificate is not acceptable: ") +
                                          X509_verify_cert_error_string(verified);
  }
  stream_ = std::move(fresh);
  buffer_.clear();
  co_return std::string();
}

asio::awaitable<Webhook::Outcome> Webhook::exchange(const Request& request) {
  const bool reused = stream_ != nullptr;
  Outcome outcome;
  if (!reused) {
    outcome.trouble = co_await connect();
    if (!outcome.trouble.empty()) co_return outcome;
  }
  beast::get_lowest_layer(*stream_).expires_after(timeout_);
  http::request_serializer<http::span_body<const char>> serializer(request);
  const auto [write_failed, written] = co_await http::async_write(*stream_, serializer, kAwait);
  beast::error_code failed = write_failed;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kMaxAnswerBytes);
  if (!failed) {
    const auto [read_failed, read] = co_await http::async_read(*stream_, buffer_, parser, kAwait);
    failed = read_failed;
  }
  // How they say it does not matter once the status is there.
  if (failed && !parser.is_header_done()) {
    stream_.reset();
    // A connection that was kept may have been closed meanwhile.
    outcome.again = reused && !parser.got_some();
    outcome.trouble = "no answer: " + failed.message();
    co_return outcome;
  }
  outcome.status = parser.get().result_int();
  const auto wait = parser.get()[http::field::retry_after];
  outcome.retry_after.assign(wait.data(), wait.size());
  if (failed || !parser.get().keep_alive()) stream_.reset();
  co_return outcome;
}

Verdict Webhook::judge(const Outcome& outcome) {
  using enum Verdict::Kind;
  if (!outcome.trouble.empty()) return {Later, outcome.trouble};
  if (outcome.status >= 200 && outcome.status < 300) return {};
  Verdict verdict{Later, "it answered " + std::to_string(outcome.status)};
  // What they say about the content. All else may pass, or be mended by somebody.
  if (outcome.status == 400 || outcome.status == 413 || outcome.status == 422)
    verdict.kind = Refused;
  const auto seconds = base::parse_int(outcome.retry_after);
  if (seconds && *seconds >= 0)
    verdict.wait = std::chrono::seconds(std::min(*seconds, kMaxWaitSeconds));
  return verdict;
}

Webhook::Outcome Webhook::ask(const Request& request, const std::stop_token& stop) {
  Outcome outcome;
  outcome.trouble = "stopped";
  bool ended = false;
  asio::co_spawn(io_, exchange(request),
                 [&](const std::exception_ptr& failure, const Outcome& answer) {
                   outcome = answer;
                   if (failure) outcome.trouble = "the request failed unexpectedly";
                   ended = true;
                 });
  io_.restart();
  {
    const std::stop_callback give_up(stop, [this] { io_.stop(); });
    io_.run();
  }
  if (!ended) {
    // Stopped half-way: the connection ends, and what waits on it with it.
    if (stream_) {
      beast::error_code ignored;
      beast::get_lowest_layer(*stream_).socket().close(ignored);
    }
    outcome = Outcome();
    outcome.trouble = "stopped";
  }
  return outcome;
}

Verdict Webhook::deliver(const Delivery& delivery, const std::stop_token& stop) {
  const Request request = make_request(delivery);
  Outcome outcome = ask(request, stop);
  if (outcome.again && !stop.stop_requested()) outcome = ask(request, stop);
  return judge(outcome);
}

}  // namespace

std::string sign(std::string_view secret, std::int64_t unix_time, std::string_view body) {
  std::string signed_text = std::to_string(unix_time) + ".";
  signed_text += body;
  const auto mac = base::hmac_sha256(base::as_bytes(secret), base::as_bytes(signed_text));
  return "t=" + std::to_string(unix_time) + ",v1=" + base::hex_encode(mac);
}

Result<std::unique_ptr<Target>> make_webhook(const ForwardSettings& settings) {
  auto target = std::make_unique<Webhook>(settings);
  TRY(target->prepare(settings));
  return target;
}

}  // namespace hub::egress
