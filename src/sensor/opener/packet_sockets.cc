#include "sensor/opener/packet_sockets.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

namespace sensor::opener {

using base::Code;
using base::fail;
using base::Result;

namespace {

constexpr unsigned int kFrame = 2048;
constexpr unsigned int kRetireMs = 50;

template <class T>
Result<void> set(const os::Fd& socket, int option, const T& value, const char* what) {
  if (::setsockopt(socket.get(), SOL_PACKET, option, &value, sizeof value) != 0)
    return base::fail_errno(what);
  return {};
}

bool may_be_in_a_name(char one) {
  return one > ' ' && one <= '~' && one != '/' && one != ':';
}

Result<os::Fd> open_one(unsigned int index, std::size_t bytes) {
  // Protocol 0: no packets before everything is set up.
  os::Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!socket) {
    if (errno == EPERM || errno == EACCES) return fail(Code::Denied, "capturing needs CAP_NET_RAW");
    return base::fail_errno("packet socket");
  }
  TRY(set(socket, PACKET_VERSION, int{TPACKET_V3}, "TPACKET_V3"));
  tpacket_req3 request{};
  request.tp_block_size = kBlock;
  request.tp_block_nr = static_cast<unsigned int>(bytes / kBlock);
  request.tp_frame_size = kFrame;
  request.tp_frame_nr = static_cast<unsigned int>(bytes / kFrame);
  request.tp_retire_blk_tov = kRetireMs;
  TRY(set(socket, PACKET_RX_RING, request, "ring of that size"));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(index);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return base::fail_errno("bind to interface");
  packet_mreq all{};
  all.mr_ifindex = static_cast<int>(index);
  all.mr_type = PACKET_MR_PROMISC;
  TRY(set(socket, PACKET_ADD_MEMBERSHIP, all, "promiscuous mode"));
  return socket;
}

// A group that nobody else has: one who joined a group of others would take packets from them.
Result<void> share(const std::vector<os::Fd>& sockets) {
  constexpr unsigned int kKind = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG;
  TRY(set(sockets.front(), PACKET_FANOUT, (kKind | PACKET_FANOUT_FLAG_UNIQUEID) << 16U,
          "PACKET_FANOUT"));
  unsigned int group = 0;
  socklen_t size = sizeof group;
  if (::getsockopt(sockets.front().get(), SOL_PACKET, PACKET_FANOUT, &group, &size) != 0)
    return base::fail_errno("PACKET_FANOUT");
  for (std::size_t i = 1; i < sockets.size(); ++i)
    TRY(set(sockets[i], PACKET_FANOUT, (group & 0xFFFFU) | kKind << 16U, "PACKET_FANOUT"));
  return {};
}

}  // namespace

Result<void> check(const Wanted& wanted, std::uint64_t memory) {
  const std::string& name = wanted.interface;
  if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == ".." ||
      !std::ranges::all_of(name, may_be_in_a_name))
    return fail(Code::Invalid, "interface", -1, "not the name of one");
  if (wanted.count < 1 || wanted.count > kMostRings)
    return fail(Code::Invalid, "number of rings", wanted.count);
  if (wanted.bytes % kBlock != 0 || wanted.bytes < kFewestBlocks * kBlock ||
      wanted.bytes > kMostBlocks * kBlock)
    return fail(Code::Invalid, "bytes of a ring", static_cast<std::int64_t>(wanted.bytes));
  if (wanted.bytes > memory / 2 / wanted.count)
    return fail(Code::TooLarge, "rings", -1, "more than half of the machine's memory");
  return {};
}

Result<std::vector<os::Fd>> open_packet_sockets(const Wanted& wanted) {
  const unsigned int index = ::if_nametoindex(wanted.interface.c_str());
  if (index == 0) return fail(Code::NotFound, "no such interface", -1, wanted.interface);
  std::vector<os::Fd> sockets;
  for (unsigned int i = 0; i < wanted.count; ++i)
    sockets.push_back(TRY(open_one(index, wanted.bytes)));
  if (sockets.size() > 1) TRY(share(sockets));
  return sockets;
}

}  // namespace sensor::opener
