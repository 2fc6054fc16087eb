#include "agent/snapshot/ports/listening_ports.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <unistd.h>

#include "agent/collect/command_line.h"
#include "agent/collect/container_images.h"
#include "agent/snapshot/ports/owners.h"
#include "agent/snapshot/ports/sockets.h"
#include "base/text.h"
#include "os/file.h"
#include "os/netlink.h"
#include "os/process.h"

namespace agent::snapshot::ports {

using base::Code;
using base::Result;

namespace {

constexpr std::size_t kMaxSockets = 8192;        // of one kind in one namespace
constexpr std::size_t kMaxItems = 16384;         // of one picture
constexpr std::size_t kMaxDescriptors = 262144;  // looked at for owners
constexpr std::size_t kMaxNamespaces = 64;
constexpr std::size_t kMaxProcBytes = 4U << 20U;
constexpr std::size_t kMaxArgvBytes = 1024;
constexpr int kDumpAttempts = 3;

constexpr std::array kTransports = {Transport::Tcp, Transport::Udp, Transport::UdpLite,
                                    Transport::Sctp, Transport::Raw};

// Where the sockets of one kind came from.
struct Kind {
  Transport transport{};
  Family family{};
  std::string name() const {
    return fmt::format("{}{}", transport_name(transport), family == Family::V4 ? "" : "6");
  }
};

struct Found {
  std::vector<Socket> sockets{};
  bool from_proc = false;
  bool cut = false;
  std::string why{};  // inet_diag does not serve; or, in an error, nothing does
};

Result<std::vector<Socket>> dump(Kind kind) {
  const base::ByteVec request = diag_request(kind.transport, kind.family);
  for (int attempt = 1;; ++attempt) {
    std::vector<Socket> sockets;
    std::optional<base::Error> bad;
    const os::DumpState state = TRY(os::dump_netlink(
        NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, request, [&](const os::NetlinkMessage& message) {
          auto socket = read_diag(message.payload, kind.transport);
          if (!socket) {
            bad = std::move(socket).error();
          } else if (socket->listens() && socket->family == kind.family) {
            sockets.push_back(*socket);
          }
        }));
    if (bad) return std::unexpected(std::move(*bad));
    if (state == os::DumpState::Consistent || attempt == kDumpAttempts) return sockets;
  }
}

struct Head {
  std::string text;
  bool cut = false;
};

// The beginning of a file of /proc/net; listening TCP sockets come first in theirs.
Result<Head> read_head(const std::string& path) {
  const os::Fd file = TRY(os::open_file(path, O_RDONLY));
  Head head;
  head.text.resize(64U << 10U);
  std::size_t size = 0;
  while (true) {
    if (size == head.text.size()) head.text.resize(std::min(size * 2, kMaxProcBytes));
    if (size == kMaxProcBytes) {
      head.cut = true;
      // Only whole lines count.
      size = std::min(head.text.rfind('\n') + 1, size);
      break;
    }
    const ssize_t count = ::read(file.get(), head.text.data() + size, head.text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::fail_errno("read", path);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  head.text.resize(size);
  return head;
}

// The kind's sockets by /proc text below `net`. NotFound: the kernel has no such protocol.
Result<Found> read_proc(const std::string& net, Kind kind) {
  if (kind.transport == Transport::Sctp) {
    // Both families stand in one file.
    if (kind.family == Family::V6) return Found{.from_proc = true};
    const Head head = TRY(read_head(net + "/sctp/eps"));
    ProcSockets read = read_proc_sctp(head.text, kMaxSockets);
    return Found{std::move(read.sockets), true, read.cut || head.cut, {}};
  }
  const Head head = TRY(read_head(net + "/" + kind.name()));
  ProcSockets read = read_proc_sockets(head.text, kind.transport, kind.family, kMaxSockets);
  const bool cut = read.cut || (head.cut && kind.transport != Transport::Tcp);
  if (read.malformed != 0) {
    return base::fail(Code::Malformed, "proc sockets", -1,
                      fmt::format("{}: {} lines", kind.name(), read.malformed));
  }
  return Found{std::move(read.sockets), true, cut, {}};
}

Result<Found> read_own(const std::string& root, Kind kind) {
  auto dumped = dump(kind);
  if (dumped) {
    const bool cut = dumped->size() > kMaxSockets;
    if (cut) dumped->resize(kMaxSockets);
    return Found{std::move(*dumped), false, cut, {}};
  }
  auto found = read_proc(root + "/self/net", kind);
  if (found) found->why = kind.name() + ": inet_diag: " + dumped.error().to_string();
  return found;
}

using schema::set;

class Picture {
 public:
  Picture(std::string root, collect::ContainerImages& containers)
      : root_(std::move(root)), proc_(root_), containers_(containers) {}

  void take() {
    for (const Transport transport : kTransports) {
      for (const Family family : {Family::V4, Family::V6})
        take_own({transport, family});
    }
    take_others();
    name_owners();
  }

  std::vector<schema::ListeningPorts> items();
  bool any_diag() const { return any_diag_; }
  bool any_read() const { return any_read_; }
  const std::string& reason() const { return reason_; }

 private:
  struct Entry {
    Socket socket;
    bool from_proc = false;
    std::uint64_t net_namespace = 0;  // 0: the agent's own
  };

  void note(const std::string& text) { reason_ += (reason_.empty() ? "" : "; ") + text; }
  void gap(Kind kind, std::string why, std::uint64_t net_namespace);
  void add(const Found& found, Kind kind, std::uint64_t net_namespace);
  void take_own(Kind kind);
  void take_others();
  void name_owners();
  void describe_owner(const Entry& entry, schema::ExtraDetails& extra) const;
  schema::ListeningPorts item_of(const Entry& entry) const;

  std::string root_;
  os::ProcFs proc_;
  collect::ContainerImages& containers_;  // the snapshot's, which outlives its pictures
  std::vector<Entry> entries_;
  std::vector<schema::ListeningPorts> gaps_;
  Owners owners_;
  bool any_diag_ = false;
  bool any_read_ = false;
  std::string reason_;
};

// What could not be looked at is an item as well: silence would read as "nothing listens".
void Picture::gap(Kind kind, std::string why, std::uint64_t net_namespace) {
  note(kind.name() + ": " + why);
  schema::ListeningPorts item{.local_port = "*",
                              .protocol = std::string(transport_name(kind.transport))};
  set(item.extra_details, "Unknown", std::move(why));
  set(item.extra_details, "Family", kind.family == Family::V4 ? "ipv4" : "ipv6");
  if (net_namespace != 0)
    set(item.extra_details, "NetworkNamespace", std::to_string(net_namespace));
  gaps_.push_back(std::move(item));
}

void Picture::add(const Found& found, Kind kind, std::uint64_t net_namespace) {
  any_read_ = true;
  if (found.cut) gap(kind, "more sockets than are read", net_namespace);
  for (const Socket& socket : found.sockets) {
    if (entries_.size() == kMaxItems) {
      gap(kind, "more sockets than a picture takes", net_namespace);
      return;
    }
    entries_.push_back({socket, found.from_proc, net_namespace});
  }
}

void Picture::take_own(Kind kind) {
  auto found = read_own(root_, kind);
  // A protocol that the kernel does not have has no sockets.
  if (!found && found.error().code == Code::NotFound) return;
  if (!found) return gap(kind, found.error().to_string(), 0);
  if (!found->from_proc) any_diag_ = true;
  if (!found->why.empty() && found->from_proc) note(found->why);
  add(std::move(*found), kind, 0);
}

void Picture::take_others() {
  const NetNamespaces namespaces = find_namespaces(proc_, root_, kMaxNamespaces);
  if (namespaces.cut) note("network namespaces: more than are read");
  if (namespaces.denied != 0)
    note(fmt::format("network namespaces: {} processes may not be asked", namespaces.denied));
  for (const NetNamespace& one : namespaces.others) {
    const std::string net = fmt::format("{}/{}/net", root_, one.pid);
    for (const Transport transport : kTransports) {
      for (const Family family : {Family::V4, Family::V6}) {
        const Kind kind{transport, family};
        auto found = read_proc(net, kind);
        if (found) {
          add(std::move(*found), kind, one.inode);
          continue;
        }
        // The process ended, and with it its folder; or the kernel has no such protocol.
        const bool gone = found.error().code == Code::NotFound ||
                          (found.error().code == Code::Io && found.error().at == EINVAL);
        if (!gone) gap(kind, found.error().to_string(), one.inode);
      }
    }
  }
}

void Picture::name_owners() {
  std::set<std::uint64_t> wanted;
  for (const Entry& entry : entries_) {
    if (entry.socket.inode != 0) wanted.insert(entry.socket.inode);
  }
  owners_ = find_owners(proc_, root_, std::move(wanted), kMaxDescriptors);
  if (owners_.cut) note("owners: more descriptors than are looked at");
  if (owners_.denied != 0)
    note(fmt::format("owners: descriptors of {} processes may not be read (needs CAP_SYS_PTRACE)",
                     owners_.denied));
}

void Picture::describe_owner(const Entry& entry, schema::ExtraDetails& extra) const {
  const auto owner = owners_.pids.find(entry.socket.inode);
  if (owner == owners_.pids.end()) {
    const bool searched = !owners_.cut && owners_.denied == 0;
    set(extra, "Owner", searched ? "kernel" : "unknown");
    return;
  }
  const pid_t pid = owner->second;
  set(extra, "ProcessId", std::to_string(pid));
  if (auto executable = proc_.executable(pid); executable)
    set(extra, "Executable", std::move(*executable));
  if (const auto argv = proc_.argv(pid, kMaxArgvBytes); argv && !argv->empty()) {
    auto line = collect::read_command_line(*argv, argv->size(), argv->size());
    set(extra, "CommandLine", std::move(line.text));
  }
  if (const auto ids = proc_.ids(pid); ids) set(extra, "ProcessUserId", std::to_string(ids->euid));
  const auto cgroup = proc_.cgroup(pid);
  if (!cgroup) return;
  collect::add_container(extra, *cgroup, containers_);
}

schema::ListeningPorts Picture::item_of(const Entry& entry) const {
  const Socket& socket = entry.socket;
  schema::ListeningPorts item;
  item.local_address = socket.local_text();
  item.protocol = transport_name(socket.transport);
  auto& extra = item.extra_details;
  if (socket.transport == Transport::Raw) {
    // A raw socket has no port: it takes all packets of one protocol.
    item.local_port = "*";
    set(extra, "IpProtocol", std::to_string(socket.local_port));
  } else {
    item.local_port = std::to_string(socket.local_port);
  }
  set(extra, "UserId", std::to_string(socket.uid));
  if (socket.v6_only) set(extra, "V6Only", *socket.v6_only ? "true" : "false");
  std::array<char, IF_NAMESIZE> name{};
  if (socket.interface != 0) {
    set(extra, "Interface",
        ::if_indextoname(socket.interface, name.data()) != nullptr
            ? std::string(name.data())
            : std::to_string(socket.interface));
  }
  if (entry.net_namespace != 0) set(extra, "NetworkNamespace", std::to_string(entry.net_namespace));
  if (entry.from_proc) set(extra, "Source", "proc");
  describe_owner(entry, extra);
  return item;
}

std::vector<schema::ListeningPorts> Picture::items() {
  std::ranges::sort(entries_, {}, [](const Entry& entry) {
    const Socket& socket = entry.socket;
    return std::tuple(entry.net_namespace, socket.transport, socket.local_port, socket.family,
                      socket.local, socket.inode);
  });
  std::vector<schema::ListeningPorts> items;
  items.reserve(entries_.size() + gaps_.size());
  for (const Entry& entry : entries_)
    items.push_back(item_of(entry));
  std::ranges::move(gaps_, std::back_inserter(items));
  return items;
}

class ListeningPortsSnapshot final : public Snapshot {
 public:
  schema::EventName event() const override { return schema::EventName::ListeningPorts; }
  SourceReport source() const override { return report_; }

  Result<schema::Payload> take() override {
    Picture picture("/proc", containers_);
    picture.take();
    report_.tier = picture.any_diag() ? "inet_diag" : picture.any_read() ? "proc" : "none";
    report_.reason = picture.reason();
    if (!picture.any_read())
      return base::fail(Code::Unavailable, "listening ports", -1, picture.reason());
    return schema::Payload(picture.items());
  }

 private:
  collect::ContainerImages containers_;
  SourceReport report_{.event = schema::EventName::ListeningPorts, .tier = "none", .reason = {}};
};

}  // namespace

std::unique_ptr<Snapshot> make() {
  return std::make_unique<ListeningPortsSnapshot>();
}

}  // namespace agent::snapshot::ports
