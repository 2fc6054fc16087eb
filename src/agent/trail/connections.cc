#include "agent/trail/connections.h"

#include <algorithm>
#include <array>
#include <list>
#include <unordered_map>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/trail/call.h"
#include "audit/names.h"
#include "os/fd.h"

namespace agent::trail {

using audit::Activity;
using base::Result;
using connections::Address;
using connections::Endpoint;
using connections::Observed;
using connections::Sink;
using connections::SourceOptions;

namespace {

// Sockets whose type is remembered until they connect.
constexpr std::size_t kMaxSockets = 8192;

Address address_of(const std::string& text) {
  std::array<std::uint8_t, 4> four{};
  if (::inet_pton(AF_INET, text.c_str(), four.data()) == 1) return Address::v4(four);
  Address six;
  ::inet_pton(AF_INET6, text.c_str(), six.bytes.data());
  return six;
}

Endpoint endpoint_of(const audit::SocketAddress& address) {
  return {address_of(address.ip), address.port};
}

bool is_inet(int family) {
  return family == AF_INET || family == AF_INET6;
}

// A socket of another process, asked while it is open there.
struct LiveSocket {
  int family = 0;
  int protocol = 0;
  std::uint64_t inode = 0;
  std::optional<Endpoint> local;
  std::optional<Endpoint> peer;
};

template <class Ask>
std::optional<Endpoint> ask_address(int fd, Ask&& ask) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (ask(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
  const base::ByteView bytes(reinterpret_cast<const std::uint8_t*>(&storage), size);
  const auto read = audit::read_socket_address(bytes);
  if (!read || !is_inet(read->family)) return std::nullopt;
  return endpoint_of(*read);
}

// Takes a second descriptor of it for a moment. Needs CAP_SYS_PTRACE for others' processes.
std::optional<LiveSocket> look_at(std::uint32_t pid, int fd) {
  const os::Fd process(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  if (!process) return std::nullopt;
  const os::Fd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0)));
  if (!copy) return std::nullopt;
  LiveSocket socket;
  socklen_t size = sizeof socket.family;
  if (::getsockopt(copy.get(), SOL_SOCKET, SO_DOMAIN, &socket.family, &size) != 0)
    return std::nullopt;
  size = sizeof socket.protocol;
  ::getsockopt(copy.get(), SOL_SOCKET, SO_PROTOCOL, &socket.protocol, &size);
  struct stat status{};
  if (::fstat(copy.get(), &status) == 0) socket.inode = status.st_ino;
  socket.local = ask_address(copy.get(), ::getsockname);
  socket.peer = ask_address(copy.get(), ::getpeername);
  return socket;
}

// The types of sockets by process and descriptor; the oldest makes room.
class SocketTypes {
 public:
  void made(std::uint32_t pid, int fd, int type) {
    const std::uint64_t key = key_of(pid, fd);
    if (const auto known = types_.find(key); known != types_.end()) {
      known->second.type = type;
      ages_.splice(ages_.end(), ages_, known->second.age);
      return;
    }
    if (types_.size() >= kMaxSockets) {
      types_.erase(ages_.front());
      ages_.pop_front();
    }
    ages_.push_back(key);
    types_[key] = {type, std::prev(ages_.end())};
  }
  std::optional<int> find(std::uint32_t pid, int fd) const {
    const auto found = types_.find(key_of(pid, fd));
    if (found == types_.end()) return std::nullopt;
    return found->second.type;
  }

 private:
  struct Known {
    int type = 0;
    std::list<std::uint64_t>::iterator age;
  };
  static std::uint64_t key_of(std::uint32_t pid, int fd) {
    return (std::uint64_t{pid} << 32U) | static_cast<std::uint32_t>(fd);
  }
  std::unordered_map<std::uint64_t, Known> types_;
  std::list<std::uint64_t> ages_;
};

class AuditSource final : public connections::Source {
 public:
  AuditSource(audit::Stream& stream, SourceOptions options, Sink sink)
      : stream_(stream), options_(std::move(options)), sink_(std::move(sink)) {}

  Result<void> start() {
    subscription_ = TRY(stream_.subscribe({audit::types::kSyscall},
                                          [this](const audit::Event& event) { take(event); }));
    rules_ = TRY(stream_.watch(audit::connection_rules(static_cast<std::uint32_t>(::getpid())),
                               [this](const base::Error& error) {
                                 if (options_.on_failed) options_.on_failed(error);
                               }));
    before_ = stream_.stats().lost();
    return {};
  }

  std::string_view tier() const override { return "audit"; }
  bool lossy() const override { return false; }
  std::uint64_t lost() const override { return unknown_ + stream_.stats().lost() - before_; }
  void set_loopback(bool wanted) override { options_.loopback = wanted; }
  void drain() override { stream_.drain(); }

 private:
  void take(const audit::Event& event) {
    const auto call = read_socket_call(event);
    if (!call || (call->peer && !is_inet(call->peer->family))) return;
    if (call->activity == Activity::Socket) {
      if (is_inet(call->family) && call->fd) types_.made(call->pid, *call->fd, call->type);
      return;
    }
    const auto live = call->fd ? look_at(call->pid, *call->fd) : std::nullopt;
    if (live && !is_inet(live->family) && !call->peer) return;
    tell(*call, event.time, live);
  }

  void tell(const SocketCall& call, base::WallTime time, const std::optional<LiveSocket>& live) {
    Observed seen;
    seen.direction = call.activity == Activity::Accept ? connections::Direction::In
                                                       : connections::Direction::Out;
    if (call.peer) {
      seen.remote = endpoint_of(*call.peer);
    } else if (live && live->peer) {
      seen.remote = *live->peer;
    } else {
      // Accepted without asking who it was, and closed before we looked.
      ++unknown_;
      return;
    }
    // The descriptor may be another socket's by now.
    const bool same = live && (!live->peer || live->peer == seen.remote);
    const bool udp = is_udp(call, same ? live : std::nullopt);
    // A resolver's way to ask which of its addresses would be used: no datagram follows.
    if (udp && seen.remote.port == 0) return;
    if (seen.remote.address.is_loopback() && !options_.loopback) return;
    seen.protocol = udp ? connections::Protocol::Udp : connections::Protocol::Tcp;
    seen.attempt = call.in_progress || udp;
    seen.time = time;
    seen.pid = call.pid;
    seen.uid = call.uid;
    seen.executable = call.executable;
    seen.comm = call.comm;
    if (same) {
      seen.inode = live->inode;
      if (live->local) seen.local = *live->local;
    }
    if (options_.before_batch) options_.before_batch();
    sink_(seen);
  }

  bool is_udp(const SocketCall& call, const std::optional<LiveSocket>& live) const {
    if (call.activity == Activity::Accept) return false;
    if (const auto type = call.fd ? types_.find(call.pid, *call.fd) : std::nullopt)
      return *type == SOCK_DGRAM;
    return live && live->protocol == IPPROTO_UDP;
  }

  audit::Stream& stream_;
  SourceOptions options_;
  Sink sink_;
  SocketTypes types_;
  audit::Stream::Lease subscription_;
  audit::Stream::Lease rules_;
  std::uint64_t before_ = 0;
  std::uint64_t unknown_ = 0;
};

}  // namespace

connections::Opener connections_of(audit::Stream& stream) {
  return [&stream](os::Loop&, const SourceOptions& options,
                   Sink sink) -> Result<std::unique_ptr<connections::Source>> {
    auto source = std::make_unique<AuditSource>(stream, options, std::move(sink));
    TRY(source->start());
    return source;
  };
}

}  // namespace agent::trail
