#include "hub/amqp/message.h"

#include <bit>
#include <charconv>
#include <chrono>

#include "base/id.h"
#include "base/time.h"

namespace hub::amqp {

using base::ByteView;
using base::Code;
using base::Cursor;
using base::fail;
using base::Result;
using Type = Value::Type;

namespace {

// Of values inside one another that are only skipped.
constexpr int kMaxDepth = 8;
constexpr std::uint8_t kDescribed = 0x00;

// Part 3, section 2.8, and section 3.2.
enum class Section : std::uint64_t {
  Header = 0x70,
  DeliveryAnnotations = 0x71,
  MessageAnnotations = 0x72,
  Properties = 0x73,
  ApplicationProperties = 0x74,
  Data = 0x75,
  Sequence = 0x76,
  Value = 0x77,
  Footer = 0x78,
};

std::unexpected<base::Error> malformed(const Cursor& at) {
  return fail(Code::Malformed, "AMQP message", static_cast<std::int64_t>(at.offset()));
}

// What is missing will not come: a transfer is complete.
template <class T>
Result<T> whole(Result<T> read) {
  if (!read && read.error().code == Code::Truncated) read.error().code = Code::Malformed;
  return read;
}

// The bytes of a value after its constructor. Part 1, section 1.2: its upper half says how many.
Result<ByteView> payload(Cursor& in, std::uint8_t constructor) {
  switch (constructor >> 4U) {
    case 0x4:
      return ByteView();
    case 0x5:
      return whole(in.bytes(1));
    case 0x6:
      return whole(in.bytes(2));
    case 0x7:
      return whole(in.bytes(4));
    case 0x8:
      return whole(in.bytes(8));
    case 0x9:
      return whole(in.bytes(16));
    case 0xA:
    case 0xC:
    case 0xE: {
      const std::size_t size = TRY(whole(in.u8()));
      return whole(in.bytes(size));
    }
    case 0xB:
    case 0xD:
    case 0xF: {
      const std::size_t size = TRY(whole(in.u32be()));
      return whole(in.bytes(size));
    }
    default:
      return malformed(in);
  }
}

Result<void> skip_value(Cursor& in, int depth) {
  if (depth > kMaxDepth) return malformed(in);
  const std::uint8_t constructor = TRY(whole(in.u8()));
  if (constructor == kDescribed) {
    TRY(skip_value(in, depth + 1));
    return skip_value(in, depth + 1);
  }
  TRY(payload(in, constructor));
  return {};
}

std::uint64_t big_endian(ByteView bytes) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : bytes)
    number = number << 8U | byte;
  return number;
}

std::int64_t signed_of(ByteView bytes) {
  const std::uint64_t number = big_endian(bytes);
  switch (bytes.size()) {
    case 1:
      return static_cast<std::int8_t>(number);
    case 2:
      return static_cast<std::int16_t>(number);
    case 4:
      return static_cast<std::int32_t>(number);
    default:
      return static_cast<std::int64_t>(number);
  }
}

Value number_of(Type type, std::int64_t number) {
  return {type, number, 0, {}};
}

Value bytes_of(Type type, ByteView bytes) {
  return {type, 0, 0, std::string(base::as_text(bytes))};
}

// Part 1, section 1.6.
Value scalar(std::uint8_t constructor, ByteView bytes) {
  switch (constructor) {
    case 0x40:
      return {};
    case 0x41:
      return number_of(Type::Bool, 1);
    case 0x42:
      return number_of(Type::Bool, 0);
    case 0x56:
      return number_of(Type::Bool, bytes[0] != 0 ? 1 : 0);
    case 0x43:  // uint and ulong, zero
    case 0x44:
    case 0x50:  // ubyte, ushort, uint, ulong
    case 0x52:
    case 0x53:
    case 0x60:
    case 0x70:
    case 0x80:
      return number_of(Type::Unsigned, std::bit_cast<std::int64_t>(big_endian(bytes)));
    case 0x51:  // byte, short, int
    case 0x54:
    case 0x61:
    case 0x71:
      return number_of(Type::Int, signed_of(bytes));
    case 0x55:
    case 0x81:
      return number_of(Type::Long, signed_of(bytes));
    case 0x72:
      return {
          Type::Double, 0, std::bit_cast<float>(static_cast<std::uint32_t>(big_endian(bytes))), {}};
    case 0x82:
      return {Type::Double, 0, std::bit_cast<double>(big_endian(bytes)), {}};
    case 0x83:
      return number_of(Type::Timestamp, signed_of(bytes));
    case 0x98:
      return bytes_of(Type::Uuid, bytes);
    case 0xA0:
    case 0xB0:
      return bytes_of(Type::Binary, bytes);
    case 0xA1:
    case 0xB1:
      return bytes_of(Type::String, bytes);
    case 0xA3:
    case 0xB3:
      return bytes_of(Type::Symbol, bytes);
    default:
      return number_of(Type::Other, 0);
  }
}

