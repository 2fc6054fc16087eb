#pragma once

#include <cstdint>

#include "base/result.h"
#include "sensor/packet/packet.h"

namespace sensor::capture {

// Descriptors of interfaces are from here on, so many at most, so that a filter of system calls can
// tell them from others. Of them, the low bits count them.
inline constexpr int kFirstDescriptor = 256;
inline constexpr unsigned int kMostDescriptors = 64;

// Where packets come from. Threads: one.
class PacketSource {
 public:
  virtual ~PacketSource() = default;
  enum class Next : std::uint8_t {
    Packet,
    Nothing,  // none within the source's patience; ask again
    End,
  };
  // The packet's bytes are good until the next call.
  virtual base::Result<Next> next(packet::RawPacket& packet) = 0;
  // Packets that were lost before anybody could see them.
  virtual std::uint64_t lost() = 0;
  // Of the interface, which could also be written to; -1: there is none.
  virtual int descriptor() const { return -1; }
};

}  // namespace sensor::capture
