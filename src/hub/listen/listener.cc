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
#include "hub/identity/ip_filter.h"
#include "hub/link/places.h"
#include "hub/link/service.h"
#include "hub/listen/tls.h"
#include "hub/listen/worker.h"
#include "os/fd.h"

namespace hub::listen {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;
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

std::unexpected<base::Error> bind_failed(const std::string& address, const Port& port) {
  const std::string where = endpoint_text(address, port.port);
  switch (errno) {
    case EADDRINUSE:
      return fail(Code::Conflict, "listen", -1,
                  where + " is in use by another program: stop it, or choose another port with " +
                      port.setting + " (`ss -ltnp` shows who has it)");
    case EACCES:
      return fail(Code::Denied, "listen", -1,
                  where + ": ports below 1024 need CAP_NET_BIND_SERVICE; choose another with " +
                      port.setting);
    case EADDRNOTAVAIL:
      return fail(Code::Invalid, "listen", -1,
                  where + ": this machine has no such address; see --listen or listen.address");
    default:
      return fail_errno("listen", where);
  }
}

Result<Fd> open_socket(const std::string& on_address, const Port& port) {
  Address address = TRY(parse_address(on_address, port.port));
  Fd socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return fail_errno("socket");
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket.get(), address.get(), address.size) != 0) return bind_failed(on_address, port);
  if (::listen(socket.get(), kBacklog) != 0) return bind_failed(on_address, port);
  return socket;
}

// A port that is listened on.
struct Door {
  Fd socket;
  std::string ip;
  std::uint16_t port = 0;
  Protocol protocol;
};

Result<std::unique_ptr<Door>> open_door(const std::string& address, Port port) {
  auto door = std::make_unique<Door>();
  door->socket = TRY(open_socket(address, port));
  Address bound;
  bound.size = sizeof bound.storage;
  if (::getsockname(door->socket.get(), bound.get(), &bound.size) != 0)
    return fail_errno("getsockname");
  door->ip = ip_text(bound);
  door->port = port_of(bound);
  door->protocol = std::move(port.protocol);
  return door;
}

}  // namespace

struct Listener::State {
  State(link::Service& shared, TlsServer server) : service(shared), tls(std::move(server)) {}

  link::Service& service;
  TlsServer tls;
  // Of those who have not logged in yet, half for one address: the rest is left for others.
  std::shared_ptr<link::AddressPlaces> pending =
      link::AddressPlaces::create(std::max<std::size_t>(service.options.max_pending_logins / 2, 1));
  std::vector<std::unique_ptr<Door>> doors;
  std::vector<std::unique_ptr<Worker>> workers;  // the first one accepts
  bool stopped = false;

  void watch(const Door& door) {
    const auto watched =
        workers.front()->loop().watch(door.socket.get(), os::Loop::kReadable,
                                      [this, &door](std::uint32_t) { accept_some(door); });
    if (watched) return;
    LOG_ERROR("listen.accept").field("error", watched.error().to_string());
  }

  void accept_some(const Door& door) {
    for (int turn = 0; turn < kAcceptsPerTurn; ++turn) {
      Address peer;
      peer.size = sizeof peer.storage;
      Fd accepted(
          ::accept4(door.socket.get(), peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (accepted) {
        admit(std::move(accepted), ip_text(peer), door.protocol);
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      LOG_WARNING("listen.accept").field("error", ::strerrordesc_np(errno));
      workers.front()->loop().unwatch(door.socket.get());
      workers.front()->loop().after(kAcceptPause, [this, &door] { watch(door); });
      return;
    }
  }

  operations::Record refusal(const std::string& from, const Protocol& protocol) const {
    operations::Record record;
    record.time = service.options.wall_now();
    record.operation = "deviceConnect";
    record.level = operations::Level::Error;
    record.protocol = protocol.name;
    record.ip = from;
    return record;
  }

  // By the rules about addresses, before anything is spent on it.
  bool refuse_address(const std::string& from, const Protocol& protocol) {
    const auto verdict = service.registry.ip_filter().decide(from);
    if (verdict.access == identity::Access::Allow) return false;
    service.counters.refused_address.add();
    operations::Record record = refusal(from, protocol);
    record.status_code = 401;
    record.sub_code = 401003;
    record.reason = operations::Reason::IpFilter;
    record.detail = "refused by the rule '" + verdict.rule + "'";
    service.operations.record(std::move(record));
    return true;
  }

  void admit(Fd accepted, std::string from, const Protocol& protocol) {
    service.counters.accepted.add();
    if (refuse_address(from, protocol)) return;
    link::AddressPlaces::Place place = pending->take(from);
    if (!place || service.connections.load() >= service.options.max_connections ||
        service.pending_logins.load() >= service.options.max_pending_logins) {
      service.counters.refused_limit.add();
      operations::Record record = refusal(from, protocol);
      record.status_code = 503;
      record.reason = operations::Reason::Limit;
      record.detail = "too many connections, or too many that did not log in yet";
      service.operations.record(std::move(record));
      LOG_WARNING("listen.limit")
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
    (*least)->adopt({std::move(accepted), std::move(from), std::move(place)}, protocol);
  }
};

Listener::Listener(std::unique_ptr<State> state) : state_(std::move(state)) {}

Listener::~Listener() {
  stop();
}

Result<std::unique_ptr<Listener>> Listener::create(Options options, link::Service& service) {
  TlsServer tls = TRY(TlsServer::create(options.certificate_file, options.key_file, options.tls));
  auto state = std::make_unique<State>(service, std::move(tls));
  for (Port& port : options.ports)
    state->doors.push_back(TRY(open_door(options.address, std::move(port))));

  unsigned threads = options.threads;
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < threads; ++i)
    state->workers.push_back(TRY(Worker::create(service, state->tls)));
  for (const auto& door : state->doors)
    state->watch(*door);
  return std::unique_ptr<Listener>(new Listener(std::move(state)));
}

void Listener::start() {
  unsigned number = 0;
  for (const auto& worker : state_->workers)
    worker->start(number++);
}

std::uint16_t Listener::port(std::size_t index) const {
  return state_->doors.at(index)->port;
}
std::string Listener::endpoint(std::size_t index) const {
  const Door& door = *state_->doors.at(index);
  return endpoint_text(door.ip, door.port);
}

void Listener::stop_reading() {
  if (state_->stopped) return;
  // The accepting worker owns the sockets' watches.
  state_->workers.front()->loop().post([state = state_.get()] {
    for (const auto& door : state->doors)
      state->workers.front()->loop().unwatch(door->socket.get());
  });
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
