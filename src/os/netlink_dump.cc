#include <array>
#include <cerrno>
#include <memory>

#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include "os/netlink.h"

namespace os {

using base::Code;
using base::Cursor;
using base::fail;
using base::fail_errno;
using base::Result;

namespace {

constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kBufferBytes = 64U << 10U;
constexpr std::uint16_t kAttributeType = 0x3FFF;
constexpr std::uint32_t kSequence = 1;

base::Error kernel_error(int code) {
  const Code kind = code == EPERM || code == EACCES                 ? Code::Denied
                    : code == ENOENT                                ? Code::NotFound
                    : code == EOPNOTSUPP || code == EPROTONOSUPPORT ? Code::Unsupported
                                                                    : Code::Io;
  return {kind, "netlink answer", code, {}};
}

base::ByteVec framed(std::uint16_t type, std::uint16_t flags, base::ByteView payload) {
  base::ByteWriter message;
  message.u32le(static_cast<std::uint32_t>(kHeaderBytes + payload.size()));
  message.u16le(type);
  message.u16le(flags);
  message.u32le(kSequence);
  message.u32le(0);
  message.bytes(payload);
  return std::move(message).take();
}

// The errno in NLMSG_ERROR or NLMSG_DONE; 0: all well.
int status_of(const NetlinkMessage& message) {
  Cursor cursor(message.payload);
  const auto status = cursor.u32le();
  return status ? -static_cast<std::int32_t>(*status) : 0;
}

class Question {
 public:
  Question(const std::function<void(const NetlinkMessage&)>& on_message, bool dump)
      : on_message_(on_message), dump_(dump) {}

  void take(const NetlinkMessage& message) {
    if (message.sequence != kSequence || done_) return;
    if ((message.flags & NLM_F_DUMP_INTR) != 0) state_ = DumpState::Interrupted;
    if (message.type == NLMSG_NOOP) return;
    if (message.type == NLMSG_ERROR || message.type == NLMSG_DONE) {
      status_ = status_of(message);
      done_ = true;
      return;
    }
    on_message_(message);
    if (!dump_) done_ = true;
  }
  bool done() const { return done_; }
  Result<DumpState> answer() const {
    if (status_ != 0) return std::unexpected(kernel_error(status_));
    return state_;
  }

 private:
  const std::function<void(const NetlinkMessage&)>& on_message_;
  bool dump_;
  bool done_ = false;
  int status_ = 0;
  DumpState state_ = DumpState::Consistent;
};

Result<void> receive_some(int fd, std::span<std::uint8_t> buffer, Question& question) {
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  const int ready = ::poll(&waiting, 1, kDumpTimeoutMs);
  if (ready < 0 && errno == EINTR) return {};
  if (ready < 0) return fail_errno("netlink poll");
  if (ready == 0) return fail(Code::Unavailable, "netlink answer", -1, "none in time");
  sockaddr_nl from{};
  socklen_t from_size = sizeof from;
  const ssize_t size = ::recvfrom(fd, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC,
                                  reinterpret_cast<sockaddr*>(&from), &from_size);
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return {};
  if (size < 0 && errno == ENOBUFS)
    return fail(Code::Unavailable, "netlink answer", ENOBUFS, "the kernel dropped some of it");
  if (size < 0) return fail_errno("netlink receive");
  if (from.nl_pid != 0) return {};
  if (static_cast<std::size_t>(size) > buffer.size())
    return fail(Code::TooLarge, "netlink answer", size);
  return read_netlink(base::ByteView(buffer).first(static_cast<std::size_t>(size)),
                      [&](const NetlinkMessage& message) { question.take(message); });
}

Result<DumpState> converse(int protocol, std::uint16_t type, std::uint16_t flags,
                           base::ByteView payload,
                           const std::function<void(const NetlinkMessage&)>& on_message) {
  const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
  if (!socket && errno == EPROTONOSUPPORT)
    return fail(Code::Unsupported, "netlink", EPROTONOSUPPORT);
  if (!socket) return fail_errno("netlink socket");
  const base::ByteVec request =
      framed(type, static_cast<std::uint16_t>(NLM_F_REQUEST | flags), payload);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  const ssize_t sent = ::sendto(socket.get(), request.data(), request.size(), 0,
                                reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
  if (sent < 0 && errno == ECONNREFUSED)
    return fail(Code::Unsupported, "netlink send", errno, "nobody listens in the kernel");
  if (sent < 0 && (errno == EPERM || errno == EACCES))
    return fail(Code::Denied, "netlink send", errno);
  if (sent < 0) return fail_errno("netlink send");
  const auto buffer = std::make_unique<std::array<std::uint8_t, kBufferBytes>>();
  Question question(on_message, (flags & NLM_F_DUMP) == NLM_F_DUMP);
  while (!question.done())
    TRY(receive_some(socket.get(), *buffer, question));
  return question.answer();
}

}  // namespace

Result<void> read_attributes(base::ByteView payload,
                             const std::function<bool(const NetlinkAttribute&)>& on_attribute) {
  Cursor cursor(payload);
  while (!cursor.done()) {
    const std::size_t at = cursor.offset();
    const std::uint16_t length = TRY(cursor.u16le());
    const std::uint16_t type = TRY(cursor.u16le());
    if (length < 4) {
      return fail(Code::Malformed, "netlink attribute", static_cast<std::int64_t>(at),
                  "shorter than its header");
    }
    NetlinkAttribute attribute;
    attribute.type = type & kAttributeType;
    attribute.payload = TRY(cursor.bytes(length - 4U));
    if (!on_attribute(attribute)) return {};
    // The last one may end without its padding.
    const std::size_t padding = (4U - length % 4U) % 4U;
    TRY(cursor.skip(std::min(padding, cursor.remaining())));
  }
  return {};
}

Result<DumpState> dump_netlink(int protocol, std::uint16_t type, base::ByteView payload,
                               const std::function<void(const NetlinkMessage&)>& on_message) {
  return converse(protocol, type, NLM_F_DUMP, payload, on_message);
}

Result<void> ask_netlink(int protocol, std::uint16_t type, base::ByteView payload,
                         const std::function<void(const NetlinkMessage&)>& on_message) {
  TRY(converse(protocol, type, 0, payload, on_message));
  return {};
}

}  // namespace os
