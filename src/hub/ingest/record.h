#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/result.h"
#include "hub/ingest/ingest.h"
#include "store/events.h"

// What the ingest journal holds; for the sources of this folder and those who follow the journal.
//
//   u8 version (1) | u8 kind | body
//   message    i64 received ns | text16 device | text16 module | text16 generation | text16 auth |
//              text32 properties | payload to the end
//   set aside  u16 reason | text32 why | then as a message
//   alert      JSON object to the end
//   operation  i64 ticks | i32 status | i64 sub code | i64 bytes | i64 ms | i64 units | i64 count |
//              i64 security messages | i64 small ones | 21 x text32
//   an older operation (kind 3) lacks the four numbers before the texts, and has 14 of them
// Numbers are little-endian; textN is an N-bit length and that many bytes.
namespace hub::ingest {

enum class RecordKind : std::uint8_t {
  Telemetry = 1,
  Security = 2,
  OldOperation = 3,
  Operation = 4,
  SetAside = 8,  // did not validate: on its way to where such messages are kept
  Alert = 9,     // for those who follow; its state is elsewhere
};

constexpr bool is_operation(RecordKind kind) {
  return kind == RecordKind::OldOperation || kind == RecordKind::Operation;
}

// Appends the record. Text that is longer than its length can say is cut.
void encode(const Received& message, base::ByteVec& out);
void encode(const operations::Record& record, base::ByteVec& out);
void encode(const SetAside& aside, base::ByteVec& out);
void encode(const store::AlertRow& alert, base::ByteVec& out);
// An upper bound of what encode() appends.
std::size_t encoded_size(const Received& message);

// The kind alone, without looking further. Errors: Truncated, Malformed (unknown version or kind).
base::Result<RecordKind> record_kind(base::ByteView record);
// Views into the record. Errors: Truncated, Malformed.
base::Result<Received> decode_message(base::ByteView record);
base::Result<store::OperationRow> decode_operation(base::ByteView record);
// Its sequence is the caller's to set.
base::Result<SetAside> decode_set_aside(base::ByteView record);
base::Result<std::string_view> decode_alert(base::ByteView record);

}  // namespace hub::ingest
