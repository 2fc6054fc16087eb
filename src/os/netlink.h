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

}  // namespace os
