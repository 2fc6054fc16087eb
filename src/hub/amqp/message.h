#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

// AMQP 1.0 messages as bytes: the sections that one transfer carries. Links, frames and flow are
// the engine's. Source: OASIS AMQP 1.0, parts 1 and 3. Threads: pure.
namespace hub::amqp {

// A scalar, or the fact that something else was there.
struct Value {
  enum class Type : std::uint8_t {
    Null,
    Bool,       // number
    Int,        // number; what is narrower is read as this
    Long,       // number
    Unsigned,   // number, as bits; written as ulong
    Double,     // real
    Timestamp,  // number: milliseconds since 1970
    Uuid,       // bytes: 16 of them
    Binary,     // bytes
    String,     // bytes
    Symbol,     // bytes
    Other,      // a list, a map, an array, a decimal: skipped; cannot be written
  };
  Type type = Type::Null;
  std::int64_t number = 0;
  double real = 0;
  std::string bytes;

  static Value text(std::string_view text) { return {Type::String, 0, 0, std::string(text)}; }
  static Value symbol(std::string_view text) { return {Type::Symbol, 0, 0, std::string(text)}; }
  static Value integer(std::int32_t number) { return {Type::Int, number, 0, {}}; }
  static Value long_integer(std::int64_t number) { return {Type::Long, number, 0, {}}; }
  static Value timestamp(std::int64_t milliseconds) {
    return {Type::Timestamp, milliseconds, 0, {}};
  }

  bool is_null() const { return type == Type::Null; }
  // As it stands in a property bag: numbers in decimal, booleans as true and false, times in
  // RFC 3339, a uuid with its hyphens; empty for Null and Other.
  std::string to_text() const;
  bool operator==(const Value&) const = default;
};

using Entries = std::vector<std::pair<std::string, Value>>;
// nullptr when there is none of that name.
const Value* find(const Entries& entries, std::string_view name);

// A message. Views are of the bytes it was decoded from, or are borrowed until it is encoded.
struct Message {
  static constexpr std::size_t kMaxEntries =
      1000;  // of a map; a property bag holds them with the rest
  static constexpr std::size_t kMaxSections = 4096;

  std::optional<std::uint32_t> ttl_ms;  // header
  std::uint32_t delivery_count = 0;     // header: of failed attempts
  Entries annotations;                  // of the message; keys that are not symbols are skipped
  Value message_id;
  std::string user_id;
  std::string to;
  std::string subject;
  std::string reply_to;
  Value correlation_id;
  std::string content_type;
  std::string content_encoding;
  std::optional<std::int64_t> expiry_ms;    // absolute, since 1970
  std::optional<std::int64_t> creation_ms;  // since 1970
  Entries application;
  std::vector<std::string_view> data;  // the data sections of the body
  std::optional<Value> value;          // or its amqp-value section

  // The body's bytes, joined if there are several sections; `scratch` holds them then.
  std::string_view body(std::string& scratch) const;
  // Nothing but data sections: what a batch of messages looks like from outside (format
  // 0x80013700: each section is a message of its own). The engine does not tell the format.
  bool bare() const;
};

// Errors: Malformed (the offset says where), TooLarge (kMaxEntries, kMaxSections).
base::Result<Message> decode(base::ByteView bytes);

// Appends the message; sections that are empty are left out.
void encode(const Message& message, base::ByteVec& out);

}  // namespace hub::amqp
