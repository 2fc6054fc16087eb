#include "hub/api/server.h"

#include <algorithm>
#include <thread>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "base/log.h"
#include "detect/alerts.h"
#include "hub/api/connection.h"
#include "hub/identity/certificate.h"
#include "hub/identity/registry.h"

namespace hub::api {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::hours kPurgeEvery{1};
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr int kBacklog = 512;

int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, kHttp11, sizeof kHttp11, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

Result<void> load_tls(asio::ssl::context& tls, const Options& options) {
  SSL_CTX* context = tls.native_handle();
  TRY(identity::apply_tls_rules(context, options.tls));
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  // Devices may prove themselves by one. Browsers offer those of the named authority only, which
  // are none: nobody is asked which certificate to show to the portal.
  TRY(identity::ask_for_certificates(context, options.certificate_file));
  SSL_CTX_set_alpn_select_cb(context, select_protocol, nullptr);
  boost::system::error_code error;
  tls.use_certificate_chain_file(options.certificate_file, error);
  if (error) {
    return fail(Code::Invalid, "HTTPS certificate", -1,
                options.certificate_file + ": " + error.message());
  }
  tls.use_private_key_file(options.key_file, asio::ssl::context::pem, error);
  if (error) {
    return fail(Code::Invalid, "HTTPS key", -1, options.key_file + ": " + error.message());
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return fail(Code::Invalid, "HTTPS key", -1,
                options.key_file + " is not the key of " + options.certificate_file);
  }
  return {};
}

Result<void> listen(tcp::acceptor& acceptor, const Options& options) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options.listen_address, error);
  if (error) {
    return fail(Code::Invalid, "HTTPS address", -1, options.listen_address + " is no IP address");
  }
  const tcp::endpoint endpoint(address, options.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  if (error == asio::error::address_in_use) {
    return fail(Code::Conflict, "HTTPS port in use", -1,
                fmt::format("another program listens on {} port {}; stop it, or choose another "
                            "port with --https-port",
                            options.listen_address, options.port));
  }
  if (error) {
    return fail(Code::Io, "listen for HTTPS", error.value(),
                fmt::format("{} port {}", options.listen_address, options.port));
  }
  return {};
}

Result<std::unique_ptr<Workers>> make_workers(const Options& options, unsigned threads,
                                              std::size_t max_queued) {
  std::vector<std::unique_ptr<Accounts>> accounts;
  for (unsigned i = 0; i < std::max(threads, 1U); ++i) {
    accounts.push_back(TRY(Accounts::open(options.state_file)));
  }
  return std::make_unique<Workers>(std::move(accounts), max_queued);
}

std::string_view change_name(identity::Registry::Event event) {
  using Event = identity::Registry::Event;
  switch (event) {
    case Event::Created:
      return "created";
    case Event::Deleted:
      return "deleted";
    case Event::Connected:
      return "connected";
    case Event::Disconnected:
      return "disconnected";
    case Event::Updated:
    case Event::Disabled:
      break;
  }
  return "changed";
}

// The callbacks live as long as what they listen to, so they own the log of changes.
void listen_to_changes(const Dependencies& dependencies, const std::shared_ptr<Changes>& changes) {
  dependencies.alerts->on_change([changes](const detect::AlertChange& change) {
    std::string json;
    base::json::Writer writer(json);
    writer.begin_object();
    writer.field("id", change.id);
    writer.field("severity", detect::to_string(change.severity));
    writer.field("title", change.title);
    writer.field("status", detect::to_string(change.status));
    writer.field("deviceId", change.device_id);
    writer.end_object();
    changes->publish("alert", json);
  });
  dependencies.registry->add_listener(
      [changes](const identity::Name& name, identity::Registry::Event event) {
        std::string json;
        base::json::Writer writer(json);
        writer.begin_object();
        writer.field("deviceId", name.device_id);
        if (name.is_module()) writer.field("moduleId", name.module_id);
        writer.field("change", change_name(event));
        writer.end_object();
        changes->publish("device", json);
      });
}

}  // namespace

struct Server::State {
  Shared shared;  // outlives the connections, which end with `io` at the latest
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  asio::strand<asio::io_context::executor_type> strand{asio::make_strand(io)};
  tcp::acceptor acceptor{strand};
  asio::steady_timer pause{strand};
  asio::steady_timer purge{strand};
  std::vector<std::jthread> threads;
  std::uint16_t port = 0;
  bool stopped = false;

