#include "agent/connections/socket_list.h"

namespace agent::connections {

using snapshot::ports::Family;
using snapshot::ports::Transport;

namespace {

// As the kernel counts TCP states.
constexpr std::uint8_t kSynSent = 2;
constexpr std::uint8_t kSynReceived = 3;
constexpr std::uint8_t kTimeWait = 6;
constexpr std::uint8_t kClose = 7;
constexpr std::uint8_t kNewSynReceived = 12;

Address address_of(const std::array<std::uint8_t, 16>& bytes, Family family) {
  if (family == Family::V4) return Address::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  return Address{bytes};
}

bool is_within(const SocketList::Socket& socket) {
  return socket.local == socket.remote || address_of(socket.remote, socket.family).is_loopback();
}

// A connection that came to be.
bool connected(const SocketList::Socket& socket) {
  const std::uint8_t state = socket.state;
  return socket.remote_port != 0 && state != kSynSent && state != kSynReceived &&
         state != kNewSynReceived && state != kClose;
}

}  // namespace

SocketList::Key SocketList::key_of(const Socket& socket) {
  return {socket.transport, socket.local, socket.local_port, socket.remote, socket.remote_port};
}

bool SocketList::wanted(const Socket& socket) const {
  return loopback_ || !is_within(socket);
}

Observed SocketList::observed(const Socket& socket, base::WallTime now) {
  Observed seen;
  seen.what = What::Opened;
  seen.protocol = socket.transport == Transport::Tcp ? Protocol::Tcp : Protocol::Udp;
  const bool in = seen.protocol == Protocol::Tcp && listening_.contains(socket.local_port);
  seen.direction = in ? Direction::In : Direction::Out;
  seen.local = {address_of(socket.local, socket.family), socket.local_port};
  seen.remote = {address_of(socket.remote, socket.family), socket.remote_port};
  seen.time = now;
  seen.id = next_id_++;
  // The kernel's remains of a socket (TIME_WAIT) belong to nobody.
  if (socket.inode != 0) seen.uid = socket.uid;
  seen.inode = socket.inode;
  return seen;
}

void SocketList::end(Known& known, const Socket* socket, base::WallTime now,
                     const Sink& sink) const {
  if (std::exchange(known.ended, true) || !known.told) return;
  Observed seen = known.seen;
  seen.what = What::Closed;
  seen.opened = known.seen.time;
  seen.time = now;
  if (socket != nullptr) {
    seen.bytes_sent = socket->bytes_sent;
    seen.bytes_received = socket->bytes_received;
  }
  if (seen.protocol == Protocol::Tcp) sink(seen);
}

void SocketList::update(const std::vector<Socket>& sockets, base::WallTime now, const Sink& sink) {
  const bool first = round_++ == 0;
  listening_.clear();
  for (const Socket& socket : sockets) {
    if (socket.transport == Transport::Tcp && socket.listens())
      listening_.insert(socket.local_port);
  }
  for (const Socket& socket : sockets) {
    if (!connected(socket) || socket.listens()) continue;
    const auto [entry, fresh] = known_.try_emplace(key_of(socket));
    Known& known = entry->second;
    known.round = round_;
    if (fresh) {
      known.seen = observed(socket, now);
      known.told = !first && wanted(socket);
      if (known.told && socket.inode != 0) known.seen.pid = who_(socket.inode);
      if (known.told) sink(known.seen);
    }
    if (socket.state == kTimeWait) end(known, nullptr, now, sink);
  }
  for (auto entry = known_.begin(); entry != known_.end();) {
    const bool gone = entry->second.round != round_;
    if (gone) end(entry->second, nullptr, now, sink);
    entry = gone ? known_.erase(entry) : std::next(entry);
  }
}

void SocketList::destroyed(const Socket& socket, base::WallTime now, const Sink& sink) {
  if (socket.remote_port == 0 || round_ == 0) return;
  if (const auto found = known_.find(key_of(socket)); found != known_.end()) {
    end(found->second, &socket, now, sink);
    return;
  }
  // Nothing ever came back: it was never established.
  if (!wanted(socket) || socket.bytes_sent.value_or(0) + socket.bytes_received.value_or(0) == 0)
    return;
  Known known;
  known.seen = observed(socket, now);
  known.told = true;
  sink(known.seen);
  end(known, &socket, now, sink);
}

}  // namespace agent::connections
