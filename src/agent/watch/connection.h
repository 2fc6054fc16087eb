#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "os/loop.h"

// What a source of network connections tells, whichever it is: eBPF, audit, inet_diag, /proc.
// agent/connections makes ConnectionCreate of it.
namespace agent::connections {

// IPv6, or IPv4 mapped into it (::ffff:0:0/96), in network byte order. All zero: not known.
struct Address {
  std::array<std::uint8_t, 16> bytes{};

  static Address v4(std::array<std::uint8_t, 4> bytes);
  bool is_v4() const;
  bool known() const { return bytes != std::array<std::uint8_t, 16>{}; }
  // 127.0.0.0/8 or ::1.
  bool is_loopback() const;
  // "192.0.2.7", "2001:db8::7" (RFC 5952); a mapped address as IPv4.
  std::string to_string() const;
  bool operator==(const Address&) const = default;
};

struct Endpoint {
  Address address;
  std::uint16_t port = 0;  // 0: not known
  bool operator==(const Endpoint&) const = default;
};

enum class Protocol : std::uint8_t { Tcp, Udp };
enum class Direction : std::uint8_t { In, Out };

enum class What : std::uint8_t {
  Opened,  // made or accepted; UDP: the first datagram between these ends
  Failed,  // tried, and refused or timed out; `error` says which
  Owner,   // who uses a connection that was told as Opened with somebody who merely listens
  Closed,  // with bytes
};

// A source leaves out what it does not know, and fills in what it knows better than the process
// directory does.
struct Observed {
  What what = What::Opened;
  Protocol protocol = Protocol::Tcp;
  Direction direction = Direction::Out;
  Endpoint local;
  Endpoint remote;
  base::WallTime time;
  // The same for Opened, Owner and Closed of one connection, within one source; 0: it has none.
  std::uint64_t id = 0;
  std::uint32_t pid = 0;  // 0: not known
  std::optional<std::uint32_t> uid;
  std::string executable;    // empty: ask the process directory
  std::string command_line;  // the same
  std::string comm;          // for when nothing else is known
  std::uint64_t inode = 0;   // of the socket; finds the process when pid is 0
  std::uint32_t net_ns = 0;  // inode number of the network namespace; 0: not known
  bool listener = false;     // pid is who listens, not (yet) who accepted
  // Tried without waiting (EINPROGRESS): whether it succeeded is not known.
  bool attempt = false;
  int error = 0;                         // errno of Failed
  std::optional<base::WallTime> opened;  // of Closed
  std::optional<std::uint64_t> bytes_sent;
  std::optional<std::uint64_t> bytes_received;
};

struct SourceOptions {
  bool loopback = false;  // tell connections within the device, too
  std::size_t ring_bytes = std::size_t{8} << 20U;
  std::chrono::nanoseconds poll_interval = std::chrono::seconds(1);
  // Called before the first of the connections that are told together.
  std::function<void()> before_batch{};
  // The source can no longer work. It is destroyed by a later turn of the loop.
  std::function<void(const base::Error&)> on_failed{};
};

using Sink = std::function<void(const Observed&)>;

// Tells connections from when it is opened until it is destroyed. Threads: the loop's.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::string_view tier() const = 0;  // "ebpf", "audit", "inet_diag", "proc"
  // Short connections may be missed.
  virtual bool lossy() const = 0;
  // Known to have happened and not told, since it was opened.
  virtual std::uint64_t lost() const = 0;
  virtual void set_loopback(bool wanted) = 0;
  virtual void drain() = 0;
};

// Errors: Denied, Unsupported, Io; the detail says what would help.
using Opener = std::function<base::Result<std::unique_ptr<Source>>(
    os::Loop& loop, const SourceOptions& options, Sink sink)>;

}  // namespace agent::connections
