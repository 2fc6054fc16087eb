#include "os/parcel.h"

#include <cerrno>
#include <cstring>

#include <poll.h>
#include <sys/socket.h>

#include "base/time.h"

namespace os {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;

namespace {

// Room for control messages, aligned as the kernel wants it.
class ControlSpace {
 public:
  explicit ControlSpace(std::size_t bytes)
      : words_((bytes + sizeof(cmsghdr) - 1) / sizeof(cmsghdr)), bytes_(bytes) {}
  void attach(msghdr& message) {
    message.msg_control = words_.data();
    message.msg_controllen = bytes_;
  }

 private:
  std::vector<cmsghdr> words_;
  std::size_t bytes_;
};

Result<void> wait_for_packet(int socket, std::chrono::milliseconds patience) {
  const base::MonoTime deadline = base::mono_now() + patience;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - base::mono_now());
    pollfd wait{socket, POLLIN, 0};
    const int ready = ::poll(&wait, 1, left.count() > 0 ? static_cast<int>(left.count()) : 0);
    if (ready > 0) return {};
    if (ready == 0) return fail(Code::Unavailable, "message", -1, "none in time");
    if (errno != EINTR) return fail_errno("poll");
  }
}

// Whatever came is owned before anything is judged. False: not only descriptors.
bool take_descriptors(msghdr& message, std::vector<Fd>& descriptors) {
  bool known = true;
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) {
      known = false;
      continue;
    }
    const std::size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(at) + i * sizeof fd, sizeof fd);
      descriptors.emplace_back(fd);
    }
  }
  return known;
}

}  // namespace

Result<void> send_parcel(int socket, base::ByteView message, std::span<const int> descriptors) {
  ASSERT(!message.empty() && descriptors.size() <= kMostDescriptors);
  // sendmsg(2) only reads it.
  iovec part{const_cast<std::uint8_t*>(message.data()), message.size()};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  const std::size_t bytes = descriptors.size_bytes();
  ControlSpace space(CMSG_SPACE(bytes));
  if (!descriptors.empty()) {
    space.attach(packet);
    cmsghdr* const header = CMSG_FIRSTHDR(&packet);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(bytes);
    std::memcpy(CMSG_DATA(header), descriptors.data(), bytes);
  }
  for (;;) {
    const ssize_t sent = ::sendmsg(socket, &packet, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == static_cast<ssize_t>(message.size())) return {};
    if (sent >= 0) return fail(Code::Io, "send descriptors", -1, "not a socket of packets");
    if (errno != EINTR) return fail_errno("send descriptors");
  }
}

Result<Parcel> receive_parcel(int socket, const ParcelLimits& limits,
                              std::chrono::milliseconds patience) {
  ASSERT(limits.descriptors <= kMostDescriptors);
  TRY(wait_for_packet(socket, patience));
  Parcel parcel;
  parcel.message.resize(limits.bytes + 1);
  iovec part{parcel.message.data(), parcel.message.size()};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  // Also where none is expected, so that one that comes is seen, and closed.
  ControlSpace space(CMSG_SPACE((limits.descriptors + 1) * sizeof(int)));
  space.attach(packet);
  ssize_t size = -1;
  do {
    size = ::recvmsg(socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return fail_errno("receive descriptors");
  const bool known = take_descriptors(packet, parcel.descriptors);
  if (size == 0) return fail(Code::Closed, "message");
  if ((packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
      static_cast<std::size_t>(size) > limits.bytes ||
      parcel.descriptors.size() > limits.descriptors)
    return fail(Code::TooLarge, "message", -1, "longer, or more descriptors, than asked for");
  if (!known) return fail(Code::Malformed, "message", -1, "not only descriptors came with it");
  parcel.message.resize(static_cast<std::size_t>(size));
  return parcel;
}

}  // namespace os
