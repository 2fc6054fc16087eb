#include "agent/snapshot/ports/sockets.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>

#include "base/text.h"
#include "os/netlink.h"

namespace agent::snapshot::ports {

using base::ByteView;
using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

constexpr std::uint8_t kStateClose = 7;  // UDP and raw: no other end
constexpr std::uint8_t kStateListen = 10;
constexpr std::size_t kIdBytes = 48;  // inet_diag_sockid

int protocol_of(Transport transport) {
  switch (transport) {
    case Transport::Tcp:
      return IPPROTO_TCP;
    case Transport::Udp:
      return IPPROTO_UDP;
    case Transport::UdpLite:
      return IPPROTO_UDPLITE;
    case Transport::Sctp:
      return IPPROTO_SCTP;
    case Transport::Raw:
      return IPPROTO_RAW;
  }
  return IPPROTO_TCP;
}

bool connection_oriented(Transport transport) {
  return transport == Transport::Tcp || transport == Transport::Sctp;
}

std::string address_text(Family family, const std::array<std::uint8_t, 16>& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(family == Family::V4 ? AF_INET : AF_INET6, bytes.data(), text.data(),
              static_cast<socklen_t>(text.size()));
  return text.data();
}

bool is_zero(const std::array<std::uint8_t, 16>& bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

Result<void> read_address(Cursor& cursor, Family family, std::array<std::uint8_t, 16>& out) {
  const ByteView bytes = TRY(cursor.bytes(16));
  // Of IPv4 the rest is not cleared by every kernel.
  std::copy_n(bytes.begin(), family == Family::V4 ? 4 : 16, out.begin());
  return {};
}

template <class Number>
bool read_number(std::string_view text, Number& out, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size();
}

// "0100007F:0016": words of the address as this machine stores them, port in network order.
bool read_endpoint(std::string_view text, Family family, std::array<std::uint8_t, 16>& address,
                   std::uint16_t& port) {
  const std::size_t words = family == Family::V4 ? 1 : 4;
  const std::size_t colon = text.find(':');
  if (colon != words * 8 || !read_number(text.substr(colon + 1), port, 16)) return false;
  for (std::size_t i = 0; i < words; ++i) {
    std::uint32_t word = 0;
    if (!read_number(text.substr(i * 8, 8), word, 16)) return false;
    const auto bytes = std::bit_cast<std::array<std::uint8_t, 4>>(word);
    std::ranges::copy(bytes, address.begin() + static_cast<std::ptrdiff_t>(i * 4));
  }
  return true;
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t at = line.find_first_not_of(' '); at != std::string_view::npos;) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    words.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(' ', end);
  }
  return words;
}

// sl local remote st queues timer retrnsmt uid timeout inode ...
std::optional<Socket> read_line(const std::vector<std::string_view>& words, Transport transport,
                                Family family) {
  Socket socket{.transport = transport, .family = family};
  if (words.size() < 10 || !read_endpoint(words[1], family, socket.local, socket.local_port) ||
      !read_endpoint(words[2], family, socket.remote, socket.remote_port) ||
      !read_number(words[3], socket.state, 16) || !read_number(words[7], socket.uid, 10) ||
      !read_number(words[9], socket.inode, 10)) {
    return std::nullopt;
  }
  return socket;
}

// ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS...: one line of an endpoint.
std::optional<Socket> read_sctp_line(const std::vector<std::string_view>& words) {
  Socket socket{.transport = Transport::Sctp, .state = kStateListen};
  unsigned state = 0;
  if (words.size() < 9 || !read_number(words[3], state, 10) ||
      !read_number(words[5], socket.local_port, 10) || !read_number(words[6], socket.uid, 10) ||
      !read_number(words[7], socket.inode, 10)) {
    return std::nullopt;
  }
  // SCTP_SS_LISTENING is TCP_LISTEN.
  socket.state = static_cast<std::uint8_t>(std::min(state, 255U));
  const std::string address(words[8]);
  if (::inet_pton(AF_INET, address.c_str(), socket.local.data()) == 1) return socket;
  socket.family = Family::V6;
  if (::inet_pton(AF_INET6, address.c_str(), socket.local.data()) == 1) return socket;
  return std::nullopt;
}

