#include "dissect/dnp3/link.h"

#include <algorithm>

#include "dissect/reader.h"

namespace dissect::dnp3 {

namespace {

constexpr std::size_t kBlock = 16;

constexpr std::array<std::uint16_t, 256> make_table() {
  std::array<std::uint16_t, 256> table{};
  for (unsigned int i = 0; i < table.size(); ++i) {
    unsigned int value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1U) != 0 ? value >> 1U ^ 0xa6bcU : value >> 1U;
    table[i] = static_cast<std::uint16_t>(value);
  }
  return table;
}
constexpr std::array<std::uint16_t, 256> kTable = make_table();

}  // namespace

std::uint16_t crc(base::ByteView bytes) {
  unsigned int value = 0;
  for (const std::uint8_t byte : bytes)
    value = value >> 8U ^ kTable[(value ^ byte) & 0xffU];
  return static_cast<std::uint16_t>(~value);
}

std::size_t LinkHeader::frame_size() const {
  return kLinkHeader + user_data() + (user_data() + kBlock - 1) / kBlock * 2;
}

std::optional<LinkHeader> LinkHeader::read(base::ByteView bytes) {
  Reader reader(bytes);
  if (reader.u16be() != 0x0564) return std::nullopt;
  LinkHeader header;
  header.length = reader.u8();
  header.control = reader.u8();
  header.destination = reader.u16le();
  header.source = reader.u16le();
  header.crc = reader.u16le();
  if (!reader || header.length < 5) return std::nullopt;
  header.crc_good = dnp3::crc(bytes.first(kLinkHeader - 2)) == header.crc;
  return header;
}

std::string_view link_function_name(bool primary, unsigned int function) {
  if (primary) {
    switch (function) {
      case kResetLink:
        return "reset link states";
      case 1:
        return "reset user process";
      case kTestLink:
        return "test link states";
      case kConfirmedData:
        return "confirmed user data";
      case kUnconfirmedData:
        return "unconfirmed user data";
      case kRequestLinkStatus:
        return "request link status";
      default:
        return {};
    }
  }
  switch (function) {
    case 0:
      return "ack";
    case 1:
      return "nack";
    case 11:
      return "link status";
    case 14:
      return "not functioning";
    case 15:
      return "not supported";
    default:
      return {};
  }
}

LinkData link_data(const LinkHeader& header, base::ByteView frame,
                   std::array<std::uint8_t, kMaxLinkData>& room) {
  Reader reader(frame);
  reader.skip(kLinkHeader);
  std::size_t filled = 0;
  while (filled < header.user_data()) {
    const base::ByteView block = reader.bytes(std::min(kBlock, header.user_data() - filled));
    const std::uint16_t sum = reader.u16le();
    if (!reader || crc(block) != sum) return {base::ByteView(room).first(filled), false};
    std::ranges::copy(block, room.begin() + static_cast<std::ptrdiff_t>(filled));
    filled += block.size();
  }
  return {base::ByteView(room).first(filled), true};
}

}  // namespace dissect::dnp3
