#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/bytes.h"
#include "base/result.h"
#include "os/fd.h"

namespace os {

// One netlink message, its header taken off. The payload is borrowed.
struct NetlinkMessage {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;
  std::uint32_t sequence = 0;
  base::ByteView payload;
};

// Splits a datagram into messages. Errors: Truncated, Malformed. Threads: pure.
// Source: netlink(7).
base::Result<void> read_netlink(base::ByteView datagram,
                                const std::function<void(const NetlinkMessage&)>& on_message);

// A datagram socket to the kernel. Threads: one.
class NetlinkSocket {
 public:
  // Joins the multicast groups in the mask. `receive_bytes`: kernel memory for what waits; with
  // CAP_NET_ADMIN beyond the system's limit. Errors: Denied, Unsupported, Io.
  static base::Result<NetlinkSocket> open(int protocol, std::uint32_t groups,
                                          std::size_t receive_bytes);

  // Readable while messages wait.
  int fd() const { return socket_.get(); }
  // Sends one message to the kernel; `flags` as NLM_F_REQUEST.
  base::Result<void> send(std::uint16_t type, std::uint16_t flags, base::ByteView payload);

  struct Received {
    std::size_t messages = 0;
    bool overrun = false;  // the kernel dropped some because we were slow
    bool more = false;     // `limit` was reached
  };
  // Hands over what waits, at most `limit` datagrams; without blocking. What did not come from the
  // kernel is passed over. Errors: Io.
  base::Result<Received> receive(std::size_t limit,
                                 const std::function<void(const NetlinkMessage&)>& on_message);

 private:
  Fd socket_;
};

// One attribute. The payload is borrowed.
struct NetlinkAttribute {
  std::uint16_t type = 0;  // without its nested and byte order flags
  base::ByteView payload;
};

// Splits a payload into attributes; stops early when `on_attribute` says false. Errors: Truncated,
// Malformed. Threads: pure. Source: netlink(7).
base::Result<void> read_attributes(
    base::ByteView payload, const std::function<bool(const NetlinkAttribute&)>& on_attribute);

// What a dump came to.
enum class DumpState : std::uint8_t {
  Consistent,
  Interrupted,  // what is dumped changed meanwhile: some of it may be missing or doubled
};

// Asks the kernel for a list and hands over every answer; waits for the end of it, at most
// kDumpTimeoutMs for each step. Errors: Denied; NotFound (the kernel has no such thing),
// Unsupported (nobody listens), Unavailable (no answer in time, or an overrun), Io with the
// kernel's errno. Threads: any; the socket is the call's own.
inline constexpr int kDumpTimeoutMs = 5000;
base::Result<DumpState> dump_netlink(int protocol, std::uint16_t type, base::ByteView payload,
                                     const std::function<void(const NetlinkMessage&)>& on_message);

// One question with one answer (without NLM_F_DUMP); else as dump_netlink.
base::Result<void> ask_netlink(int protocol, std::uint16_t type, base::ByteView payload,
                               const std::function<void(const NetlinkMessage&)>& on_message);

}  // namespace os
