#include "sensor/packet/capture_file.h"

#include <algorithm>
#include <chrono>

namespace sensor::packet {

namespace {

using Step = CaptureFile::Step;
using Kind = Step::Kind;

constexpr std::uint32_t kSection = 0x0A0D0D0A;
constexpr std::size_t kBlockHeader = 8;
constexpr std::size_t kBlockEnd = 4;

Step bad(const char* what) {
  Step step;
  step.what = what;
  return step;
}

Step need(std::size_t size) {
  Step step;
  step.kind = Kind::Need;
  step.size = size;
  return step;
}

Step other(std::size_t size) {
  Step step;
  step.kind = Kind::Other;
  step.size = size;
  return step;
}

// Times beyond what can be said are the epoch.
base::WallTime time_of(std::uint64_t ticks, std::uint64_t per_second, std::int64_t offset) {
  constexpr std::uint64_t kNano = 1'000'000'000;
  constexpr std::int64_t kMaxSeconds = 9'000'000'000;
  const auto seconds = static_cast<std::int64_t>(
      std::min<std::uint64_t>(ticks / per_second, std::uint64_t{kMaxSeconds}));
  std::int64_t whole = 0;
  if (__builtin_add_overflow(seconds, offset, &whole) || whole < 0 || whole >= kMaxSeconds)
    return {};
  __extension__ using Wide = unsigned __int128;
  const auto part = static_cast<std::uint64_t>(Wide{ticks % per_second} * kNano / per_second);
  return base::WallTime(std::chrono::seconds(whole) +
                        std::chrono::nanoseconds(static_cast<std::int64_t>(part)));
}

}  // namespace

std::uint16_t CaptureFile::u16(base::ByteView bytes, std::size_t at) const {
  const auto value = static_cast<std::uint16_t>(bytes[at] | bytes[at + 1] << 8U);
  return swapped_ ? __builtin_bswap16(value) : value;
}

std::uint32_t CaptureFile::u32(base::ByteView bytes, std::size_t at) const {
  const std::uint32_t value = std::uint32_t{bytes[at]} | std::uint32_t{bytes[at + 1]} << 8U |
                              std::uint32_t{bytes[at + 2]} << 16U |
                              std::uint32_t{bytes[at + 3]} << 24U;
  return swapped_ ? __builtin_bswap32(value) : value;
}

std::uint64_t CaptureFile::u64(base::ByteView bytes, std::size_t at) const {
  const std::uint64_t first = u32(bytes, at);
  const std::uint64_t second = u32(bytes, at + 4);
  return swapped_ ? first << 32U | second : second << 32U | first;
}

Step CaptureFile::step(base::ByteView bytes) {
  switch (format_) {
    case Format::Unknown:
      return begin(bytes);
    case Format::Pcap:
      return record(bytes);
    case Format::Pcapng:
      return block(bytes);
  }
  return bad("no capture file");
}

Step CaptureFile::begin(base::ByteView bytes) {
  if (bytes.size() < 4) return need(4);
  swapped_ = false;
  std::uint32_t magic = u32(bytes, 0);
  if (magic == kSection) {
    format_ = Format::Pcapng;
    return block(bytes);
  }
  if (magic == 0xD4C3B2A1 || magic == 0x4D3CB2A1 || magic == 0x34CDB2A1) {
    swapped_ = true;
    magic = __builtin_bswap32(magic);
  }
  if (magic != 0xA1B2C3D4 && magic != 0xA1B23C4D && magic != 0xA1B2CD34)
    return bad("neither a pcap nor a pcapng file");
  if (bytes.size() < 24) return need(24);
  file_.per_second = magic == 0xA1B23C4D ? 1'000'000'000 : 1'000'000;
  record_header_ = magic == 0xA1B2CD34 ? 24 : 16;
  // The upper half may say how long checksums are.
  file_.link = static_cast<LinkType>(u32(bytes, 20) & 0xFFFFU);
  format_ = Format::Pcap;
  return other(24);
}

Step CaptureFile::record(base::ByteView bytes) {
  if (bytes.size() < record_header_) return need(record_header_);
  const std::uint32_t seconds = u32(bytes, 0);
  const std::uint32_t part = u32(bytes, 4);
  const std::uint32_t captured = u32(bytes, 8);
  if (captured > kMaxPacket) return bad("a packet of the file is too long");
  const std::size_t size = record_header_ + captured;
  if (bytes.size() < size) return need(size);
  Step step;
  step.kind = Kind::Packet;
  step.size = size;
  step.packet.time = time_of(seconds * file_.per_second + part, file_.per_second, 0);
  step.packet.number = ++number_;
  step.packet.link = file_.link;
  step.packet.bytes = bytes.subspan(record_header_, captured);
  step.packet.size = u32(bytes, 12);
  return step;
}

Step CaptureFile::block(base::ByteView bytes) {
  if (bytes.size() < kBlockHeader) return need(kBlockHeader);
  // The first word of a section is the same either way round, and says how the rest is to be read.
  std::uint32_t type = u32(bytes, 0);
  if (type == kSection) return section(bytes);
  const std::size_t size = u32(bytes, 4);
  if (size < kBlockHeader + kBlockEnd || size % 4 != 0) return bad("a block's length is wrong");
  const bool read = type == 1 || type == 2 || type == 3 || type == 5 || type == 6;
  if (!read) return other(size);
  if (size > kMaxNeed) return bad("a block is too long");
  if (bytes.size() < size) return need(size);
  const base::ByteView body = bytes.subspan(kBlockHeader, size - kBlockHeader - kBlockEnd);
  switch (type) {
    case 1:
      return interface(body, size);
    case 3:
      return simple_packet(body, size);
    case 5:
      statistics(body);
      return other(size);
    default:
      return packet_block(type, body, size);
  }
}

Step CaptureFile::section(base::ByteView bytes) {
  if (bytes.size() < 12) return need(12);
  swapped_ = false;
  const std::uint32_t order = u32(bytes, 8);
  if (order == 0x4D3C2B1A) {
    swapped_ = true;
  } else if (order != 0x1A2B3C4D) {
    return bad("a section's byte order is wrong");
  }
  const std::size_t size = u32(bytes, 4);
  if (size < 28 || size % 4 != 0) return bad("a section's length is wrong");
  interfaces_.clear();
  return other(size);
}

Step CaptureFile::interface(base::ByteView body, std::size_t size) {
  if (body.size() < 8) return bad("an interface's block is too short");
  if (interfaces_.size() == kMaxInterfaces) return bad("too many interfaces");
  Interface one;
  one.link = static_cast<LinkType>(u16(body, 0));
  one.cut = u32(body, 4);
  interface_options(body.subspan(8), one);
  interfaces_.push_back(one);
  return other(size);
}

void CaptureFile::interface_options(base::ByteView options, Interface& one) const {
  while (options.size() >= 4) {
    const std::uint16_t code = u16(options, 0);
    const std::size_t size = u16(options, 2);
    if (code == 0 || size > options.size() - 4) return;
    const base::ByteView value = options.subspan(4, size);
    if (code == 9 && size == 1) {
      const unsigned int power = value[0] & 0x7FU;
      if ((value[0] & 0x80U) != 0) {
        if (power <= 63) one.per_second = std::uint64_t{1} << power;
      } else if (power <= 19) {
        one.per_second = 1;
        for (unsigned int i = 0; i < power; ++i)
          one.per_second *= 10;
      }
    } else if (code == 14 && size == 8) {
      one.offset = static_cast<std::int64_t>(u64(value, 0));
    }
    options = options.subspan(std::min(options.size(), 4 + (size + 3) / 4 * 4));
  }
}

Step CaptureFile::packet_block(std::uint32_t type, base::ByteView body, std::size_t size) {
  if (body.size() < 20) return bad("a packet's block is too short");
  const std::size_t which = type == 6 ? u32(body, 0) : u16(body, 0);
  if (which >= interfaces_.size()) return bad("a packet of an interface that is not there");
  const Interface& one = interfaces_[which];
  const std::size_t captured = u32(body, 12);
  if (captured > body.size() - 20) return bad("a packet is longer than its block");
  Step step;
  step.kind = Kind::Packet;
  step.size = size;
  const std::uint64_t ticks = std::uint64_t{u32(body, 4)} << 32U | u32(body, 8);
  step.packet.time = time_of(ticks, one.per_second, one.offset);
  step.packet.number = ++number_;
  step.packet.link = one.link;
  step.packet.bytes = body.subspan(20, captured);
  step.packet.size = u32(body, 16);
  return step;
}

// Has neither time nor interface: the first one's, and no time.
Step CaptureFile::simple_packet(base::ByteView body, std::size_t size) {
  if (body.size() < 4 || interfaces_.empty()) return bad("a simple packet without interface");
  const Interface& one = interfaces_.front();
  const std::size_t original = u32(body, 0);
  std::size_t captured = std::min(original, body.size() - 4);
  if (one.cut != 0) captured = std::min<std::size_t>(captured, one.cut);
  Step step;
  step.kind = Kind::Packet;
  step.size = size;
  step.packet.number = ++number_;
  step.packet.link = one.link;
  step.packet.bytes = body.subspan(4, captured);
  step.packet.size = original;
  return step;
}

void CaptureFile::statistics(base::ByteView body) {
  if (body.size() < 12) return;
  base::ByteView options = body.subspan(12);
  while (options.size() >= 4) {
    const std::uint16_t code = u16(options, 0);
    const std::size_t size = u16(options, 2);
    if (code == 0 || size > options.size() - 4) return;
    if (code == 5 && size == 8) lost_ += u64(options, 4);  // isb_ifdrop
    options = options.subspan(std::min(options.size(), 4 + (size + 3) / 4 * 4));
  }
}

}  // namespace sensor::packet
