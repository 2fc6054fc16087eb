#include "agent/hardware/socket.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <linux/netlink.h>
#include <sys/socket.h>

namespace agent::hardware {

using base::fail_errno;
using base::Result;

namespace {

constexpr std::uint32_t kKernelGroup = 1;
constexpr std::uint32_t kUdevGroup = 2;
constexpr int kReceiveBytes = 2 << 20;
constexpr int kMaxDatagrams = 256;
constexpr std::size_t kDatagramBytes = 16U << 10U;  // above what the kernel and udev send

// The user that sent a message; nullptr: not told.
const ucred* sender(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_CREDENTIALS)
      return reinterpret_cast<const ucred*>(CMSG_DATA(part));
  }
  return nullptr;
}

}  // namespace

Result<UeventSocket> UeventSocket::open() {
  os::Fd socket(
      ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT));
  if (!socket) return fail_errno("uevent socket");
  // Beyond the system's limit where we may; a smaller one only overflows sooner.
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBytes,
                   sizeof kReceiveBytes) != 0)
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBytes, sizeof kReceiveBytes);
  const int on = 1;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0)
    return fail_errno("uevent socket", "SO_PASSCRED");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = kKernelGroup | kUdevGroup;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("uevent socket", "bind");
  return UeventSocket(std::move(socket));
}

Result<UeventSocket::Received> UeventSocket::receive(
    const std::function<void(const Uevent&)>& on_event) {
  Received received;
  std::array<std::uint8_t, kDatagramBytes> buffer;
  for (int i = 0; i < kMaxDatagrams; ++i) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred))> control{};
    sockaddr_nl from{};
    iovec part{buffer.data(), buffer.size()};
    msghdr message{};
    message.msg_name = &from;
    message.msg_namelen = sizeof from;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(socket_.get(), &message, 0);
    if (size < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return received;
      if (errno == EINTR) continue;
      if (errno != ENOBUFS) return fail_errno("uevent socket", "recvmsg");
      received.overrun = true;
      continue;
    }
    const ucred* const credentials = sender(message);
    if (credentials == nullptr || credentials->uid != 0) continue;
    if ((message.msg_flags & MSG_TRUNC) != 0) {
      ++received.malformed;
      continue;
    }
    const auto event = read_uevent({buffer.data(), static_cast<std::size_t>(size)});
    if (!event) {
      ++received.malformed;
      continue;
    }
    // Only the kernel itself speaks the kernel's form.
    if (!event->from_udev && from.nl_pid != 0) continue;
    on_event(*event);
  }
  received.more = true;
  return received;
}

}  // namespace agent::hardware