// Older kernels know fewer fields.
void read_info(ByteView bytes, Socket& socket) {
  Cursor cursor(bytes);
  if (!cursor.skip(offsetof(tcp_info, tcpi_bytes_received))) return;
  const auto received = cursor.u64le();
  constexpr std::size_t kBetween = offsetof(tcp_info, tcpi_bytes_sent) -
                                   offsetof(tcp_info, tcpi_bytes_received) - sizeof(std::uint64_t);
  if (!received || !cursor.skip(kBetween)) return;
  const auto sent = cursor.u64le();
  const auto resent = cursor.u64le();
  if (!sent || !resent) return;
  // The end of the other's stream counts as one, and seldom is missing.
  socket.bytes_received = *received - (*received > 0 ? 1 : 0);
  socket.bytes_sent = *sent - std::min(*sent, *resent);
}

template <class Read>
ProcSockets read_lines(std::string_view text, std::size_t limit, Which which, const Read& read) {
  ProcSockets found;
  bool header = true;
  for (const std::string_view line : base::split(text, '\n')) {
    if (std::exchange(header, false) || base::trim(line).empty()) continue;
    const std::optional<Socket> socket = read(words_of(line));
    if (!socket) {
      ++found.malformed;
      continue;
    }
    if (which == Which::Listening && !socket->listens()) continue;
    if (found.sockets.size() == limit) {
      found.cut = true;
      break;
    }
    found.sockets.push_back(*socket);
  }
  return found;
}

}  // namespace

std::string_view transport_name(Transport transport) {
  switch (transport) {
    case Transport::Tcp:
      return "tcp";
    case Transport::Udp:
      return "udp";
    case Transport::UdpLite:
      return "udplite";
    case Transport::Sctp:
      return "sctp";
    case Transport::Raw:
      return "raw";
  }
  return "";
}

bool Socket::listens() const {
  if (connection_oriented(transport)) return state == kStateListen;
  return state == kStateClose && !has_remote() && local_port != 0;
}

std::string Socket::local_text() const {
  return address_text(family, local);
}

std::string Socket::remote_text() const {
  return address_text(family, remote);
}

bool Socket::has_remote() const {
  // The "port" of a raw socket's other end is always 0.
  return remote_port != 0 || !is_zero(remote);
}

base::ByteVec diag_request(Transport transport, Family family, std::uint32_t states) {
  base::ByteWriter out;
  out.u8(family == Family::V4 ? AF_INET : AF_INET6);
  out.u8(static_cast<std::uint8_t>(protocol_of(transport)));
  out.u8(0);  // extensions
  out.u8(0);
  const std::uint8_t state = connection_oriented(transport) ? kStateListen : kStateClose;
  out.u32le(states == 0 ? 1U << state : states);
  out.bytes(base::ByteVec(kIdBytes));
  return std::move(out).take();
}

Result<Socket> read_diag(ByteView payload, Transport transport) {
  Cursor cursor(payload);
  Socket socket{.transport = transport};
  const std::uint8_t family = TRY(cursor.u8());
  if (family != AF_INET && family != AF_INET6) return fail(Code::Malformed, "inet_diag family", 0);
  socket.family = family == AF_INET ? Family::V4 : Family::V6;
  socket.state = TRY(cursor.u8());
  TRY(cursor.skip(2));  // timer, retransmits
  socket.local_port = TRY(cursor.u16be());
  socket.remote_port = TRY(cursor.u16be());
  TRY(read_address(cursor, socket.family, socket.local));
  TRY(read_address(cursor, socket.family, socket.remote));
  socket.interface = TRY(cursor.u32le());
  TRY(cursor.skip(8 + 4 + 4 + 4));  // cookie, expires, queues
  socket.uid = TRY(cursor.u32le());
  socket.inode = TRY(cursor.u32le());
  TRY(os::read_attributes(cursor.rest(), [&](const os::NetlinkAttribute& attribute) {
    if (attribute.type == INET_DIAG_SKV6ONLY && attribute.payload.size() == 1)
      socket.v6_only = attribute.payload[0] != 0;
    if (attribute.type == INET_DIAG_INFO) read_info(attribute.payload, socket);
    return true;
  }));
  return socket;
}

ProcSockets read_proc_sockets(std::string_view text, Transport transport, Family family,
                              std::size_t limit, Which which) {
  return read_lines(text, limit, which, [&](const std::vector<std::string_view>& words) {
    return read_line(words, transport, family);
  });
}

ProcSockets read_proc_sctp(std::string_view text, std::size_t limit) {
  return read_lines(text, limit, Which::Listening, read_sctp_line);
}

}  // namespace agent::snapshot::ports
