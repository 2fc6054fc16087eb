#include "audit/socket.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <arpa/inet.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include "audit/names.h"

namespace audit {

using base::Code;
using base::Cursor;
using base::fail;
using base::fail_errno;
using base::Result;

namespace {

constexpr std::size_t kHeaderBytes = 16;
// A record takes at most 8,970 bytes (MAX_AUDIT_MESSAGE_LENGTH), a rule little more than 1 KiB and
// two paths.
constexpr std::size_t kDatagramBytes = 12U << 10U;
constexpr int kAnswerMilliseconds = 1000;
constexpr std::size_t kMaxRules = 65536;

Result<os::Fd> open_socket(std::uint32_t groups) {
  os::Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT));
  if (!socket) {
    if (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT)
      return fail(Code::Unsupported, "audit", errno,
                  "this kernel has no audit, or was started with audit=0");
    return fail_errno("audit socket");
  }
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == EPERM || errno == EACCES)
      return fail(Code::Denied, "audit", errno, "listening to audit needs CAP_AUDIT_READ");
    return fail_errno("audit bind");
  }
  return socket;
}

// One datagram from the kernel; 0: nothing waits, or it came from somebody else.
// The length in its header cannot be trusted: for the daemon's records the kernel leaves the header
// out of it. There is one message in each.
Result<std::size_t> receive_one(int fd, std::span<std::uint8_t> buffer, bool& from_kernel) {
  sockaddr_nl from{};
  iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ssize_t size = 0;
  do {
    size = ::recvmsg(fd, &message, MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::size_t{0};
  if (size < 0) return fail_errno("audit receive");
  from_kernel = from.nl_pid == 0 && (message.msg_flags & MSG_TRUNC) == 0;
  return static_cast<std::size_t>(size);
}

struct Message {
  RecordType type = 0;
  std::uint32_t sequence = 0;
  base::ByteView payload;
};

Result<Message> read_message(base::ByteView datagram) {
  Cursor cursor(datagram);
  Message message;
  TRY(cursor.skip(4));
  message.type = TRY(cursor.u16le());
  TRY(cursor.skip(2));
  message.sequence = TRY(cursor.u32le());
  TRY(cursor.skip(4));
  message.payload = cursor.rest();
  return message;
}

Result<std::int32_t> read_error(base::ByteView payload) {
  return static_cast<std::int32_t>(TRY(Cursor(payload).u32le()));
}

Result<void> result_of(std::int32_t error) {
  switch (error) {
    case 0:
      return {};
    case -EPERM:
    case -EACCES:
      return fail(Code::Denied, "audit", EPERM, "changing audit needs CAP_AUDIT_CONTROL");
    case -EEXIST:
      return fail(Code::Exists, "audit", EEXIST);
    case -ENOENT:
      return fail(Code::NotFound, "audit", ENOENT);
    case -ECONNREFUSED:
      return fail(Code::Unsupported, "audit", ECONNREFUSED,
                  "audit cannot be changed from within this name space");
    default:
      return fail(Code::Io, "audit", -error);
  }
}

constexpr std::uint32_t kMaskEnabled = 1;
constexpr std::uint32_t kMaskPid = 4;
constexpr std::uint32_t kMaskBacklogLimit = 16;

base::ByteVec status_payload(std::uint32_t mask, std::uint32_t enabled, std::uint32_t pid,
                             std::uint32_t backlog_limit) {
  base::ByteWriter out;
  for (const std::uint32_t word : {mask, enabled, 0U, pid, 0U, backlog_limit, 0U, 0U, 0U, 0U, 0U})
    out.u32le(word);
  return std::move(out).take();
}

}  // namespace

Result<Status> read_status(base::ByteView payload) {
  Cursor cursor(payload);
  Status status;
  TRY(cursor.skip(4));
  status.enabled = TRY(cursor.u32le());
  status.failure = TRY(cursor.u32le());
  status.daemon = TRY(cursor.u32le());
  TRY(cursor.skip(4));
  status.backlog_limit = TRY(cursor.u32le());
  status.lost = TRY(cursor.u32le());
  return status;
}

Result<Control> Control::open() {
  Control control;
  control.socket_ = TRY(open_socket(0));
  return control;
}

Result<void> Control::ask(RecordType type, base::ByteView payload, const OnMessage& on_message) {
  base::ByteWriter out;
  out.u32le(static_cast<std::uint32_t>(kHeaderBytes + payload.size()));
  out.u16le(type);
  out.u16le(NLM_F_REQUEST | NLM_F_ACK);
  out.u32le(++sequence_);
  out.u32le(0);
  out.bytes(payload);
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(fd(), out.view().data(), out.size(), 0, reinterpret_cast<const sockaddr*>(&kernel),
               sizeof kernel) < 0) {
    if (errno == ECONNREFUSED) return result_of(-ECONNREFUSED);
    return fail_errno("audit request");
  }
  alignas(8) std::array<std::uint8_t, kDatagramBytes> buffer;
  for (std::size_t count = 0; count < kMaxRules;) {
    bool from_kernel = false;
    const std::size_t size = TRY(receive_one(fd(), buffer, from_kernel));
    if (size == 0) {
      pollfd waiting{.fd = fd(), .events = POLLIN, .revents = 0};
      if (::poll(&waiting, 1, kAnswerMilliseconds) <= 0)
        return fail(Code::Unavailable, "audit", -1, "no answer from the kernel");
      continue;
    }
    if (!from_kernel) continue;
    const Message message = TRY(read_message(base::ByteView(buffer).first(size)));
    if (message.type == types::kReplace) place_wanted_ = true;
    if (message.sequence != sequence_) continue;
    ++count;
    if (message.type == NLMSG_ERROR) {
      const std::int32_t error = TRY(read_error(message.payload));
      if (error != 0) return result_of(error);
    }
    if (on_message(message.type, message.payload)) return {};
  }
  return fail(Code::TooLarge, "audit", -1, "more rules than anybody has");
}

