#include <ctime>
#include <unordered_map>
#include <utility>

#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/resource.h>

#include "agent/collect/connector_message.h"
#include "agent/collect/source.h"
#include "agent/collect/thread_groups.h"
#include "base/log.h"
#include "os/netlink.h"

namespace agent::collect {

using base::Code;
using base::Result;

namespace {

constexpr std::size_t kTurn = 512;  // datagrams in one turn of the loop
constexpr int kAckMilliseconds = 1000;
// Measured on two busy cores: of `sh -c "echo x"` a quarter is caught at the usual priority, nearly
// all at this one.
constexpr int kRacingPriority = -15;

class ConnectorSource final : public Source {
 public:
  ConnectorSource(os::Loop& loop, Sink& sink, const SourceOptions& options, const os::ProcFs& proc,
                  os::NetlinkSocket socket)
      : loop_(loop),
        sink_(sink),
        on_failed_(options.on_failed),
        starts_(options.starts),
        proc_(proc),
        socket_(std::move(socket)),
        clock_(CLOCK_MONOTONIC) {}

  ~ConnectorSource() override {
    loop_.unwatch(socket_.fd());
    ::setpriority(PRIO_PROCESS, 0, former_priority_);
    if (listening_) {
      [[maybe_unused]] const auto ended =
          socket_.send(NLMSG_DONE, 0, connector_request(ConnectorListen::End));
    }
  }

  Result<void> start() {
    TRY(socket_.send(NLMSG_DONE, 0, connector_request(ConnectorListen::Begin)));
    TRY(await_ack());
    listening_ = true;
    // We race with the process for its argv; whoever may (CAP_SYS_NICE) takes a head start. Of this
    // thread only.
    former_priority_ = ::getpriority(PRIO_PROCESS, 0);
    if (starts_) ::setpriority(PRIO_PROCESS, 0, kRacingPriority);
    seed();
    return loop_.watch(socket_.fd(), os::Loop::kReadable, [this](std::uint32_t) { receive(); });
  }

  Tier tier() const override { return Tier::Connector; }
  void drain() override {
    while (receive()) {
    }
  }
  SourceStats stats() const override { return stats_; }

 private:
  // The kernel answers the request, or, without the right to it, does not.
  Result<void> await_ack() {
    pollfd waiting{.fd = socket_.fd(), .events = POLLIN, .revents = 0};
    std::optional<std::uint32_t> error;
    while (!error) {
      if (::poll(&waiting, 1, kAckMilliseconds) <= 0) {
        return base::fail(Code::Denied, "process connector", -1,
                          "no answer from the kernel; needs CAP_NET_ADMIN");
      }
      TRY(socket_.receive(1, [&](const os::NetlinkMessage& message) {
        const auto read = read_connector(message.payload);
        if (!read) return;
        if (const auto* ack = std::get_if<ConnectorAck>(&read->event)) error = ack->error;
      }));
    }
    if (*error != 0)
      return base::fail(Code::Denied, "process connector", *error, "the kernel refused");
    return {};
  }

  // The processes that are there, so that what goes missing later can be told.
  void seed() {
    const auto pids = proc_.processes();
    if (!pids) return;
    for (const pid_t pid : *pids) {
      const auto stat = proc_.stat(pid);
      if (!stat || stat->kernel) continue;
      alive_[static_cast<std::uint32_t>(pid)] = stat->start_ticks;
      groups_.seed(static_cast<std::uint32_t>(pid), stat->threads);
    }
  }

  // One turn; says whether more waits.
  bool receive() {
    clock_.refresh(CLOCK_MONOTONIC);
    const auto received =
        socket_.receive(kTurn, [this](const os::NetlinkMessage& message) { take(message); });
    if (!received) {
      loop_.unwatch(socket_.fd());
      if (on_failed_) on_failed_(received.error());
      return false;
    }
    if (received->overrun) {
      ++stats_.overruns;
      resync();
    }
    return received->more;
  }

  void take(const os::NetlinkMessage& netlink) {
    const auto message = read_connector(netlink.payload);
    if (!message) {
      ++stats_.malformed;
      return;
    }
    ++stats_.received;
    if (!std::holds_alternative<ConnectorAck>(message->event)) count_gap(*message);
    std::visit([&](const auto& event) { tell(event, clock_.wall(message->at)); }, message->event);
  }

  void count_gap(const ConnectorMessage& message) {
    const auto [last, first_of_cpu] = sequences_.try_emplace(message.cpu, message.sequence);
    if (first_of_cpu) return;
    stats_.kernel_lost += message.sequence - last->second - 1U;
    last->second = message.sequence;
  }

