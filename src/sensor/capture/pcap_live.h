#pragma once

#include <memory>
#include <string>

#include "sensor/capture/source.h"

struct pcap;

namespace sensor::capture {

// Packets of an interface by libpcap: where there is no ring, slower and with one reader. Threads:
// one.
class PcapLive final : public PacketSource {
 public:
  // `bytes`: of the kernel's buffer. Errors: Unavailable, with libpcap's words.
  static base::Result<std::unique_ptr<PcapLive>> open(const std::string& interface,
                                                      std::size_t bytes);
  ~PcapLive() override;

  base::Result<Next> next(packet::RawPacket& packet) override;
  std::uint64_t lost() override;
  int descriptor() const override { return descriptor_; }

 private:
  explicit PcapLive(pcap* handle) : handle_(handle) {}
  pcap* handle_;
  int descriptor_ = -1;  // libpcap's
  packet::LinkType link_ = packet::LinkType::Ethernet;
};

}  // namespace sensor::capture