Result<Value> read_value(Cursor& in) {
  if (TRY(whole(in.peek())) == kDescribed) {
    TRY(skip_value(in, 0));
    return number_of(Type::Other, 0);
  }
  const std::uint8_t constructor = TRY(whole(in.u8()));
  return scalar(constructor, TRY(payload(in, constructor)));
}

struct Compound {
  Cursor items;
  std::size_t count;
};

// A list or a map: its items, and how many it says they are. Nothing, for null.
Result<Compound> read_compound(Cursor& in, std::uint8_t narrow, std::uint8_t wide) {
  const std::uint8_t constructor = TRY(whole(in.u8()));
  const bool empty = constructor == 0x40 || (constructor == 0x45 && narrow == 0xC0);
  if (empty) return Compound{Cursor({}), 0};
  if (constructor != narrow && constructor != wide) return malformed(in);
  Cursor items(TRY(payload(in, constructor)));
  const std::size_t count =
      constructor == narrow ? TRY(whole(items.u8())) : TRY(whole(items.u32be()));
  // Each item has a byte at least.
  if (count > items.remaining()) return malformed(in);
  return Compound{items, count};
}

Result<void> read_map(Cursor& in, bool symbols_only, Entries& entries) {
  Compound map = TRY(read_compound(in, 0xC1, 0xD1));
  if (map.count % 2 != 0) return malformed(in);
  if (map.count / 2 + entries.size() > Message::kMaxEntries)
    return fail(Code::TooLarge, "AMQP message", -1, "too many properties");
  for (std::size_t item = 0; item < map.count; item += 2) {
    Value key = TRY(read_value(map.items));
    Value value = TRY(read_value(map.items));
    const bool named = key.type == Type::Symbol || (!symbols_only && key.type == Type::String);
    if (named) entries.emplace_back(std::move(key.bytes), std::move(value));
  }
  return {};
}

std::string text_of(Value value) {
  const bool text =
      value.type == Type::String || value.type == Type::Symbol || value.type == Type::Binary;
  return text ? std::move(value.bytes) : std::string();
}

std::optional<std::int64_t> time_of(const Value& value) {
  return value.type == Type::Timestamp ? std::optional(value.number) : std::nullopt;
}

// Part 3, section 2.8.4 gives the order.
void set_property(std::size_t index, Value value, Message& message) {
  switch (index) {
    case 0:
      message.message_id = std::move(value);
      return;
    case 1:
      message.user_id = text_of(std::move(value));
      return;
    case 2:
      message.to = text_of(std::move(value));
      return;
    case 3:
      message.subject = text_of(std::move(value));
      return;
    case 4:
      message.reply_to = text_of(std::move(value));
      return;
    case 5:
      message.correlation_id = std::move(value);
      return;
    case 6:
      message.content_type = text_of(std::move(value));
      return;
    case 7:
      message.content_encoding = text_of(std::move(value));
      return;
    case 8:
      message.expiry_ms = time_of(value);
      return;
    case 9:
      message.creation_ms = time_of(value);
      return;
    default:
      return;
  }
}

Result<void> read_properties(Cursor& in, Message& message) {
  Compound list = TRY(read_compound(in, 0xC0, 0xD0));
  for (std::size_t index = 0; index < list.count; ++index)
    set_property(index, TRY(read_value(list.items)), message);
  return {};
}

