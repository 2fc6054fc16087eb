#include <utility>
#include <vector>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include "agent/connections/socket_list.h"
#include "agent/connections/socket_owners.h"
#include "agent/connections/sources.h"
#include "base/log.h"
#include "os/file.h"
#include "os/netlink.h"

namespace agent::connections {

using base::Result;
using snapshot::ports::Family;
using snapshot::ports::Socket;
using snapshot::ports::Transport;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kMaxSockets = 65536;
constexpr std::size_t kMaxFile = 32U << 20U;
constexpr std::size_t kReceiveBytes = 1U << 20U;
// Notifications taken in one turn of the loop.
constexpr std::size_t kTurn = 512;
// What is told of a burst of ends together.
constexpr auto kGather = 5ms;
// ESTABLISHED, FIN_WAIT1 and 2, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING.
constexpr std::uint32_t kTcpStates =
    1U << 1U | 1U << 4U | 1U << 5U | 1U << 8U | 1U << 9U | 1U << 10U | 1U << 11U;
// UDP with another end.
constexpr std::uint32_t kUdpStates = 1U << 1U;

struct Kind {
  Transport transport;
  Family family;
  const char* file;
};
constexpr Kind kKinds[] = {{Transport::Tcp, Family::V4, "tcp"},
                           {Transport::Tcp, Family::V6, "tcp6"},
                           {Transport::Udp, Family::V4, "udp"},
                           {Transport::Udp, Family::V6, "udp6"}};

Result<std::vector<Socket>> list_by_diag() {
  std::vector<Socket> sockets;
  for (const Kind& kind : kKinds) {
    const std::uint32_t states = kind.transport == Transport::Tcp ? kTcpStates : kUdpStates;
    const auto dumped = os::dump_netlink(
        NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY,
        snapshot::ports::diag_request(kind.transport, kind.family, states),
        [&](const os::NetlinkMessage& message) {
          auto socket = snapshot::ports::read_diag(message.payload, kind.transport);
          if (socket && sockets.size() < kMaxSockets) sockets.push_back(*socket);
        });
    // A kernel may be without one of the families, or without UDP's.
    if (!dumped && kind.transport == Transport::Tcp && kind.family == Family::V4)
      return std::unexpected(dumped.error());
  }
  return sockets;
}

Result<std::vector<Socket>> list_by_proc() {
  std::vector<Socket> sockets;
  for (const Kind& kind : kKinds) {
    const auto text = os::read_file(std::string("/proc/net/") + kind.file, kMaxFile);
    if (!text && kind.transport == Transport::Tcp && kind.family == Family::V4)
      return std::unexpected(text.error());
    if (!text) continue;
    auto read = snapshot::ports::read_proc_sockets(*text, kind.transport, kind.family,
                                                   kMaxSockets - sockets.size(),
                                                   snapshot::ports::Which::All);
    sockets.insert(sockets.end(), read.sockets.begin(), read.sockets.end());
  }
  return sockets;
}

class PollingSource : public Source {
 public:
  using Lister = Result<std::vector<Socket>> (*)();

  PollingSource(os::Loop& loop, const SourceOptions& options, Sink sink, std::string_view tier,
                Lister list)
      : loop_(loop),
        options_(options),
        sink_(std::move(sink)),
        tier_(tier),
        list_(list),
        sockets_(options.loopback, [this](std::uint64_t inode) {
          return owners_.find(inode, base::mono_now()).value_or(0);
        }) {}

  ~PollingSource() override {
    loop_.cancel(timer_);
    loop_.cancel(gathering_);
    if (destroyed_) loop_.unwatch(destroyed_->fd());
  }

  Result<void> start() {
    sockets_.update(TRY(list_()), base::wall_now(), sink_);
    timer_ = loop_.every(options_.poll_interval, [this] { look(); });
    return {};
  }

  // Has the kernel tell which sockets it destroys. Without the right to it, the lists alone serve.
  Result<void> hear_ends() {
    constexpr std::uint32_t kGroups =
        1U << (SKNLGRP_INET_TCP_DESTROY - 1U) | 1U << (SKNLGRP_INET6_TCP_DESTROY - 1U);
    destroyed_ = TRY(os::NetlinkSocket::open(NETLINK_SOCK_DIAG, kGroups, kReceiveBytes));
    return loop_.watch(destroyed_->fd(), os::Loop::kReadable, [this](std::uint32_t) {
      if (!loop_.change(destroyed_->fd(), 0)) return;
      gathering_ = loop_.after(kGather, [this] {
        gathering_ = 0;
        // Whoever lives still is found in the lists, with their process.
        if (options_.before_batch) options_.before_batch();
        receive();
        if (auto again = loop_.change(destroyed_->fd(), os::Loop::kReadable); !again) {
          LOG_WARNING("connections.unwatched").field("error", again.error().to_string());
        }
      });
    });
  }

  std::string_view tier() const override { return tier_; }
  bool lossy() const override { return true; }
  std::uint64_t lost() const override { return overruns_; }
  void set_loopback(bool wanted) override { sockets_.set_loopback(wanted); }
  void drain() override {
    look();
    if (destroyed_) receive();
  }

 private:
  void look() {
    if (options_.before_batch) options_.before_batch();
    const auto list = list_();
    if (!list) {
      LOG_WARNING("connections.list_failed")
          .field("tier", tier_)
          .field("error", list.error().to_string());
      if (options_.on_failed) options_.on_failed(list.error());
      return;
    }
    sockets_.update(*list, base::wall_now(), sink_);
  }

  void receive() {
    const auto received = destroyed_->receive(kTurn, [this](const os::NetlinkMessage& message) {
      const auto socket = snapshot::ports::read_diag(message.payload, Transport::Tcp);
      if (socket) sockets_.destroyed(*socket, base::wall_now(), sink_);
    });
    // An unknown number, of which the lists will show those that live: one at least.
    if (received && received->overrun) ++overruns_;
  }

  os::Loop& loop_;
  SourceOptions options_;
  Sink sink_;
  std::string_view tier_;
  Lister list_;
  SocketOwners owners_;
  SocketList sockets_;
  std::optional<os::NetlinkSocket> destroyed_;
  os::TimerId timer_ = 0;
  os::TimerId gathering_ = 0;
  std::uint64_t overruns_ = 0;
};

}  // namespace

Result<std::unique_ptr<Source>> open_inet_diag(os::Loop& loop, const SourceOptions& options,
                                               Sink sink) {
  auto source =
      std::make_unique<PollingSource>(loop, options, std::move(sink), "inet_diag", list_by_diag);
  TRY(source->start());
  if (const auto heard = source->hear_ends(); !heard) {
    LOG_WARNING("connections.no_ends").field("error", heard.error().to_string());
  }
  return source;
}

Result<std::unique_ptr<Source>> open_proc(os::Loop& loop, const SourceOptions& options, Sink sink) {
  auto source =
      std::make_unique<PollingSource>(loop, options, std::move(sink), "proc", list_by_proc);
  TRY(source->start());
  return source;
}

}  // namespace agent::connections
