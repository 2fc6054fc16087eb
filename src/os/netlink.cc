#include "os/netlink.h"

#include <array>
#include <cerrno>

#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

namespace os {

using base::Code;
using base::Cursor;
using base::fail;
using base::fail_errno;
using base::Result;

namespace {

constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kDatagramBytes = 16U << 10U;

std::size_t aligned(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

}  // namespace

Result<void> read_netlink(base::ByteView datagram,
                          const std::function<void(const NetlinkMessage&)>& on_message) {
  Cursor cursor(datagram);
  while (cursor.remaining() > 0) {
    const std::size_t at = cursor.offset();
    const std::uint32_t length = TRY(cursor.u32le());
    NetlinkMessage message;
    message.type = TRY(cursor.u16le());
    message.flags = TRY(cursor.u16le());
    message.sequence = TRY(cursor.u32le());
    TRY(cursor.skip(4));
    if (length < kHeaderBytes) {
      return fail(Code::Malformed, "netlink message", static_cast<std::int64_t>(at),
                  "shorter than its header");
    }
    message.payload = TRY(cursor.bytes(length - kHeaderBytes));
    on_message(message);
    // The last one may end without its padding.
    TRY(cursor.skip(std::min(aligned(length) - length, cursor.remaining())));
  }
  return {};
}

Result<NetlinkSocket> NetlinkSocket::open(int protocol, std::uint32_t groups,
                                          std::size_t receive_bytes) {
  NetlinkSocket netlink;
  netlink.socket_.reset(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!netlink.socket_ && errno == EPROTONOSUPPORT)
    return fail(Code::Unsupported, "netlink", EPROTONOSUPPORT);
  if (!netlink.socket_) return fail_errno("netlink socket");
  const int size = static_cast<int>(receive_bytes);
  if (::setsockopt(netlink.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
    ::setsockopt(netlink.fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(netlink.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EPERM || errno == EACCES)
      return fail(Code::Denied, "netlink bind", errno, "needs CAP_NET_ADMIN");
    return fail_errno("netlink bind");
  }
  return netlink;
}

Result<void> NetlinkSocket::send(std::uint16_t type, std::uint16_t flags, base::ByteView payload) {
  base::ByteWriter message;
  message.u32le(static_cast<std::uint32_t>(kHeaderBytes + payload.size()));
  message.u16le(type);
  message.u16le(flags);
  message.u32le(0);
  message.u32le(static_cast<std::uint32_t>(::getpid()));
  message.bytes(payload);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const base::ByteView bytes = message.view();
  const ssize_t sent = ::sendto(fd(), bytes.data(), bytes.size(), 0,
                                reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  if (sent < 0 && (errno == EPERM || errno == EACCES))
    return fail(Code::Denied, "netlink send", errno, "needs CAP_NET_ADMIN");
  if (sent < 0 && errno == ECONNREFUSED)
    return fail(Code::Unsupported, "netlink send", errno, "nobody listens in the kernel");
  if (sent < 0) return fail_errno("netlink send");
  return {};
}

Result<NetlinkSocket::Received> NetlinkSocket::receive(
    std::size_t limit, const std::function<void(const NetlinkMessage&)>& on_message) {
  Received received;
  std::array<std::uint8_t, kDatagramBytes> buffer;
  for (std::size_t i = 0; i < limit; ++i) {
    sockaddr_nl from{};
    socklen_t from_size = sizeof from;
    const ssize_t size = ::recvfrom(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                    reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return received;
    if (size < 0 && errno == ENOBUFS) {
      received.overrun = true;
      continue;
    }
    if (size < 0) return fail_errno("netlink receive");
    // Any process may send to a netlink address; port 0 is the kernel.
    if (from.nl_pid != 0) continue;
    TRY(read_netlink(base::ByteView(buffer).first(static_cast<std::size_t>(size)),
                     [&](const NetlinkMessage& message) {
                       ++received.messages;
                       on_message(message);
                     }));
  }
  received.more = true;
  return received;
}

}  // namespace os