Result<void> read_header(Cursor& in, Message& message) {
  Compound list = TRY(read_compound(in, 0xC0, 0xD0));
  for (std::size_t index = 0; index < list.count; ++index) {
    const Value value = TRY(read_value(list.items));
    if (value.type != Type::Unsigned) continue;
    if (index == 2) message.ttl_ms = static_cast<std::uint32_t>(value.number);
    if (index == 4) message.delivery_count = static_cast<std::uint32_t>(value.number);
  }
  return {};
}

Result<void> read_data(Cursor& in, Message& message) {
  const std::uint8_t constructor = TRY(whole(in.u8()));
  if (constructor != 0xA0 && constructor != 0xB0) return malformed(in);
  message.data.push_back(base::as_text(TRY(payload(in, constructor))));
  return {};
}

Result<void> read_section(Cursor& in, Message& message) {
  if (TRY(whole(in.u8())) != kDescribed) return malformed(in);
  const Value descriptor = TRY(read_value(in));
  if (descriptor.type != Type::Unsigned) return malformed(in);
  switch (static_cast<Section>(descriptor.number)) {
    case Section::Header:
      return read_header(in, message);
    case Section::MessageAnnotations:
      return read_map(in, true, message.annotations);
    case Section::Properties:
      return read_properties(in, message);
    case Section::ApplicationProperties:
      return read_map(in, false, message.application);
    case Section::Data:
      return read_data(in, message);
    case Section::Value:
      message.value = TRY(read_value(in));
      return {};
    case Section::DeliveryAnnotations:
    case Section::Sequence:
    case Section::Footer:
      return skip_value(in, 0);
  }
  return malformed(in);
}

std::string real_text(double real) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, real);
  return {text, end.ptr};
}

std::string uuid_text(std::string_view bytes) {
  base::Guid guid;
  if (bytes.size() != guid.bytes.size()) return {};
  bytes.copy(reinterpret_cast<char*>(guid.bytes.data()), guid.bytes.size());
  return guid.to_string();
}

std::string time_text(std::int64_t milliseconds) {
  // Beyond it WallTime ends.
  constexpr std::int64_t kLimit = 9'000'000'000'000;
  if (milliseconds < -kLimit || milliseconds > kLimit) return std::to_string(milliseconds);
  return base::format_rfc3339(base::WallTime(std::chrono::milliseconds(milliseconds)));
}

}  // namespace

std::string Value::to_text() const {
  switch (type) {
    case Type::Bool:
      return number != 0 ? "true" : "false";
    case Type::Int:
    case Type::Long:
      return std::to_string(number);
    case Type::Unsigned:
      return std::to_string(std::bit_cast<std::uint64_t>(number));
    case Type::Double:
      return real_text(real);
    case Type::Timestamp:
      return time_text(number);
    case Type::Uuid:
      return uuid_text(bytes);
    case Type::Binary:
    case Type::String:
    case Type::Symbol:
      return bytes;
    case Type::Null:
    case Type::Other:
      break;
  }
  return {};
}

const Value* find(const Entries& entries, std::string_view name) {
  for (const auto& [key, value] : entries) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string_view Message::body(std::string& scratch) const {
  if (data.size() == 1) return data.front();
  if (data.empty()) {
    scratch = value ? value->to_text() : std::string();
    return scratch;
  }
  scratch.clear();
  for (const std::string_view part : data)
    scratch.append(part);
  return scratch;
}

bool Message::bare() const {
  return !data.empty() && !value && annotations.empty() && application.empty() &&
         message_id.is_null() && correlation_id.is_null() && user_id.empty() && to.empty() &&
         subject.empty() && reply_to.empty() && content_type.empty() && content_encoding.empty() &&
         !expiry_ms && !creation_ms;
}

Result<Message> decode(ByteView bytes) {
  Message message;
  Cursor in(bytes);
  for (std::size_t sections = 0; !in.done(); ++sections) {
    if (sections == Message::kMaxSections)
      return fail(Code::TooLarge, "AMQP message", -1, "too many sections");
    TRY(read_section(in, message));
  }
  return message;
}

}  // namespace hub::amqp