  asio::awaitable<void> accept();
  void record_refusal(const std::string& address) const;
  asio::awaitable<void> purge_regularly();
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() {
  stop(std::chrono::milliseconds(0));
}

Result<std::unique_ptr<Server>> Server::create(Options options, Dependencies dependencies) {
  ASSERT(dependencies.registry != nullptr && dependencies.operations != nullptr &&
         dependencies.alerts != nullptr && dependencies.queries != nullptr &&
         dependencies.twins != nullptr);
  auto state = std::make_unique<State>();
  TRY(load_tls(state->shared.tls, options));
  Services& services = state->shared.services;
  services.started = base::wall_now();
  services.started_mono = base::mono_now();
  services.changes = std::make_shared<Changes>(services.started);
  state->shared.places =
      link::AddressPlaces::create(std::max<std::size_t>(options.max_connections / 2, 1));
  state->shared.request_workers =
      TRY(make_workers(options, options.request_threads, options.max_queued_requests));
  state->shared.query_workers =
      TRY(make_workers(options, options.query_threads, options.max_queued_queries));
  TRY(listen(state->acceptor, options));
  boost::system::error_code error;
  state->port = state->acceptor.local_endpoint(error).port();
  listen_to_changes(dependencies, services.changes);
  const bool v6 = options.listen_address.find(':') != std::string::npos;
  const std::string host = v6 ? "[" + options.listen_address + "]" : options.listen_address;
  options.endpoints.emplace_back("https", fmt::format("https://{}:{}", host, state->port));
  services.options = std::move(options);
  services.dependencies = std::move(dependencies);
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

std::uint16_t Server::port() const {
  return state_->port;
}

void Server::publish(std::string_view event, std::string_view json) {
  state_->shared.services.changes->publish(event, json);
}

void Server::State::record_refusal(const std::string& address) const {
  operations::Record record;
  record.time = base::wall_now();
  record.operation = "deviceConnect";
  record.status_code = 503;
  record.level = operations::Level::Error;
  record.protocol = operations::Protocol::Https;
  record.reason = operations::Reason::Limit;
  record.detail = "too many connections";
  record.ip = address;
  shared.services.dependencies.operations->record(std::move(record));
}

asio::awaitable<void> Server::State::accept() {
  Counters& counters = shared.services.counters;
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(asio::make_strand(io), kAwait);
    if (error == asio::error::operation_aborted || !acceptor.is_open()) co_return;
    if (error) {  // out of descriptors: give others time to close theirs
      LOG_WARNING("api.accept_failed").field("error", error.message());
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kAwait);
      continue;
    }
    std::shared_ptr<Connection> connection;  // released after the lock, which its end takes
    const std::lock_guard lock(shared.mutex);
    boost::system::error_code unknown;
    const auto peer = socket.remote_endpoint(unknown);
    const std::string address = unknown ? "" : peer.address().to_string(unknown);
    auto place = shared.places->take(address);
    if (!place ||
        shared.connections.size() - shared.upgraded >= shared.services.options.max_connections) {
      counters.refused_connections.add();
      record_refusal(address);
      continue;  // closes it
    }
    counters.connections.add();
    connection = std::make_shared<Connection>(std::move(socket), shared, std::move(place));
    shared.connections.emplace(connection.get(), connection);
    connection->start();
  }
}

asio::awaitable<void> Server::State::purge_regularly() {
  for (;;) {
    const bool taken = shared.request_workers->submit([](Accounts& accounts) {
      if (auto purged = accounts.purge(base::wall_now()); !purged) {
        LOG_WARNING("api.purge_failed").field("error", purged.error().to_string());
      }
    });
    purge.expires_after(taken ? std::chrono::seconds(kPurgeEvery) : std::chrono::seconds(60));
    const auto [error] = co_await purge.async_wait(kAwait);
    if (error) co_return;
  }
}

void Server::start(unsigned io_threads) {
  ASSERT(state_->threads.empty() && !state_->stopped);
  const auto log_failure = [](const std::exception_ptr& failure) {
    if (failure) {
      LOG_ERROR("api.server_failed");
    }
  };
  asio::co_spawn(state_->strand, state_->accept(), log_failure);
  asio::co_spawn(state_->strand, state_->purge_regularly(), log_failure);
  for (unsigned i = 0; i < std::max(io_threads, 1U); ++i) {
    state_->threads.emplace_back([this] { state_->io.run(); });
  }
}

void Server::stop(std::chrono::milliseconds grace) {
  State& state = *state_;
  if (std::exchange(state.stopped, true)) return;
  asio::post(state.strand, [&state] {
    boost::system::error_code error;
    state.acceptor.close(error);
    state.purge.cancel();
    state.pause.cancel();
  });
  {
    std::unique_lock lock(state.shared.mutex);
    std::vector<std::shared_ptr<Connection>> connections;
    for (const auto& [key, weak] : state.shared.connections) {
      if (auto connection = weak.lock()) connections.push_back(std::move(connection));
    }
    lock.unlock();
    for (const auto& connection : connections)
      connection->stop();
    connections.clear();
    lock.lock();
    state.shared.empty.wait_for(lock, grace, [&state] { return state.shared.connections.empty(); });
  }
  // Workers end before the threads that take their answers; what is left is dropped with its
  // connection.
  state.shared.query_workers->stop();
  state.shared.request_workers->stop();
  state.work.reset();
  state.io.stop();
  state.threads.clear();  // joins
}

}  // namespace hub::api
