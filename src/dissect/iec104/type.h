#pragma once

#include <cstdint>
#include <string_view>

#include "dissect/message.h"

namespace dissect::iec104 {

// A type identification. `layout` has a letter for each information element of an object:
//   s d v     single point, double point, step position with their quality or transient flag
//   b n i f   bit string, normalized, scaled, short floating point value
//   q p       quality, of a measurement and of a protection event
//   B         binary counter reading
//   E P O     protection: single event, start events, output circuits
//   e D       two bytes of milliseconds: elapsed, delay
//   C         status and change detection, 16 bits each
//   t T       time of 3 and 7 bytes
//   1 2 3     single, double, regulating step command    Q  qualifier of a set point
//   c I K r   cause of initialization, interrogation, counter interrogation, reset process
//   F         test pattern     m a  qualifier of a parameter, of its activation
//   N S L     name of a file, of a section, a length
//   x         a byte: what a file message says           G  a segment, length first
// Source: IEC 60870-5-101:2003, 7.3; IEC 60870-5-104:2006, 8.
struct Type {
  std::uint8_t id = 0;
  std::string_view name;  // as in the standard: "M_SP_NA_1"
  const char* layout = "";
  std::uint8_t size = 0;  // of an object without its address
  Access access = Access::None;

  bool command() const { return id >= 45 && id <= 113 && id != 70; }
  bool file() const { return id >= 120; }
  // Whether a confirmed activation is followed by its termination.
  bool terminated() const { return id <= 64 || id == 100 || id == 101; }
};

// Null: reserved, or of a maker's own.
const Type* find_type(std::uint8_t id);

// Empty: reserved. Source: IEC 60870-5-101:2003, 7.2.3.
std::string_view cause_name(unsigned int cause);

}  // namespace dissect::iec104
