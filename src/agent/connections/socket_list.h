#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "agent/snapshot/ports/sockets.h"
#include "agent/watch/connection.h"

namespace agent::connections {

// Finds what began and ended between two lists of the system's sockets.
//
// A connection is one of TCP that was established, or a UDP socket with another end. One that has
// ended but is remembered by the kernel (TIME_WAIT) was opened and closed. The direction is In when
// somebody listens on the local port. What the first list has was there before. Threads: pure.
class SocketList {
 public:
  using Socket = snapshot::ports::Socket;

  // Which process has the socket of that inode open; 0: not known.
  using Who = std::function<std::uint32_t(std::uint64_t inode)>;

  SocketList(bool loopback, Who who) : loopback_(loopback), who_(std::move(who)) {}

  void set_loopback(bool wanted) { loopback_ = wanted; }
  // Takes a complete list.
  void update(const std::vector<Socket>& sockets, base::WallTime now, const Sink& sink);
  // The kernel destroyed this TCP socket: the end of a connection that is known, or all of one that
  // lived between two lists.
  void destroyed(const Socket& socket, base::WallTime now, const Sink& sink);

 private:
  using Key = std::tuple<snapshot::ports::Transport, std::array<std::uint8_t, 16>, std::uint16_t,
                         std::array<std::uint8_t, 16>, std::uint16_t>;
  struct Known {
    Observed seen;
    bool told = false;
    bool ended = false;
    std::uint64_t round = 0;
  };

  static Key key_of(const Socket& socket);
  Observed observed(const Socket& socket, base::WallTime now);
  bool wanted(const Socket& socket) const;
  void end(Known& known, const Socket* socket, base::WallTime now, const Sink& sink) const;

  bool loopback_;
  Who who_;
  std::map<Key, Known> known_;
  std::set<std::uint16_t> listening_;  // TCP ports
  std::uint64_t round_ = 0;
  std::uint64_t next_id_ = 1;
};

}  // namespace agent::connections
