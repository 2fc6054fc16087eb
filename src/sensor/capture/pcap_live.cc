#include "sensor/capture/pcap_live.h"

#include <algorithm>
#include <cerrno>
#include <climits>

#include <pcap/pcap.h>
#include <poll.h>

namespace sensor::capture {

namespace {

constexpr int kPatienceMs = 100;
constexpr int kLongest = 262144;

}  // namespace

base::Result<std::unique_ptr<PcapLive>> PcapLive::open(const std::string& interface,
                                                       std::size_t bytes) {
  char problem[PCAP_ERRBUF_SIZE] = {};
  std::unique_ptr<PcapLive> live(new PcapLive(::pcap_create(interface.c_str(), problem)));
  if (live->handle_ == nullptr) return base::fail(base::Code::Unavailable, "libpcap", -1, problem);
  pcap* const handle = live->handle_;
  ::pcap_set_snaplen(handle, kLongest);
  ::pcap_set_promisc(handle, 1);
  ::pcap_set_timeout(handle, kPatienceMs);
  ::pcap_set_buffer_size(handle, static_cast<int>(std::min<std::size_t>(bytes, INT_MAX)));
  // Most have no nanoseconds.
  ::pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_MICRO);
  if (::pcap_activate(handle) < 0)
    return base::fail(base::Code::Unavailable, "libpcap", -1, ::pcap_geterr(handle));
  // libpcap's own timeout only runs once a packet is there: on a silent interface it would wait for
  // one for ever, and nobody could stop it. So it never waits; poll(2) does.
  if (::pcap_setnonblock(handle, 1, problem) < 0)
    return base::fail(base::Code::Unavailable, "libpcap", -1, problem);
  live->descriptor_ = ::pcap_get_selectable_fd(handle);
  if (live->descriptor_ < 0)
    return base::fail(base::Code::Unavailable, "libpcap", -1,
                      "cannot be waited for on " + interface);
  live->link_ = static_cast<packet::LinkType>(::pcap_datalink(handle));
  return live;
}

PcapLive::~PcapLive() {
  if (handle_ != nullptr) ::pcap_close(handle_);
}

base::Result<PacketSource::Next> PcapLive::next(packet::RawPacket& packet) {
  pcap_pkthdr* header = nullptr;
  const unsigned char* bytes = nullptr;
  int got = ::pcap_next_ex(handle_, &header, &bytes);
  if (got == 0) {
    pollfd wait{descriptor_, POLLIN, 0};
    if (::poll(&wait, 1, kPatienceMs) < 0 && errno != EINTR) return base::fail_errno("poll");
    got = ::pcap_next_ex(handle_, &header, &bytes);
  }
  if (got == 0) return Next::Nothing;
  if (got < 0) return base::fail(base::Code::Unavailable, "libpcap", -1, ::pcap_geterr(handle_));
  packet = {};
  packet.time = base::WallTime(std::chrono::seconds(header->ts.tv_sec) +
                               std::chrono::microseconds(header->ts.tv_usec));
  packet.link = link_;
  packet.bytes = {bytes, header->caplen};
  packet.size = header->len;
  return Next::Packet;
}

std::uint64_t PcapLive::lost() {
  pcap_stat statistics{};
  if (::pcap_stats(handle_, &statistics) != 0) return 0;
  return std::uint64_t{statistics.ps_drop} + statistics.ps_ifdrop;
}

}  // namespace sensor::capture
