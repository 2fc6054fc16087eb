#include "dissect/s7commplus/values.h"

namespace dissect::s7commplus {

namespace {

constexpr std::uint8_t kArray = 0x10;
constexpr std::uint8_t kAddressArray = 0x20;
constexpr std::uint8_t kSparseArray = 0x40;

enum class Tag : std::uint8_t {
  StartObject = 0xa1,
  EndObject = 0xa2,
  Attribute = 0xa3,
  Relation = 0xa4,
};

template <typename T>
T unsigned_vlq(Reader& reader, int limit) {
  T value = 0;
  for (int i = 0; i < limit; ++i) {
    const std::uint8_t byte = reader.u8();
    // The last of nine bytes has no bit to spare.
    if (i == 8) return static_cast<T>(value << 8U | byte);
    value = static_cast<T>(value << 7U | (byte & 0x7fU));
    if ((byte & 0x80U) == 0 || !reader.ok()) return value;
  }
  reader.fail();
  return 0;
}

// Types of the system are packed: their layout is not in the message.
bool packed(std::uint32_t type) {
  return (type > 0x90000000U && type < 0x9fffffffU) || (type > 0x02000000U && type < 0x02ffffffU);
}

void read_struct(Reader& reader, Visitor& visitor, int depth) {
  const std::uint32_t type = reader.u32be();
  if (packed(type)) {
    reader.skip(8);  // when its interface was made
    const std::uint32_t flags = vlq32(reader);
    std::uint32_t size = vlq32(reader);
    if ((flags & 0x400U) != 0) size = vlq32(reader);
    visitor.value(type, {ValueType::Struct, type, reader.bytes(size)});
    return;
  }
  for (std::uint32_t i = 0; i < kMaxElements && reader.ok(); ++i) {
    const std::uint32_t id = vlq32(reader);
    if (id == 0) return;
    read_value(reader, id, visitor, depth + 1);
  }
  if (!reader.done()) reader.fail();
}

// A blob that has a root of its own says more about itself.
base::ByteView read_blob(Reader& reader) {
  const std::uint32_t root = vlq32(reader);
  if (root != 0) reader.skip(9);
  const std::uint32_t size = vlq32(reader);
  return reader.bytes(size);
}

void read_one(Reader& reader, ValueType type, std::uint32_t id, Visitor& visitor, int depth) {
  Value value{type, 0, {}};
  switch (type) {
    case ValueType::Null:
      break;
    case ValueType::Bool:
    case ValueType::USInt:
    case ValueType::Byte:
      value.number = reader.u8();
      break;
    case ValueType::SInt:
      value.number = static_cast<std::int8_t>(reader.u8());
      break;
    case ValueType::UInt:
    case ValueType::Word:
      value.number = reader.u16be();
      break;
    case ValueType::Int:
      value.number = static_cast<std::int16_t>(reader.u16be());
      break;
    case ValueType::UDInt:
    case ValueType::Aid:
      value.number = vlq32(reader);
      break;
    case ValueType::ULInt:
      value.number = static_cast<std::int64_t>(vlq64(reader));
      break;
    case ValueType::DInt:
    case ValueType::LInt:
    case ValueType::Timespan:
      value.number = signed_vlq(reader);
      break;
    case ValueType::DWord:
    case ValueType::Real:
    case ValueType::Rid:
      value.number = reader.u32be();
      break;
    case ValueType::LWord:
    case ValueType::LReal:
    case ValueType::Timestamp:
      value.number = static_cast<std::int64_t>(reader.u64be());
      break;
    case ValueType::Blob:
      value.bytes = read_blob(reader);
      break;
    case ValueType::WString:
      value.bytes = reader.bytes(vlq32(reader));
      break;
    case ValueType::Struct:
      read_struct(reader, visitor, depth);
      return;
    default:
      reader.fail();  // a variant, or what nobody has seen
      return;
  }
  if (reader.ok()) visitor.value(id, value);
}

}  // namespace

std::uint32_t vlq32(Reader& reader) {
  return unsigned_vlq<std::uint32_t>(reader, 5);
}

std::uint64_t vlq64(Reader& reader) {
  return unsigned_vlq<std::uint64_t>(reader, 9);
}

std::int64_t signed_vlq(Reader& reader) {
  const bool negative = (reader.peek() & 0x40U) != 0;
  std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
  for (int i = 0; i < 9; ++i) {
    const std::uint8_t byte = reader.u8();
    if (i == 8) return static_cast<std::int64_t>(value << 8U | byte);
    if (i == 0)
      value = value << 6U | (byte & 0x3fU);
    else
      value = value << 7U | (byte & 0x7fU);
    if ((byte & 0x80U) == 0 || !reader.ok()) break;
  }
  return static_cast<std::int64_t>(value);
}

void read_value(Reader& reader, std::uint32_t id, Visitor& visitor, int depth) {
  const std::uint8_t flags = reader.u8();
  const auto type = static_cast<ValueType>(reader.u8());
  if (depth >= kMaxDepth) reader.fail();
  if (!reader.ok()) return;
  if ((flags & kSparseArray) != 0) {
    for (std::uint32_t i = 0; i < kMaxElements && reader.ok(); ++i) {
      if (vlq32(reader) == 0) return;
      read_one(reader, type, id, visitor, depth);
    }
    reader.fail();
    return;
  }
  std::uint32_t count = 1;
  if ((flags & (kArray | kAddressArray)) != 0) count = vlq32(reader);
  if (count > kMaxElements) reader.fail();
  for (std::uint32_t i = 0; i < count && reader.ok(); ++i)
    read_one(reader, type, id, visitor, depth);
}

void read_objects(Reader& reader, Visitor& visitor) {
  int depth = 0;
  while (reader.ok() && !reader.done()) {
    switch (static_cast<Tag>(reader.peek())) {
      case Tag::StartObject: {
        reader.skip(1);
        const std::uint32_t relation = reader.u32be();
        const std::uint32_t class_id = vlq32(reader);
        vlq32(reader);  // flags of the class
        vlq32(reader);  // attribute
        if (++depth > kMaxDepth) reader.fail();
        if (reader.ok()) visitor.object(relation, class_id);
        break;
      }
      case Tag::EndObject:
        reader.skip(1);
        if (--depth <= 0) return;
        break;
      case Tag::Attribute: {
        reader.skip(1);
        const std::uint32_t id = vlq32(reader);
        read_value(reader, id, visitor, depth);
        break;
      }
      case Tag::Relation:
        reader.skip(1);
        vlq32(reader);
        reader.skip(4);
        break;
      default:
        return;
    }
  }
}

}  // namespace dissect::s7commplus
