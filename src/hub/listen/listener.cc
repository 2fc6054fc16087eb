#include "hub/listen/listener.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/log.h"
#include "hub/listen/service.h"
#include "hub/listen/tls.h"
#include "hub/listen/worker.h"
#include "os/fd.h"

namespace hub::listen {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;
using operations::Reason;
using os::Fd;

namespace {

constexpr int kBacklog = 1024;
constexpr int kAcceptsPerTurn = 64;
// After the process ran out of descriptors; accepting again at once would only spin.
constexpr std::chrono::milliseconds kAcceptPause{100};

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

Result<Address> parse_address(const std::string& text, std::uint16_t port) {
  Address address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address.size = sizeof v4;
    std::memcpy(&address.storage, &v4, sizeof v4);
    return address;
  }
  if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    address.size = sizeof v6;
    std::memcpy(&address.storage, &v6, sizeof v6);
    return address;
  }
  return fail(Code::Invalid, "listen address", -1, "expected an IP address, found '" + text + "'");
}

// The address without port; an IPv4 address that came through an IPv6 socket as what it is.
std::string ip_text(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof v4);
    ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return text.data();
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.storage, sizeof v6);
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  const std::string_view written = text.data();
  constexpr std::string_view kMapped = "::ffff:";
  const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) != 0 && written.starts_with(kMapped);
  return std::string(mapped ? written.substr(kMapped.size()) : written);
}

std::uint16_t port_of(const Address& address) {
  // The port stands at the same place in both kinds.
  sockaddr_in v4{};
  std::memcpy(&v4, &address.storage, sizeof v4);
  return ntohs(v4.sin_port);
}

std::string endpoint_text(const std::string& ip, std::uint16_t port) {
  const bool v6 = ip.find(':') != std::string::npos;
  return (v6 ? "[" + ip + "]" : ip) + ":" + std::to_string(port);
}

std::unexpected<base::Error> bind_failed(const Options& options) {
  const std::string where = endpoint_text(options.address, options.port);
  switch (errno) {
    case EADDRINUSE:
      return fail(
          Code::Conflict, "listen for MQTT", -1,
          where +
              " is in use by another program: stop it, or choose another port with --mqtt-port or "
              "listen.mqtt_port (`ss -ltnp` shows who has it)");
    case EACCES:
      return fail(
          Code::Denied, "listen for MQTT", -1,
          where +
              ": ports below 1024 need CAP_NET_BIND_SERVICE; choose another with --mqtt-port or "
              "listen.mqtt_port");
    case EADDRNOTAVAIL:
      return fail(Code::Invalid, "listen for MQTT", -1,
                  where + ": this machine has no such address; see --listen or listen.address");
    default:
      return fail_errno("listen for MQTT", where);
  }
}

Result<Fd> open_socket(const Options& options) {
  Address address = TRY(parse_address(options.address, options.port));
  Fd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket");
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), address.get(), address.size) != 0) return bind_failed(options);
  if (::listen(socket.get(), kBacklog) != 0) return bind_failed(options);
  return socket;
}

}  // namespace

struct Listener::State {
  State(Options options, identity::Registry& registry, operations::Operations& operations,
        Sink& sink, TlsServer server)
      : service(std::move(options), registry, operations, sink), tls(std::move(server)) {}

  Service service;
  TlsServer tls;
  Fd socket;
  std::string ip;
  std::uint16_t port = 0;
  std::vector<std::unique_ptr<Worker>> workers;  // the first one accepts
  bool stopped = false;

  void watch_socket() {
    const auto watched = workers.front()->loop().watch(socket.get(), os::Loop::kReadable,
                                                       [this](std::uint32_t) { accept_some(); });
    if (watched) return;
    LOG_ERROR("mqtt.accept").field("error", watched.error().to_string());
  }

