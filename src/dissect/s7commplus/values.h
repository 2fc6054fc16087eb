#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "dissect/reader.h"

namespace dissect::s7commplus {

// Numbers of seven bits a byte, the highest first; the upper bit says that more follow. At most 5
// and 9 bytes (the ninth has eight bits); longer ones make the reader not ok().
std::uint32_t vlq32(Reader& reader);
std::uint64_t vlq64(Reader& reader);
// The second bit of the first byte is the sign.
std::int64_t signed_vlq(Reader& reader);

enum class ValueType : std::uint8_t {
  Null = 0,
  Bool = 1,
  USInt = 2,
  UInt = 3,
  UDInt = 4,
  ULInt = 5,
  SInt = 6,
  Int = 7,
  DInt = 8,
  LInt = 9,
  Byte = 10,
  Word = 11,
  DWord = 12,
  LWord = 13,
  Real = 14,
  LReal = 15,
  Timestamp = 16,
  Timespan = 17,
  Rid = 18,
  Aid = 19,
  Blob = 20,
  WString = 21,
  Variant = 22,
  Struct = 23,
};

struct Value {
  ValueType type = ValueType::Null;
  std::int64_t number = 0;  // of whole numbers; others give their bits
  base::ByteView bytes;     // of blobs and texts (UTF-8)
};

// Who wants to know what is in values and trees of objects.
class Visitor {
 public:
  virtual ~Visitor() = default;
  // A single value, or each one of an array or structure; `id` is that of the attribute, of the
  // member of a structure, or what was given to read_value().
  virtual void value(std::uint32_t id, const Value& value) = 0;
  virtual void object(std::uint32_t /*relation*/, std::uint32_t /*class_id*/) {}
};

// Bounds of ours: what is deeper or longer makes the reader not ok().
inline constexpr int kMaxDepth = 16;
inline constexpr std::uint32_t kMaxElements = 16384;

void read_value(Reader& reader, std::uint32_t id, Visitor& visitor, int depth = 0);

// Objects with their attributes, one in another, up to the first byte that belongs to none.
void read_objects(Reader& reader, Visitor& visitor);

}  // namespace dissect::s7commplus
