#pragma once

#include <cstdint>
#include <string>

#include "dissect/reader.h"

namespace dissect::bacnet {

// One tag and what it is about. Source: ANSI/ASHRAE 135-2020, 20.2.1.
struct Tag {
  enum class Kind : std::uint8_t { Application, Context, Opening, Closing };
  Kind kind = Kind::Application;
  std::uint8_t number = 0;
  bool truth = false;  // of an application-tagged boolean
  base::ByteView value;

  // Numbers of up to 8 bytes, big-endian; 0 when there are none, or more.
  std::uint64_t unsigned_value() const;
  std::int64_t signed_value() const;
};

// Application tags.
enum : std::uint8_t {
  kNull = 0,
  kBoolean = 1,
  kUnsigned = 2,
  kSigned = 3,
  kReal = 4,
  kDouble = 5,
  kOctets = 6,
  kCharacters = 7,
  kBits = 8,
  kEnumerated = 9,
  kDate = 10,
  kTime = 11,
  kObjectId = 12,
};

// False when there is none, or it does not fit; then the reader is not ok().
bool read_tag(Reader& reader, Tag& tag);

// Printable text of a character string, whose first byte names its encoding.
std::string text_of(base::ByteView characters);

}  // namespace dissect::bacnet