  void tell(const ConnectorFork& fork, base::WallTime time) {
    if (fork.child_pid != fork.child_tgid) {
      groups_.thread_started(fork.child_tgid);
      return;
    }
    // A pid that is given again: whatever was known of it is over.
    groups_.forget(fork.child_pid);
    alive_[fork.child_pid] = 0;
    parents_[fork.child_pid] = fork.parent_tgid;
    sink_.on_forked({{fork.child_pid, 0}, {fork.parent_tgid, start_of(fork.parent_tgid)}, time});
  }

  void tell(const ConnectorExec& exec, base::WallTime time) {
    groups_.execed(exec.tgid);
    if (!starts_) return;
    Started started;
    started.process.pid = exec.tgid;
    started.time = time;
    if (!read_started(proc_, started)) {
      // Gone before we looked; the fork at least said whose child it was.
      const auto parent = parents_.find(exec.tgid);
      if (parent != parents_.end()) started.parent.pid = parent->second;
    }
    started.parent.start = start_of(started.parent.pid);
    alive_[exec.tgid] = started.process.start;
    sink_.on_started(std::move(started));
  }

  void tell(const ConnectorExit& exit, base::WallTime time) {
    const auto status = groups_.thread_ended(exit.pid, exit.tgid, exit.status);
    if (!status) return;
    const ProcessId process{exit.tgid, start_of(exit.tgid)};
    alive_.erase(exit.tgid);
    parents_.erase(exit.tgid);
    sink_.on_ended({process, time, status, {}});
  }

  void tell(const ConnectorAck&, base::WallTime) {}
  void tell(const ConnectorOther&, base::WallTime) {}

  std::uint64_t start_of(std::uint32_t pid) const {
    const auto found = alive_.find(pid);
    return found == alive_.end() ? 0 : found->second;
  }

  // After a loss: what is there and unknown has started, what is known and not there has ended.
  void resync() {
    const auto pids = proc_.processes();
    if (!pids) return;
    const base::WallTime now = base::wall_now();
    std::unordered_map<std::uint32_t, std::uint64_t> before = std::exchange(alive_, {});
    for (const pid_t signed_pid : *pids) {
      const auto pid = static_cast<std::uint32_t>(signed_pid);
      const auto stat = proc_.stat(signed_pid);
      if (!stat || stat->kernel) continue;
      alive_[pid] = stat->start_ticks;
      const auto known = before.find(pid);
      const bool same =
          known != before.end() && (known->second == 0 || known->second == stat->start_ticks);
      if (same) {
        before.erase(known);
        continue;
      }
      groups_.forget(pid);
      groups_.seed(pid, stat->threads);
      if (!starts_) continue;
      Started started;
      started.process.pid = pid;
      started.time = now;
      if (!read_started(proc_, started)) continue;
      started.parent.start = start_of(started.parent.pid);
      found_late(std::move(started), before);
    }
    for (const auto& [pid, start] : before) {
      groups_.forget(pid);
      parents_.erase(pid);
      sink_.on_ended({{pid, start}, now, std::nullopt, {}});
    }
  }

  // The pid's former process, if it is still in `before`, ended first.
  void found_late(Started started, std::unordered_map<std::uint32_t, std::uint64_t>& before) {
    if (const auto former = before.find(started.process.pid); former != before.end()) {
      sink_.on_ended({{former->first, former->second}, started.time, std::nullopt, {}});
      before.erase(former);
    }
    sink_.on_started(std::move(started));
  }

  os::Loop& loop_;
  Sink& sink_;
  std::function<void(const base::Error&)> on_failed_;
  bool starts_;
  os::ProcFs proc_;
  os::NetlinkSocket socket_;
  ClockMap clock_;
  bool listening_ = false;
  int former_priority_ = 0;
  ThreadGroups groups_;
  std::unordered_map<std::uint32_t, std::uint64_t> alive_;      // pid to start, 0: not known
  std::unordered_map<std::uint32_t, std::uint32_t> parents_;    // of those forked since we listen
  std::unordered_map<std::uint32_t, std::uint32_t> sequences_;  // by processor
  SourceStats stats_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_connector(os::Loop& loop, Sink& sink,
                                               const SourceOptions& options,
                                               const os::ProcFs& proc) {
  auto socket = TRY(os::NetlinkSocket::open(NETLINK_CONNECTOR, CN_IDX_PROC, options.socket_bytes));
  auto source = std::make_unique<ConnectorSource>(loop, sink, options, proc, std::move(socket));
  TRY(source->start());
  return source;
}

}  // namespace agent::collect
