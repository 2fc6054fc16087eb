#pragma once

// Packets for tests, made layer by layer from the inside out. Checksums are not of interest.

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "sensor/packet/packet.h"

namespace sensor::packet::testing {

using base::ByteVec;
using base::ByteView;

inline ByteVec join(const ByteVec& head, ByteView tail) {
  ByteVec all = head;
  all.insert(all.end(), tail.begin(), tail.end());
  return all;
}

inline void put16(ByteVec& to, std::size_t value) {
  to.push_back(static_cast<std::uint8_t>(value >> 8U));
  to.push_back(static_cast<std::uint8_t>(value));
}
inline void put32(ByteVec& to, std::uint32_t value) {
  put16(to, value >> 16U);
  put16(to, value & 0xFFFFU);
}

inline ByteVec text(std::string_view text) {
  const ByteView bytes = base::as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

// From ...:01 to ...:02.
inline ByteVec ethernet(std::uint16_t type, ByteView payload) {
  ByteVec head = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
  put16(head, type);
  return join(head, payload);
}

// From 10.0.0.`from` to 10.0.0.`to`.
struct Ipv4 {
  std::uint8_t protocol = 17;
  std::uint8_t from = 1;
  std::uint8_t to = 2;
  std::uint16_t id = 0;
  std::uint16_t offset = 0;  // in bytes
  bool more = false;
};
inline ByteVec ipv4(const Ipv4& ip, ByteView payload) {
  ByteVec head = {0x45, 0};
  put16(head, 20 + payload.size());
  put16(head, ip.id);
  put16(head, (ip.more ? 0x2000U : 0U) | ip.offset / 8U);
  head.insert(head.end(), {64, ip.protocol, 0, 0, 10, 0, 0, ip.from, 10, 0, 0, ip.to});
  return join(head, payload);
}

inline ByteVec ipv6(std::uint8_t next, ByteView payload) {
  ByteVec head = {0x60, 0, 0, 0};
  put16(head, payload.size());
  head.insert(head.end(), {next, 64});
  for (const std::uint8_t last : {std::uint8_t{1}, std::uint8_t{2}}) {
    head.insert(head.end(), {0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last});
  }
  return join(head, payload);
}

inline ByteVec udp(std::uint16_t from, std::uint16_t to, ByteView payload) {
  ByteVec head;
  put16(head, from);
  put16(head, to);
  put16(head, 8 + payload.size());
  put16(head, 0);
  return join(head, payload);
}

inline ByteVec tcp(std::uint16_t from, std::uint16_t to, std::uint32_t sequence,
                   std::uint32_t acknowledged, std::uint8_t flags, ByteView payload) {
  ByteVec head;
  put16(head, from);
  put16(head, to);
  put32(head, sequence);
  put32(head, acknowledged);
  head.insert(head.end(), {0x50, flags, 0x20, 0, 0, 0, 0, 0});
  return join(head, payload);
}

inline RawPacket raw(ByteView bytes, LinkType link = LinkType::Ethernet,
                     std::int64_t milliseconds = 0) {
  RawPacket packet;
  packet.time = base::WallTime(std::chrono::milliseconds(1'700'000'000'000 + milliseconds));
  packet.link = link;
  packet.bytes = bytes;
  packet.size = bytes.size();
  return packet;
}

}  // namespace sensor::packet::testing
