#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace agent::snapshot::ports {

enum class Transport : std::uint8_t { Tcp, Udp, UdpLite, Sctp, Raw };
enum class Family : std::uint8_t { V4, V6 };

// "tcp", "udp", "udplite", "sctp", "raw".
std::string_view transport_name(Transport transport);

// One socket as the kernel tells of it.
struct Socket {
  Transport transport{};
  Family family{};
  // Network order; of an IPv4 address the first four bytes.
  std::array<std::uint8_t, 16> local{};
  std::array<std::uint8_t, 16> remote{};
  std::uint16_t local_port = 0;  // of a raw socket: the IP protocol that it takes
  std::uint16_t remote_port = 0;
  std::uint8_t state = 0;       // as the kernel counts TCP states
  std::uint32_t interface = 0;  // index; 0: of all
  std::uint32_t uid = 0;
  std::uint64_t inode = 0;        // 0: the kernel's own
  std::optional<bool> v6_only{};  // nullopt: not told, or not IPv6
  // Payload of a TCP connection, once; with a notification that the socket is destroyed.
  std::optional<std::uint64_t> bytes_sent{};
  std::optional<std::uint64_t> bytes_received{};

  // Waits for connections or for anybody's datagrams: listening TCP and SCTP; the others when they
  // are bound and no other end is set.
  bool listens() const;
  std::string local_text() const;  // an address, shortest form
  std::string remote_text() const;
  bool has_remote() const;
};

// A request for a dump of inet_diag: of sockets in these states (a bit for each, as the kernel
// counts TCP states); 0: of those that listen. Threads: pure. Source: sock_diag(7),
// linux/inet_diag.h.
base::ByteVec diag_request(Transport transport, Family family, std::uint32_t states = 0);

// Reads the payload of one answer. Errors: Truncated, Malformed. Threads: pure.
base::Result<Socket> read_diag(base::ByteView payload, Transport transport);

// Reads the text of /proc/net/{tcp,udp,udplite,raw}{,6}; only sockets that listen, or all of them,
// at most `limit`. Tells in `cut` whether there were more. Lines that cannot be read are counted in
// `malformed`. Threads: pure. Source: proc(5).
enum class Which : std::uint8_t { Listening, All };
struct ProcSockets {
  std::vector<Socket> sockets;
  std::size_t malformed = 0;
  bool cut = false;
};
ProcSockets read_proc_sockets(std::string_view text, Transport transport, Family family,
                              std::size_t limit, Which which = Which::Listening);

// The same of /proc/net/sctp/eps, which lists only endpoints; both families.
ProcSockets read_proc_sctp(std::string_view text, std::size_t limit);

}  // namespace agent::snapshot::ports