Result<void> Control::change(RecordType type, base::ByteView payload) {
  return ask(type, payload,
             [](RecordType answer, base::ByteView) { return answer == NLMSG_ERROR; });
}

Result<Status> Control::status() {
  Result<Status> status = fail(Code::Unavailable, "audit status");
  TRY(ask(AUDIT_GET, {}, [&](RecordType type, base::ByteView payload) {
    if (type != AUDIT_GET) return false;
    status = read_status(payload);
    return true;
  }));
  return status;
}

Result<std::vector<Rule>> Control::rules() {
  std::vector<Rule> rules;
  Result<void> read;
  TRY(ask(AUDIT_LIST_RULES, {}, [&](RecordType type, base::ByteView payload) {
    if (type == AUDIT_LIST_RULES) {
      auto rule = read_rule(payload);
      if (rule) {
        rules.push_back(std::move(*rule));
      } else {
        read = std::unexpected(std::move(rule).error());
      }
    }
    return type == NLMSG_DONE;
  }));
  TRY(std::move(read));
  return rules;
}

Result<void> Control::add(const Rule& rule) {
  return change(AUDIT_ADD_RULE, write_rule(rule));
}
Result<void> Control::remove(const Rule& rule) {
  return change(AUDIT_DEL_RULE, write_rule(rule));
}
Result<void> Control::set_enabled(bool on) {
  return change(AUDIT_SET, status_payload(kMaskEnabled, on ? 1 : 0, 0, 0));
}
Result<void> Control::set_backlog_limit(std::uint32_t records) {
  return change(AUDIT_SET, status_payload(kMaskBacklogLimit, 0, 0, records));
}
Result<void> Control::set_daemon(std::uint32_t pid) {
  return change(AUDIT_SET, status_payload(kMaskPid, 0, pid, 0));
}

Result<void> Control::refuse_records() {
  // The type is in the byte order of this machine, and the filter reads in that of the network.
  const auto is = [](std::uint16_t type, std::uint8_t skip) {
    return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(type), skip, 0);
  };
  std::array<sock_filter, 8> code = {{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
      is(NLMSG_ERROR, 5),
      is(NLMSG_DONE, 4),
      is(AUDIT_GET, 3),
      is(AUDIT_LIST_RULES, 2),
      is(AUDIT_REPLACE, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFF),
  }};
  const sock_fprog program{.len = static_cast<unsigned short>(code.size()), .filter = code.data()};
  if (::setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
    return fail_errno("audit filter");
  return {};
}

bool Control::place_wanted() {
  alignas(8) std::array<std::uint8_t, kDatagramBytes> buffer;
  for (;;) {
    bool from_kernel = false;
    const auto size = receive_one(fd(), buffer, from_kernel);
    if (!size || *size == 0) break;
    const auto message = read_message(base::ByteView(buffer).first(*size));
    if (from_kernel && message && message->type == types::kReplace) place_wanted_ = true;
  }
  return std::exchange(place_wanted_, false);
}

Result<Listener> Listener::open(std::size_t receive_bytes) {
  Listener listener;
  listener.socket_ = TRY(open_socket(1U << (AUDIT_NLGRP_READLOG - 1U)));
  const int size = static_cast<int>(receive_bytes);
  if (::setsockopt(listener.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
    ::setsockopt(listener.fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return listener;
}

Result<Listener::Received> Listener::receive(
    std::size_t limit, const std::function<void(RecordType, std::string_view)>& on_record) {
  alignas(8) std::array<std::uint8_t, kDatagramBytes> buffer;
  Received received;
  while (received.messages < limit) {
    bool from_kernel = false;
    const auto size = receive_one(fd(), buffer, from_kernel);
    if (!size && size.error().at == ENOBUFS) {
      received.overrun = true;
      continue;
    }
    if (!size) return std::unexpected(size.error());
    if (*size == 0) return received;
    ++received.messages;
    if (!from_kernel) continue;
    const auto message = read_message(base::ByteView(buffer).first(*size));
    if (message) on_record(message->type, base::as_text(message->payload));
  }
  received.more = true;
  return received;
}

}  // namespace audit
