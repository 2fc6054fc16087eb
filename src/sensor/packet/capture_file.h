#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "sensor/packet/packet.h"

namespace sensor::packet {

// Reads capture files piece by piece: pcap (micro- and nanoseconds, either byte order, with the
// longer records of some old kernels) and pcapng (several sections and interfaces, each with its
// own link type and resolution). Does no input itself. Threads: one.
// Source: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
class CaptureFile {
 public:
  // No packet is longer (tcpdump's MAXIMUM_SNAPLEN, rounded up).
  static constexpr std::size_t kMaxPacket = 512U << 10U;
  // As much as a step ever needs to see at once.
  static constexpr std::size_t kMaxNeed = kMaxPacket + 1024;
  static constexpr std::size_t kMaxInterfaces = 4096;

  struct Step {
    enum class Kind : std::uint8_t {
      Need,    // `size` bytes at least, from the same place, are needed
      Packet,  // `packet`, whose bytes are within those given; `size` bytes are done with
      Other,   // nothing to look at in the next `size` bytes, which may be more than were given
      Bad,     // no capture file, or damaged: `what` says how; nothing can follow
    };
    Kind kind = Kind::Bad;
    std::size_t size = 0;
    RawPacket packet;
    const char* what = "";
  };

  // `bytes` are what follows those that are done with.
  Step step(base::ByteView bytes);
  // Packets that it said were lost when they were captured (pcapng).
  std::uint64_t lost() const { return lost_; }

 private:
  enum class Format : std::uint8_t { Unknown, Pcap, Pcapng };
  struct Interface {
    LinkType link = LinkType::Ethernet;
    std::uint32_t cut = 0;  // snap length; 0: none
    std::uint64_t per_second = 1'000'000;
    std::int64_t offset = 0;  // seconds
  };

  Step begin(base::ByteView bytes);
  Step record(base::ByteView bytes);
  Step block(base::ByteView bytes);
  Step section(base::ByteView bytes);
  Step interface(base::ByteView body, std::size_t size);
  void interface_options(base::ByteView options, Interface& one) const;
  Step packet_block(std::uint32_t type, base::ByteView body, std::size_t size);
  Step simple_packet(base::ByteView body, std::size_t size);
  void statistics(base::ByteView body);
  std::uint16_t u16(base::ByteView bytes, std::size_t at) const;
  std::uint32_t u32(base::ByteView bytes, std::size_t at) const;
  std::uint64_t u64(base::ByteView bytes, std::size_t at) const;

  Format format_ = Format::Unknown;
  bool swapped_ = false;  // big-endian
  std::size_t record_header_ = 16;
  Interface file_;  // pcap
  std::vector<Interface> interfaces_;
  std::uint64_t number_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace sensor::packet
