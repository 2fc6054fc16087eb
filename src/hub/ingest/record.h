#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/result.h"
#include "hub/ingest/ingest.h"
#include "store/events.h"

// What the ingest journal holds; for the sources of this folder.
//
//   u8 version (1) | u8 kind | body
//   message    i64 received ns | text16 device | text16 module | text16 generation | text16 auth |
//              text32 properties | payload to the end
//   operation  i64 ticks | i32 status | i64 sub code | i64 bytes | i64 ms | 14 x text32
// Numbers are little-endian; textN is an N-bit length and that many bytes.
namespace hub::ingest {

enum class RecordKind : std::uint8_t { Telemetry = 1, Security = 2, Operation = 3 };

// Appends the record. Text that is longer than its length can say is cut.
void encode(const Received& message, base::ByteVec& out);
void encode(const operations::Record& record, base::ByteVec& out);
// An upper bound of what encode() appends.
std::size_t encoded_size(const Received& message);

// The kind alone, without looking further. Errors: Truncated, Malformed (unknown version or kind).
base::Result<RecordKind> record_kind(base::ByteView record);
// Views into the record. Errors: Truncated, Malformed.
base::Result<Received> decode_message(base::ByteView record);
base::Result<store::OperationRow> decode_operation(base::ByteView record);

}  // namespace hub::ingest
