#pragma once

#include <cstdint>

#include "base/result.h"
#include "sensor/packet/packet.h"

namespace sensor::capture {

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
};

}  // namespace sensor::capture
