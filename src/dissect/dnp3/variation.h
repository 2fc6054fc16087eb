#pragma once

#include <cstdint>
#include <string_view>

namespace dissect::dnp3 {

// How one object of a group and variation is laid out, as letters, one for each field:
//   1 2   packed: so many bits each, the only field
//   b d   flags with a binary or double-bit state    f  flags    g  status of a control, commanded
//   c C   counter of 16, 32 bits                     S  status of a control
//   a A r R   analog input of 16, 32 bits, single, double
//   o O p P   analog output, the same
//   k K q     deadband of 16, 32 bits, single
//   t s   time in ms since 1970, ms since the common time of occurrence
//   m n   seconds, milliseconds (16 bits)            i u  interval (32 bits), its unit
//   x     control relay output block, but its status
//   w W   association (16 bits), statistics' value (32 bits)
//   8     a byte
// Source: IEEE 1815-2012, annex A.
struct Variation {
  std::uint16_t id = 0;  // group << 8 | variation
  const char* layout = "";
  std::uint16_t size = 0;  // bytes; 0 when packed
};

// Null: not of a fixed layout, or unknown.
const Variation* find_variation(std::uint8_t group, std::uint8_t variation);

// What the points of a group are: "binary input". Empty: unknown.
std::string_view group_name(std::uint8_t group);

}  // namespace dissect::dnp3
