#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::zigbee {

enum FrameType : std::uint8_t { kBeacon, kData, kAck, kCommand };

struct Address {
  std::uint8_t mode = 0;  // 0: none, 2: short, 3: extended
  bool has_pan = false;
  std::uint16_t pan = 0;
  std::uint64_t value = 0;
};

// The MAC header (802.15.4-2015 section 7.2).
struct Frame154 {
  std::uint16_t control = 0;
  std::uint8_t sequence = 0;
  Address to;
  Address from;
  bool encrypted = false;  // the payload is

  std::uint8_t type() const { return control & 7U; }
  std::uint8_t version() const { return control >> 12U & 3U; }
};
// Reads the header with security and information elements; the payload follows, without the code
// that protects it.
Frame154 read_frame(Reader& reader, Sink& sink);
// Whether the header is one that can be, and all of it is there.
bool frame_fits(base::ByteView bytes);

std::string_view frame_name(std::uint8_t type);
std::string_view command_name(std::uint8_t command);

}  // namespace dissect::zigbee
