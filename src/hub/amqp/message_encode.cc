#include <bit>

#include "hub/amqp/message.h"

namespace hub::amqp {

using base::ByteWriter;
using Type = Value::Type;

namespace {

void put_sized(ByteWriter& out, std::uint8_t narrow, std::uint8_t wide, std::string_view bytes) {
  if (bytes.size() <= 0xFF) {
    out.u8(narrow);
    out.u8(static_cast<std::uint8_t>(bytes.size()));
  } else {
    out.u8(wide);
    out.u32be(static_cast<std::uint32_t>(bytes.size()));
  }
  out.text(bytes);
}

void put_wide(ByteWriter& out, std::uint8_t constructor, std::uint64_t number) {
  out.u8(constructor);
  out.u64be(number);
}

void put(ByteWriter& out, const Value& value) {
  switch (value.type) {
    case Type::Bool:
      return out.u8(value.number != 0 ? 0x41 : 0x42);
    case Type::Int:
      out.u8(0x71);
      return out.u32be(static_cast<std::uint32_t>(value.number));
    case Type::Long:
      return put_wide(out, 0x81, std::bit_cast<std::uint64_t>(value.number));
    case Type::Unsigned:
      return put_wide(out, 0x80, std::bit_cast<std::uint64_t>(value.number));
    case Type::Double:
      return put_wide(out, 0x82, std::bit_cast<std::uint64_t>(value.real));
    case Type::Timestamp:
      return put_wide(out, 0x83, std::bit_cast<std::uint64_t>(value.number));
    case Type::Uuid:
      out.u8(0x98);
      return out.text(value.bytes);
    case Type::Binary:
      return put_sized(out, 0xA0, 0xB0, value.bytes);
    case Type::String:
      return put_sized(out, 0xA1, 0xB1, value.bytes);
    case Type::Symbol:
      return put_sized(out, 0xA3, 0xB3, value.bytes);
    case Type::Null:
    case Type::Other:
      break;
  }
  out.u8(0x40);
}

void begin_section(ByteWriter& out, std::uint8_t code) {
  out.u8(0x00);
  out.u8(0x53);
  out.u8(code);
}

// A list or a map, whose size and count are known when its items are written.
void put_compound(ByteWriter& out, std::uint8_t constructor, std::size_t count,
                  const ByteWriter& items) {
  out.u8(constructor);
  out.u32be(static_cast<std::uint32_t>(items.size() + 4));
  out.u32be(static_cast<std::uint32_t>(count));
  out.bytes(items.view());
}

void put_map(ByteWriter& out, std::uint8_t section, const Entries& entries, bool symbols) {
  if (entries.empty()) return;
  ByteWriter items;
  for (const auto& [name, value] : entries) {
    put(items, symbols ? Value::symbol(name) : Value::text(name));
    put(items, value);
  }
  begin_section(out, section);
  put_compound(out, 0xD1, entries.size() * 2, items);
}

Value optional_text(std::string_view text) {
  return text.empty() ? Value() : Value::text(text);
}

void put_properties(ByteWriter& out, const Message& message) {
  Value user;
  if (!message.user_id.empty()) user = {Type::Binary, 0, 0, message.user_id};
  const auto symbol = [](const std::string& text) {
    return text.empty() ? Value() : Value::symbol(text);
  };
  const auto time = [](const std::optional<std::int64_t>& milliseconds) {
    return milliseconds ? Value::timestamp(*milliseconds) : Value();
  };
  const Value fields[] = {message.message_id,
                          std::move(user),
                          optional_text(message.to),
                          optional_text(message.subject),
                          optional_text(message.reply_to),
                          message.correlation_id,
                          symbol(message.content_type),
                          symbol(message.content_encoding),
                          time(message.expiry_ms),
                          time(message.creation_ms)};
  std::size_t used = 0;
  for (std::size_t index = 0; index < std::size(fields); ++index) {
    if (!fields[index].is_null()) used = index + 1;
  }
  if (used == 0) return;
  ByteWriter items;
  for (std::size_t index = 0; index < used; ++index)
    put(items, fields[index]);
  begin_section(out, 0x73);
  put_compound(out, 0xD0, used, items);
}

// durable, priority, ttl, first-acquirer, delivery-count.
void put_header(ByteWriter& out, const Message& message) {
  if (message.delivery_count == 0 && !message.ttl_ms) return;
  ByteWriter items;
  items.u8(0x40);
  items.u8(0x40);
  if (message.ttl_ms) {
    items.u8(0x70);
    items.u32be(*message.ttl_ms);
  } else {
    items.u8(0x40);
  }
  items.u8(0x40);
  items.u8(0x70);
  items.u32be(message.delivery_count);
  begin_section(out, 0x70);
  put_compound(out, 0xD0, 5, items);
}

}  // namespace

void encode(const Message& message, base::ByteVec& out) {
  ByteWriter writer;
  put_header(writer, message);
  put_map(writer, 0x72, message.annotations, true);
  put_properties(writer, message);
  put_map(writer, 0x74, message.application, false);
  for (const std::string_view part : message.data) {
    begin_section(writer, 0x75);
    put_sized(writer, 0xA0, 0xB0, part);
  }
  if (message.data.empty() && message.value) {
    begin_section(writer, 0x77);
    put(writer, *message.value);
  }
  out.insert(out.end(), writer.view().begin(), writer.view().end());
}

}  // namespace hub::amqp
