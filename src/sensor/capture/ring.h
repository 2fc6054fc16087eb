#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "os/fd.h"
#include "sensor/capture/source.h"

namespace sensor::capture {

// Packets of an interface, from a ring that the kernel fills (packet(7), TPACKET_V3). Nothing is
// sent. Its VLAN tag is what the card took off. Needs no right. Threads: one.
class Ring final : public PacketSource {
 public:
  // Takes over a socket as opener::open_packet_sockets makes them, perhaps in another process, with
  // a ring of so many bytes. Errors: Malformed (it is none of that interface), Unsupported (its
  // packets begin with something we do not know), NotFound (no such interface), Io.
  static base::Result<std::unique_ptr<Ring>> on(os::Fd socket, const std::string& interface,
                                                std::size_t bytes);
  ~Ring() override;

  // Waits at most kPatience.
  base::Result<Next> next(packet::RawPacket& packet) override;
  std::uint64_t lost() override;
  int descriptor() const override { return socket_.get(); }

 private:
  static constexpr int kPatienceMs = 100;

  Ring() = default;
  base::Result<void> take_over(os::Fd socket, const std::string& interface);
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
