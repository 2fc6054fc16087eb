#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "os/fd.h"
#include "sensor/capture/source.h"

namespace sensor::capture {

struct RingSettings {
  std::size_t bytes = 64U << 20U;  // of each ring, in whole mebibytes
  // Rings of one group share an interface's packets by flow; 0: there is only one.
  std::uint16_t group = 0;
};

// Packets of an interface, from a ring that the kernel fills (packet(7), TPACKET_V3). Nothing is
// sent. Its VLAN tag is what the card took off. Needs CAP_NET_RAW to open and nothing after that.
// Threads: one.
class Ring final : public PacketSource {
 public:
  // Errors: NotFound (no such interface), Denied (no right to), Unsupported (its packets begin with
  // something we do not know), Io.
  static base::Result<std::unique_ptr<Ring>> open(const std::string& interface,
                                                  const RingSettings& settings);
  ~Ring() override;

  // Waits at most kPatience.
  base::Result<Next> next(packet::RawPacket& packet) override;
  std::uint64_t lost() override;

 private:
  static constexpr std::size_t kBlock = 1U << 20U;
  static constexpr int kPatienceMs = 100;

  Ring() = default;
  base::Result<void> set_up(const std::string& interface, const RingSettings& settings);
  base::Result<void> map(std::size_t bytes);
  bool take(packet::RawPacket& packet);
  void give_back();

  os::Fd socket_;
  packet::LinkType link_ = packet::LinkType::Ethernet;
  bool loopback_ = false;
  std::uint8_t* memory_ = nullptr;
  std::size_t blocks_ = 0;
  std::size_t block_ = 0;        // that is being read, or will be next
  std::uint32_t remaining_ = 0;  // packets of it
  std::size_t offset_ = 0;       // of the next one, in it
  bool holding_ = false;         // the block is ours
  std::uint64_t lost_ = 0;
};

}  // namespace sensor::capture