  void accept_some() {
    for (int turn = 0; turn < kAcceptsPerTurn; ++turn) {
      Address peer;
      peer.size = sizeof peer.storage;
      Fd accepted(::accept4(socket.get(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (accepted) {
        admit(std::move(accepted), ip_text(peer));
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      LOG_WARNING("mqtt.accept").field("error", std::strerror(errno));
      workers.front()->loop().unwatch(socket.get());
      workers.front()->loop().after(kAcceptPause, [this] { watch_socket(); });
      return;
    }
  }

  void admit(Fd accepted, std::string from) {
    service.counters.accepted.add();
    if (service.connections.load() >= service.options.max_connections ||
        service.pending_logins.load() >= service.options.max_pending_logins) {
      service.counters.refused_limit.add();
      LOG_WARNING("mqtt.limit")
          .field("ip", from)
          .field("connections", static_cast<std::uint64_t>(service.connections.load()))
          .field("pending_logins", static_cast<std::uint64_t>(service.pending_logins.load()));
      return;
    }
    service.connections.fetch_add(1);
    service.pending_logins.fetch_add(1);
    const int on = 1;
    ::setsockopt(accepted.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto least =
        std::ranges::min_element(workers, {}, [](const auto& worker) { return worker->load(); });
    (*least)->adopt(std::move(accepted), std::move(from));
  }

  void revoke(const identity::Name& name, Reason reason) {
    service.revocations.fetch_add(1);
    for (const SessionTable::Place& place : service.sessions.find(name))
      place.host->cut(place.connection, reason);
  }
};

Listener::Listener(std::shared_ptr<State> state) : state_(std::move(state)) {}

Listener::~Listener() {
  stop();
}

Result<std::unique_ptr<Listener>> Listener::create(Options options, identity::Registry& registry,
                                                   operations::Operations& operations, Sink& sink) {
  TlsServer tls = TRY(TlsServer::create(options.certificate_file, options.key_file));
  auto state =
      std::make_shared<State>(std::move(options), registry, operations, sink, std::move(tls));
  state->socket = TRY(open_socket(state->service.options));
  Address bound;
  bound.size = sizeof bound.storage;
  if (::getsockname(state->socket.get(), bound.get(), &bound.size) != 0)
    return fail_errno("getsockname");
  state->ip = ip_text(bound);
  state->port = port_of(bound);

  unsigned threads = state->service.options.threads;
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < threads; ++i)
    state->workers.push_back(TRY(Worker::create(state->service, state->tls)));
  state->watch_socket();
  // The registry may outlive the listener.
  registry.add_listener(
      [weak = std::weak_ptr(state)](const identity::Name& name, identity::Registry::Event event) {
        const auto alive = weak.lock();
        if (!alive) return;
        if (event == identity::Registry::Event::Disabled) alive->revoke(name, Reason::Disabled);
        if (event == identity::Registry::Event::Deleted) alive->revoke(name, Reason::Deleted);
      });
  return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

void Listener::start() {
  unsigned number = 0;
  for (const auto& worker : state_->workers)
    worker->start(number++);
}

std::uint16_t Listener::port() const {
  return state_->port;
}
std::string Listener::endpoint() const {
  return endpoint_text(state_->ip, state_->port);
}
std::size_t Listener::connections() const {
  return state_->service.connections.load();
}
const Counters& Listener::counters() const {
  return state_->service.counters;
}

void Listener::disconnect(const identity::Name& name, Reason reason) {
  state_->revoke(name, reason);
}

void Listener::stop_reading() {
  if (state_->stopped) return;
  // The accepting worker owns the socket's watch.
  state_->workers.front()->loop().post(
      [state = state_.get()] { state->workers.front()->loop().unwatch(state->socket.get()); });
  for (const auto& worker : state_->workers)
    worker->stop_reading();
}

void Listener::stop() {
  if (std::exchange(state_->stopped, true)) return;
  // The first worker hands sockets to the others: it ends first.
  for (const auto& worker : state_->workers)
    worker->stop();
}

}  // namespace hub::listen
