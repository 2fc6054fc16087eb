#pragma once

#include <cstdint>
#include <variant>

#include "base/bytes.h"
#include "base/result.h"

namespace agent::collect {

// Messages of the kernel's process connector. Source: linux/cn_proc.h, linux/connector.h.
struct ConnectorFork {
  std::uint32_t parent_tgid = 0;
  std::uint32_t child_pid = 0;
  std::uint32_t child_tgid = 0;  // another one than child_pid: a thread
};
struct ConnectorExec {
  std::uint32_t tgid = 0;
};
struct ConnectorExit {
  std::uint32_t pid = 0;
  std::uint32_t tgid = 0;
  std::uint32_t status = 0;  // of the thread, as wait(2) gives it
};
// The answer to a request; `error` is 0 or an errno.
struct ConnectorAck {
  std::uint32_t error = 0;
};
struct ConnectorOther {};

using ConnectorEvent =
    std::variant<ConnectorFork, ConnectorExec, ConnectorExit, ConnectorAck, ConnectorOther>;

struct ConnectorMessage {
  std::uint32_t cpu = 0;
  std::uint32_t sequence = 0;  // counts the events of that processor, so that a gap shows
  std::uint64_t at = 0;        // CLOCK_MONOTONIC, nanoseconds
  ConnectorEvent event;
};

// Reads the payload of one netlink message. Errors: Truncated, Malformed (not from the process
// connector). Threads: pure.
base::Result<ConnectorMessage> read_connector(base::ByteView payload);

// The payload of a request to begin (or end) listening.
enum class ConnectorListen : std::uint32_t { Begin = 1, End = 2 };
base::ByteVec connector_request(ConnectorListen operation);

}  // namespace agent::collect
