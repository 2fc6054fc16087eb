// The server's HTTP, TLS and life, over real sockets; and the client that these tests use.
#include "hub/api/server.h"

#include <array>
#include <filesystem>
#include <fstream>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/text.h"
#include "hub/api/server_testing.h"

namespace hub::api {

using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

// A self-signed certificate for localhost and 127.0.0.1, and its key.
void write_certificate(const std::string& certificate_file, const std::string& key_file) {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
  std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509* x509 = certificate.get();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
  X509_set_pubkey(x509, key.get());
  X509_NAME* name = X509_get_subject_name(x509);
  const auto* text = reinterpret_cast<const unsigned char*>("localhost");
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
  X509_set_issuer_name(x509, name);
  X509V3_CTX context{};
  X509V3_set_ctx(&context, x509, x509, nullptr, nullptr, 0);
  for (const auto& [nid, value] : {std::pair(NID_basic_constraints, "critical,CA:TRUE"),
                                   std::pair(NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1")}) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
  }
  ASSERT_GT(X509_sign(x509, key.get(), EVP_sha256()), 0);
  std::unique_ptr<FILE, decltype(&fclose)> out(fopen(certificate_file.c_str(), "w"), fclose);
  PEM_write_X509(out.get(), x509);
  out.reset(fopen(key_file.c_str(), "w"));
  PEM_write_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
}

// TLS with a server that must be who its certificate says; blocking.
struct Connected::State {
  asio::io_context io;
  asio::ssl::context tls{asio::ssl::context::tls_client};
  beast::ssl_stream<asio::ip::tcp::socket> stream{io, tls};
  beast::flat_buffer buffer;

  // Runs what was started; a test that hangs is worse than one that fails.
  void run() {
    io.restart();
    io.run_for(20s);
    if (!io.stopped()) throw std::runtime_error("the server does not answer");
  }
};

Connected::Connected(std::uint16_t port, const std::string& ca_file)
    : state_(std::make_unique<State>()) {
  auto& stream = state_->stream;
  state_->tls.load_verify_file(ca_file);
  stream.set_verify_mode(asio::ssl::verify_peer);
  stream.next_layer().connect({asio::ip::make_address("127.0.0.1"), port});
  stream.handshake(asio::ssl::stream_base::client);
}
Connected::~Connected() = default;
Connected::Connected(Connected&&) noexcept = default;

Reply Connected::exchange(const std::string& request) {
  send_raw(request);
  return read(request.starts_with("HEAD ") ? Kind::Head : Kind::Full);
}

Reply Connected::read(Kind kind) {
  http::response_parser<http::string_body> parser;
  parser.body_limit(64U << 20U);
  parser.skip(kind == Kind::Head);
  beast::error_code failed;
  http::async_read(state_->stream, state_->buffer, parser,
                   [&failed](beast::error_code error, std::size_t) { failed = error; });
  state_->run();
  if (failed) throw beast::system_error(failed);
  Reply reply;
  reply.status = parser.get().result_int();
  for (const auto& field : parser.get()) {
    const auto name = field.name_string();
    reply.headers[base::to_lower({name.data(), name.size()})] = std::string(field.value());
  }
  reply.body = parser.get().body();
  return reply;
}

void Connected::send_raw(std::string_view text) {
  asio::write(state_->stream, asio::buffer(text.data(), text.size()));
}

std::string Connected::read_raw(std::string_view until) {
  std::string text;
  while (text.find(until) == std::string::npos) {
    std::array<char, 4096> piece{};
    beast::error_code failed;
    std::size_t count = 0;
    state_->stream.async_read_some(asio::buffer(piece),
                                   [&](beast::error_code error, std::size_t n) {
                                     failed = error;
                                     count = n;
                                   });
    state_->run();
    text.append(piece.data(), count);
    if (failed) break;
  }
  return text;
}

bool Connected::closed_by_peer() {
  return read_raw("\n").empty();
}

void Connected::vanish() {
  state_->stream.next_layer().close();
}

namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// --- HTTP ---

TEST_F(ServerTest, EveryAnswerIsGuarded) {
  start();
  for (const char* target : {"/", "/healthz", "/api/v1/status", "/api/v2", "/assets/none.js"}) {
    const Reply reply = get(target);
    EXPECT_EQ(reply.headers.at("content-security-policy"),
              "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
              "font-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; "
              "form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
              "trusted-types svelte-trusted-html")
        << target;
    EXPECT_EQ(reply.headers.at("x-content-type-options"), "nosniff");
    EXPECT_EQ(reply.headers.at("referrer-policy"), "no-referrer");
    EXPECT_EQ(reply.headers.at("cross-origin-opener-policy"), "same-origin");
    EXPECT_THAT(reply.headers.at("strict-transport-security"), StartsWith("max-age="));
    EXPECT_EQ(reply.headers.at("x-request-id").size(), 16U);
  }
}

TEST_F(ServerTest, SaysWhichMethodsAPathHas) {
  start();
  const Reply reply = send("POST", "/api/v1/alerts", "{}", owner());
  EXPECT_EQ(reply.status, 405U);
  EXPECT_EQ(reply.headers.at("allow"), "GET, HEAD");
  EXPECT_EQ(send("OPTIONS", "/api/v1/devices/d", "", owner()).headers.at("allow"),
            "GET, HEAD, PUT, DELETE");
  EXPECT_EQ(send("POST", "/", "x").status, 405U);
  EXPECT_EQ(get("/api/v1/nothing", owner()).code(), "NotFound");
  EXPECT_EQ(get("/api", owner()).status, 404U);
}

TEST_F(ServerTest, HeadHasHeadersOnly) {
  start();
  const Headers who = token(Role::Reader);
  const Reply head = send("HEAD", "/api/v1/query/schema", "", who);
  const Reply full = get("/api/v1/query/schema", who);
  EXPECT_EQ(head.status, 200U);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.headers.at("content-length"), std::to_string(full.body.size()));
}

TEST_F(ServerTest, KeepsConnections) {
  start();
  Connected connection = connect();
  const auto request = make("GET", "/api/v1/status", "", token(Role::Reader));
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(connection.exchange(request).status, 200U);
  // Two at once: answered in order.
  connection.send_raw(request + make("GET", "/healthz", "", {}));
  EXPECT_THAT(connection.read().body, HasSubstr("uptimeSeconds"));
  EXPECT_EQ(connection.read().body, "ok\n");
}

TEST_F(ServerTest, RefusesWhatIsTooLarge) {
  options_.max_body_bytes = 1000;
  start();
  Connected body = connect();
  EXPECT_EQ(body.exchange(make("POST", "/api/v1/query", std::string(1001, 'x'), {})).status, 413U);
  EXPECT_TRUE(body.closed_by_peer());
  Connected header = connect();
  EXPECT_EQ(header.exchange(make("GET", "/", "", {{"X-Long", std::string(17'000, 'x')}})).status,
            413U);
  // Chunked, so that the size is not known beforehand.
  Connected chunked = connect();
  chunked.send_raw(
      "POST /api/v1/query HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n" +
      std::string(1024, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.read().status, 413U);
}

// The answer comes while most of the content is still on its way.
TEST_F(ServerTest, TheRefusedReadTheirAnswer) {
  options_.max_body_bytes = 1000;
  start();
  const std::string content(std::size_t{4} << 20U, 'x');
  for (int i = 0; i < 3; ++i) {
    Connected connection = connect();
    EXPECT_EQ(connection.exchange(make("POST", "/api/v1/query", content, {})).status, 413U);
    EXPECT_TRUE(connection.closed_by_peer());
  }
}

TEST_F(ServerTest, ContentsShareTheirRoom) {
  options_.max_held_body_bytes = 100'000;
  start();
  const std::string large = make("POST", "/api/v1/query", std::string(90'000, 'x'), {});
  Connected half = connect();
  half.send_raw(std::string_view(large).substr(0, large.size() - 10));
  unsigned status = 0;
  for (int attempt = 0; attempt < 1000 && status != 503U; ++attempt)
    status = connect().exchange(large).status;
  EXPECT_EQ(status, 503U) << "once the first is there, the second has no room";
  EXPECT_EQ(connect().exchange(make("POST", "/api/v1/query", "{}", {})).status, 401U)
      << "small ones need none";
  half.send_raw(std::string_view(large).substr(large.size() - 10));
  EXPECT_EQ(half.read().status, 401U);
  half.vanish();
  for (int attempt = 0; attempt < 1000 && status != 401U; ++attempt)
    status = connect().exchange(large).status;
  EXPECT_EQ(status, 401U) << "and then it has";
}

TEST_F(ServerTest, HealthSaysWhatIsWrong) {
  start();
  EXPECT_EQ(get("/healthz").status, 200U);
  trouble_ = "messages are refused";
  const Reply reply = get("/healthz");
  EXPECT_EQ(reply.status, 503U);
  EXPECT_EQ(reply.body, "messages are refused\n");
}

TEST_F(ServerTest, RefusesWhatIsNotHttp) {
  start();
  for (const char* text :
       {"HELO hub\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET /\r\n\r\n",
        "GET / HTTP/1.1\r\nbad header\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"}) {
    Connected connection = connect();
    connection.send_raw(text);
    EXPECT_EQ(connection.read().status, 400U) << text;
    EXPECT_TRUE(connection.closed_by_peer()) << text;
  }
  for (const char* target : {"/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/a%00b", "//"}) {
    const Reply reply = get(target);
    EXPECT_THAT(reply.status, ::testing::AnyOf(400U, 200U)) << target;
    EXPECT_THAT(reply.body, Not(HasSubstr("root:"))) << target;
  }
  EXPECT_EQ(get("/%2e%2e/etc/passwd").status, 400U);
}

TEST_F(ServerTest, AnswersExpectContinue) {
  start();
  Connected connection = connect();
  connection.send_raw(
      "POST /api/v1/session HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
      "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(connection.read_raw("\r\n\r\n"), StartsWith("HTTP/1.1 100 Continue"));
  connection.send_raw("{}");
  EXPECT_EQ(connection.read().status, 400U);
}

TEST_F(ServerTest, SlowClientsAreCut) {
  options_.header_timeout = 1s;
  options_.idle_timeout = 1s;
  start();
  Connected silent = connect();
  EXPECT_TRUE(silent.closed_by_peer());
  Connected dawdling = connect();
  dawdling.send_raw("GET /healthz HTTP/1.1\r\nHost: h\r\nX-Slow: ");
  EXPECT_TRUE(dawdling.closed_by_peer());
  Connected idle = connect();
  EXPECT_EQ(idle.exchange(make("GET", "/healthz", "", {})).status, 200U);
  EXPECT_TRUE(idle.closed_by_peer());
}

TEST_F(ServerTest, ConnectionsAreLimited) {
  options_.max_connections = 4;
  start();
  // An address has half of the places.
  Connected first = connect();
  Connected second = connect();
  EXPECT_ANY_THROW(connect());
  EXPECT_EQ(first.exchange(make("GET", "/healthz", "", {})).status, 200U);
}

TEST_F(ServerTest, PlainHttpIsNotServed) {
  start();
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  socket.connect({asio::ip::make_address("127.0.0.1"), server_->port()});
  asio::write(socket, asio::buffer(std::string("GET / HTTP/1.1\r\n\r\n")));
  beast::error_code error;
  std::string answer(1000, '\0');
  const std::size_t count = socket.read_some(asio::buffer(answer), error);
  EXPECT_THAT(answer.substr(0, count), Not(HasSubstr("HTTP/1.1 200")));
}

// --- the portal ---

TEST_F(ServerTest, ServesThePortalFromAFolder) {
  options_.portal_dir = dir_ + "/portal";
  std::filesystem::create_directories(options_.portal_dir + "/assets");
  std::ofstream(options_.portal_dir + "/index.html") << "<html>portal</html>";
  std::ofstream(options_.portal_dir + "/assets/app-1.js") << "let a;";
  std::ofstream(dir_ + "/secret") << "secret";
  start();
  const Reply index = get("/");
  EXPECT_EQ(index.body, "<html>portal</html>");
  EXPECT_EQ(index.headers.at("cache-control"), "no-cache");
  EXPECT_EQ(index.headers.at("vary"), "Accept-Encoding");
  EXPECT_EQ(get("/alerts/some-id").body, index.body) << "the portal resolves its own paths";
  const Reply script = get("/assets/app-1.js");
  EXPECT_EQ(script.headers.at("content-type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(script.headers.at("cache-control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(get("/assets/app-2.js").status, 404U);
  const Reply same = get("/", {{"If-None-Match", index.headers.at("etag")}});
  EXPECT_EQ(same.status, 304U);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(same.headers.at("etag"), index.headers.at("etag"));
  EXPECT_EQ(get("/", {{"If-None-Match", "\"other\""}}).status, 200U);
  EXPECT_THAT(get("/assets/..%2f..%2fsecret").body, Not(HasSubstr("secret\n")));
  EXPECT_EQ(get("/assets/%2e%2e/%2e%2e/secret").status, 400U);
}

// --- starting and stopping ---

TEST_F(ServerTest, StopsWhileStreamsAndQueriesRun) {
  start();
  const Headers who = token(Role::Reader);
  Connected stream = connect();
  stream.send_raw(make("GET", "/api/v1/stream", "", who));
  stream.read_raw("\nid: ");
  Connected slow = connect();
  slow.send_raw(make("POST", "/api/v1/query", slow_query(60000), who));
  Connected idle = connect();
  EXPECT_EQ(idle.exchange(make("GET", "/healthz", "", {})).status, 200U);
  const auto before = base::mono_now();
  server_->stop();
  EXPECT_LT(base::mono_now() - before, 10s);
  EXPECT_TRUE(idle.closed_by_peer());
}

TEST_F(ServerTest, SaysWhyItCannotStart) {
  start();
  Dependencies dependencies;
  dependencies.registry = registry_.get();
  dependencies.operations = &operations_;
  dependencies.alerts = alerts_.get();
  dependencies.queries = queries_.get();
  dependencies.twins = twins_.get();
  Options taken = options_;
  taken.port = server_->port();
  auto in_use = Server::create(taken, dependencies);
  ASSERT_FALSE(in_use);
  EXPECT_EQ(in_use.error().code, base::Code::Conflict);
  EXPECT_THAT(in_use.error().detail, HasSubstr(std::to_string(taken.port)));

  Options no_certificate = options_;
  no_certificate.certificate_file = dir_ + "/none.pem";
  EXPECT_THAT(Server::create(no_certificate, dependencies).error().detail, HasSubstr("none.pem"));
  write_certificate(dir_ + "/other.pem", dir_ + "/other.key");
  Options wrong_key = options_;
  wrong_key.key_file = dir_ + "/other.key";
  EXPECT_EQ(Server::create(wrong_key, dependencies).error().code, base::Code::Invalid);
  Options bad_address = options_;
  bad_address.listen_address = "everywhere";
  EXPECT_EQ(Server::create(bad_address, dependencies).error().code, base::Code::Invalid);
}

}  // namespace
}  // namespace hub::api
