#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::melsec {

// What follows a command, as far as it names objects.
enum class Shape : std::uint8_t {
  Other,
  Batch,        // one device and a count
  Random,       // counts of words and double words, then devices
  RandomWrite,  // the same, each with its value
  Blocks,       // counts of blocks, then devices with their counts
  Memory,       // an address and a count
  File,
  Identity,
  Password,  // never shown
};

struct Command {
  std::string_view name = {};  // empty: not known
  std::uint16_t code = 0;
  Access access = Access::None;
  Shape shape = Shape::Other;
};
Command command(std::uint16_t code);
// The same of MELSOFT, whose numbers above 0x40 in the lower byte are its own.
Command melsoft_command(std::uint16_t code);

// "D", "X" ... of a device code; empty: not known.
std::string_view device_name(std::uint16_t code);
// The code of a device by its two characters in ASCII frames ("D*", "SM"); 0: not known.
std::uint16_t device_code(std::string_view two);
// Numbers of these are written in sixteens.
bool hexadecimal_device(std::uint16_t code);

std::string_view end_name(std::uint16_t code);

}  // namespace dissect::melsec
