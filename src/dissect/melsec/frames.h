#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace dissect::melsec {

enum class Format : std::uint8_t {
  Binary,   // SLMP
  Ascii,    // SLMP, numbers in hexadecimal digits
  Melsoft,  // of GX Works
  Link,     // of GX Works: says who is there
};

// Where a message's parts are.
struct FrameHeader {
  Format format = Format::Binary;
  bool answers = false;
  bool numbered = false;  // a 4E frame, or one of MELSOFT
  std::uint16_t serial = 0;
  std::uint8_t network = 0;
  std::uint8_t station = 0;  // PC number
  std::uint16_t module = 0;
  std::uint8_t multidrop = 0;
  std::size_t size = 0;   // of the whole message
  std::size_t begin = 0;  // of what `size` counts last: timer or end code
};

// How many bytes of a message say how long it is; the largest of all formats.
inline constexpr std::size_t kHeaderMost = 30;

// The header in the first bytes. Nullopt: none begins here. A size of 0: more bytes are needed.
std::optional<FrameHeader> read_frame_header(base::ByteView bytes);

// Two hexadecimal digits a byte, upper case; shorter than asked when others are in between.
base::ByteVec from_ascii(base::ByteView digits);

}  // namespace dissect::melsec
