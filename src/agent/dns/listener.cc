#include "agent/dns/listener.h"

#include <array>
#include <cerrno>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace agent::dns {

using base::Code;
using base::fail;
using base::fail_errno;
using base::Result;

namespace {

// Larger than what EDNS clients ask for.
constexpr std::size_t kMaxPacket = 4096;
constexpr std::uint32_t kWholePacket = kMaxPacket;
// Packets taken in one turn of the loop.
constexpr int kTurn = 64;
constexpr int kReceiveBytes = 256 << 10;
constexpr std::uint32_t kDomainPort = 53;

constexpr sock_filter statement(int code, std::uint32_t k) {
  return {static_cast<std::uint16_t>(code), 0, 0, k};
}
constexpr sock_filter jump(int code, std::uint32_t k, std::uint8_t yes, std::uint8_t no) {
  return {static_cast<std::uint16_t>(code), yes, no, k};
}

// From the IP header: UDP, not a fragment, from port 53.
std::array<sock_filter, 8> filter_v4() {
  return {statement(BPF_LD | BPF_B | BPF_ABS, 9),
          jump(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 5),
          statement(BPF_LD | BPF_H | BPF_ABS, 6),
          jump(BPF_JMP | BPF_JSET | BPF_K, 0x3FFF, 3, 0),
          statement(BPF_LDX | BPF_B | BPF_MSH, 0),
          statement(BPF_LD | BPF_H | BPF_IND, 0),
          jump(BPF_JMP | BPF_JEQ | BPF_K, kDomainPort, 1, 0),
          statement(BPF_RET | BPF_K, 0)};
}
std::array<sock_filter, 5> filter_v6() {
  return {statement(BPF_LD | BPF_B | BPF_ABS, 6),
          jump(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 2),
          statement(BPF_LD | BPF_H | BPF_ABS, 40),
          jump(BPF_JMP | BPF_JEQ | BPF_K, kDomainPort, 1, 0), statement(BPF_RET | BPF_K, 0)};
}

// The filter is in place before the first packet can come: the socket takes none until it is bound.
Result<os::Fd> open_socket(std::uint16_t protocol, std::span<sock_filter> refusal) {
  os::Fd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd && (errno == EPERM || errno == EACCES))
    return fail(Code::Denied, "packet socket", errno, "names of addresses need CAP_NET_RAW");
  if (!fd) return fail_errno("packet socket");
  std::vector<sock_filter> program(refusal.begin(), refusal.end());
  program.push_back(statement(BPF_RET | BPF_K, kWholePacket));
  const sock_fprog whole{static_cast<unsigned short>(program.size()), program.data()};
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &whole, sizeof whole) != 0)
    return fail_errno("packet filter");
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBytes, sizeof kReceiveBytes);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(protocol);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fail_errno("packet bind");
  return fd;
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(os::Loop& loop) {
  std::unique_ptr<Listener> listener(new Listener(loop));
  auto v4 = filter_v4();
  auto v6 = filter_v6();
  listener->sockets_.push_back(TRY(open_socket(ETH_P_IP, v4)));
  listener->sockets_.push_back(TRY(open_socket(ETH_P_IPV6, v6)));
  for (const os::Fd& socket : listener->sockets_) {
    TRY(loop.watch(socket.get(), os::Loop::kReadable,
                   [raw = listener.get(), fd = socket.get()](std::uint32_t) { raw->receive(fd); }));
  }
  return listener;
}

Listener::~Listener() {
  for (const os::Fd& socket : sockets_)
    loop_.unwatch(socket.get());
}

void Listener::drain() {
  for (const os::Fd& socket : sockets_)
    receive(socket.get());
}

void Listener::receive(int fd) {
  std::array<std::uint8_t, kMaxPacket> buffer;
  for (int i = 0; i < kTurn; ++i) {
    const ssize_t size = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    // An interface that went down is an error of the socket, once; it goes on.
    if (size < 0 && errno == ENETDOWN) continue;
    if (size < 0) return;
    const auto payload = udp_payload(base::ByteView(buffer).first(static_cast<std::size_t>(size)));
    if (!payload) {
      ++malformed_;
      continue;
    }
    const auto answer = read_answer(*payload);
    if (!answer) {
      ++malformed_;
    } else if (*answer) {
      ++answers_;
      names_.add(**answer, base::mono_now());
    }
  }
}

std::optional<std::string> Listener::name_of(const connections::Address& address) const {
  return names_.find(address, base::mono_now());
}

}  // namespace agent::dns
