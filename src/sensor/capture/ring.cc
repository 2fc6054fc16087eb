#include "sensor/capture/ring.h"

#include <atomic>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "sensor/opener/packet_sockets.h"

namespace sensor::capture {

using opener::kBlock;
using packet::LinkType;

namespace {

// Before the sender's address; TPACKET_ALIGN has no regard for signs.
constexpr std::size_t kHeader = (sizeof(tpacket3_hdr) + 15) / 16 * 16;
constexpr unsigned int kRawIp = 519;  // ARPHRD_RAWIP, which libc does not name

// How packets of such an interface begin.
base::Result<LinkType> link_of(unsigned int hardware) {
  switch (hardware) {
    case ARPHRD_ETHER:
    case ARPHRD_LOOPBACK:
      return LinkType::Ethernet;
    case ARPHRD_IEEE80211:
      return LinkType::Wireless;
    case ARPHRD_IEEE80211_RADIOTAP:
      return LinkType::WirelessRadiotap;
    case ARPHRD_PPP:
    case ARPHRD_NONE:
    case kRawIp:
    case ARPHRD_TUNNEL:
    case ARPHRD_SIT:
    case ARPHRD_IPGRE:
      return LinkType::Raw;
    default:
      return base::fail(base::Code::Unsupported, "interface of a kind that is not read", hardware);
  }
}

}  // namespace

base::Result<std::unique_ptr<Ring>> Ring::on(os::Fd socket, const std::string& interface,
                                             std::size_t bytes) {
  std::unique_ptr<Ring> ring(new Ring());
  TRY(ring->take_over(std::move(socket), interface));
  TRY(ring->map(bytes));
  return ring;
}

Ring::~Ring() {
  if (memory_ != nullptr) ::munmap(memory_, blocks_ * kBlock);
}

base::Result<void> Ring::take_over(os::Fd socket, const std::string& interface) {
  const unsigned int index = ::if_nametoindex(interface.c_str());
  if (index == 0) return base::fail(base::Code::NotFound, "no such interface", -1, interface);
  sockaddr_ll address{};
  socklen_t size = sizeof address;
  int version = 0;
  socklen_t version_size = sizeof version;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      address.sll_family != AF_PACKET || address.sll_ifindex != static_cast<int>(index) ||
      ::getsockopt(socket.get(), SOL_PACKET, PACKET_VERSION, &version, &version_size) != 0 ||
      version != TPACKET_V3)
    return base::fail(base::Code::Malformed, "no ring of the interface", -1, interface);
  loopback_ = address.sll_hatype == ARPHRD_LOOPBACK;
  link_ = TRY(link_of(address.sll_hatype));
  socket_.reset(::fcntl(socket.get(), F_DUPFD_CLOEXEC, kFirstDescriptor));
  if (!socket_) return base::fail_errno("descriptor of the interface");
  return {};
}

base::Result<void> Ring::map(std::size_t bytes) {
  blocks_ = bytes / kBlock;
  void* const memory =
      ::mmap(nullptr, blocks_ * kBlock, PROT_READ | PROT_WRITE, MAP_SHARED, socket_.get(), 0);
  if (memory == MAP_FAILED) return base::fail_errno("map the ring");
  memory_ = static_cast<std::uint8_t*>(memory);
  return {};
}

void Ring::give_back() {
  auto* const block = reinterpret_cast<tpacket_block_desc*>(memory_ + block_ * kBlock);
  std::atomic_ref(block->hdr.bh1.block_status).store(TP_STATUS_KERNEL, std::memory_order_release);
  holding_ = false;
  block_ = (block_ + 1) % blocks_;
}

// The next packet of the block that is ours; false: it has no more.
bool Ring::take(packet::RawPacket& packet) {
  const std::uint8_t* const block = memory_ + block_ * kBlock;
  while (remaining_ > 0) {
    const auto* const header = reinterpret_cast<const tpacket3_hdr*>(block + offset_);
    const auto* const from = reinterpret_cast<const sockaddr_ll*>(block + offset_ + kHeader);
    const std::size_t at = offset_;
    offset_ += header->tp_next_offset;
    --remaining_;
    // What loops back is seen going out and coming in.
    if (loopback_ && from->sll_pkttype == PACKET_OUTGOING) continue;
    packet = {};
    packet.time = base::WallTime(std::chrono::seconds(header->tp_sec) +
                                 std::chrono::nanoseconds(header->tp_nsec));
    packet.link = link_;
    packet.bytes = {block + at + header->tp_mac, header->tp_snaplen};
    packet.size = header->tp_len;
    if ((header->tp_status & TP_STATUS_VLAN_VALID) != 0)
      packet.vlan = static_cast<std::uint16_t>(header->hv1.tp_vlan_tci & 0xFFFU);
    return true;
  }
  return false;
}

base::Result<PacketSource::Next> Ring::next(packet::RawPacket& packet) {
  for (bool waited = false;;) {
    if (holding_) {
      if (take(packet)) return Next::Packet;
      give_back();
    }
    auto* const block = reinterpret_cast<tpacket_block_desc*>(memory_ + block_ * kBlock);
    const auto status =
        std::atomic_ref(block->hdr.bh1.block_status).load(std::memory_order_acquire);
    if ((status & TP_STATUS_USER) != 0) {
      holding_ = true;
      remaining_ = block->hdr.bh1.num_pkts;
      offset_ = block->hdr.bh1.offset_to_first_pkt;
      continue;
    }
    if (waited) return Next::Nothing;
    pollfd wait{socket_.get(), POLLIN | POLLERR, 0};
    if (::poll(&wait, 1, kPatienceMs) < 0 && errno != EINTR) return base::fail_errno("poll");
    if ((wait.revents & POLLERR) != 0) {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      // An interface that is down may come up again.
      if (error != 0 && error != ENETDOWN)
        return base::fail(base::Code::Io, "the interface is gone", error);
    }
    waited = true;
  }
}

std::uint64_t Ring::lost() {
  tpacket_stats_v3 statistics{};
  socklen_t size = sizeof statistics;
  if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &size) == 0)
    lost_ += statistics.tp_drops;
  return lost_;
}

}  // namespace sensor::capture
