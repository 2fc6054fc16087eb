#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace dissect::dnp3 {

// The checksum of link frames; sent least significant byte first. Source: IEEE 1815-2012, 9.2.4.
std::uint16_t crc(base::ByteView bytes);

inline constexpr std::size_t kLinkHeader = 10;
// What one frame carries at most, transport header included.
inline constexpr std::size_t kMaxLinkData = 250;

// The header of a link frame. Source: IEEE 1815-2012, 9.2.
struct LinkHeader {
  std::uint8_t length = 0;  // of control, addresses and user data
  std::uint8_t control = 0;
  std::uint16_t destination = 0;
  std::uint16_t source = 0;
  std::uint16_t crc = 0;
  bool crc_good = false;

  bool from_master() const { return (control & 0x80U) != 0; }
  bool primary() const { return (control & 0x40U) != 0; }
  unsigned int function() const { return control & 0x0fU; }
  std::size_t user_data() const { return length - 5U; }
  // With header and checksums, on the wire.
  std::size_t frame_size() const;
  bool broadcast() const { return destination >= 0xfffd; }
  std::uint16_t outstation() const { return from_master() ? destination : source; }
  std::uint16_t master() const { return from_master() ? source : destination; }

  // Nothing when there are fewer than kLinkHeader bytes, or no header begins here.
  static std::optional<LinkHeader> read(base::ByteView bytes);
};

// Functions of the link layer; of the primary and the secondary station. Source: 9.2.5.2.
inline constexpr unsigned int kResetLink = 0;
inline constexpr unsigned int kTestLink = 2;
inline constexpr unsigned int kConfirmedData = 3;
inline constexpr unsigned int kUnconfirmedData = 4;
inline constexpr unsigned int kRequestLinkStatus = 9;
// Empty: reserved.
std::string_view link_function_name(bool primary, unsigned int function);

// Takes the checksums out of what follows the header: the user data, in `room`, up to the block
// whose checksum is wrong or missing, and whether that was all of it.
struct LinkData {
  base::ByteView bytes;
  bool whole = false;
};
LinkData link_data(const LinkHeader& header, base::ByteView frame,
                   std::array<std::uint8_t, kMaxLinkData>& room);

}  // namespace dissect::dnp3
