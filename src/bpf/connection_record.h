#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace bpf {

enum class ConnectionKind : std::uint8_t { Opened, Failed, Owner, Closed };

// What the programs of connection.bpf.c say of one connection. Views point into the record.
struct Connection {
  ConnectionKind kind{};
  bool incoming = false;
  bool owned = false;     // the process used the connection itself
  bool listener = false;  // the process is who listens for such
  bool udp = false;       // else TCP
  bool ipv6 = false;      // else the first four bytes of an address count
  std::uint32_t pid = 0;  // 0: not known, and so are start, uid and comm
  std::uint64_t at = 0;   // nanoseconds since boot, suspended time included; as is `start`
  std::uint64_t start = 0;
  std::uint64_t id = 0;     // the same in all records of a connection
  std::uint64_t inode = 0;  // of the socket; 0: none
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t opened = 0;  // of Closed: when, as `at`
  std::uint32_t uid = 0;
  std::uint32_t net_ns = 0;
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::int32_t error = 0;  // errno of Failed; 0: given up by the process
  std::array<std::uint8_t, 16> local{};
  std::array<std::uint8_t, 16> remote{};
  std::string_view comm;
};

// Reads one record of the connection ring; the bytes must outlive it.
// Errors: Truncated, Malformed (kind, family or protocol). Threads: pure. Source: bpf/event.h.
base::Result<Connection> read_connection(base::ByteView bytes);

}  // namespace bpf
