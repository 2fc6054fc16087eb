#include "hub/ingest/record.h"

#include <algorithm>
#include <array>
#include <limits>

#include "kql/ticks.h"

namespace hub::ingest {
namespace {

constexpr std::uint8_t kVersion = 1;

class Out {
 public:
  explicit Out(base::ByteVec& bytes) : bytes_(bytes) {}

  template <class T>
  void number(T value) {
    const auto bits = static_cast<std::make_unsigned_t<T>>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i)
      bytes_.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
  }
  template <class Length>
  void text(std::string_view text) {
    text = text.substr(0, std::numeric_limits<Length>::max());
    number(static_cast<Length>(text.size()));
    raw(text);
  }
  void raw(std::string_view text) {
    const auto bytes = base::as_bytes(text);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

 private:
  base::ByteVec& bytes_;
};

base::Result<std::string_view> text16(base::Cursor& in) {
  const auto size = TRY(in.u16le());
  return base::as_text(TRY(in.bytes(size)));
}

base::Result<std::string_view> text32(base::Cursor& in) {
  const auto size = TRY(in.u32le());
  return base::as_text(TRY(in.bytes(size)));
}

base::Result<std::int64_t> signed64(base::Cursor& in) {
  return static_cast<std::int64_t>(TRY(in.u64le()));
}

}  // namespace

std::size_t encoded_size(const Received& message) {
  return 32 + message.device_id.size() + message.module_id.size() + message.generation_id.size() +
         message.auth_method.size() + message.properties.size() + message.payload.size();
}

void encode(const Received& message, base::ByteVec& bytes) {
  Out out(bytes);
  out.number(kVersion);
  out.number(
      static_cast<std::uint8_t>(message.security ? RecordKind::Security : RecordKind::Telemetry));
  out.number(std::int64_t{message.received_at.time_since_epoch().count()});
  out.text<std::uint16_t>(message.device_id);
  out.text<std::uint16_t>(message.module_id);
  out.text<std::uint16_t>(message.generation_id);
  out.text<std::uint16_t>(message.auth_method);
  out.text<std::uint32_t>(message.properties);
  out.raw(message.payload);
}

void encode(const operations::Record& record, base::ByteVec& bytes) {
  Out out(bytes);
  out.number(kVersion);
  out.number(static_cast<std::uint8_t>(RecordKind::Operation));
  out.number(kql::to_ticks(record.time));
  out.number(std::int32_t{record.status_code});
  out.number(std::int64_t{record.sub_code});
  out.number(static_cast<std::int64_t>(record.bytes));
  out.number(std::int64_t{record.duration.count()});
  for (const std::string_view text :
       {operations::to_string(record.category), std::string_view(record.operation),
        operations::to_string(record.level), operations::to_string(record.reason),
        std::string_view(record.detail), std::string_view(record.device_id),
        std::string_view(record.module_id), std::string_view(record.generation_id),
        operations::to_string(record.protocol), std::string_view(record.ip),
        std::string_view(record.sdk_version), std::string_view(record.request_id),
        std::string_view(record.actor)}) {
    out.text<std::uint32_t>(text);
  }
  out.text<std::uint32_t>(operations::properties_json(record));
}

base::Result<RecordKind> record_kind(base::ByteView record) {
  base::Cursor in(record);
  if (TRY(in.u8()) != kVersion)
    return base::fail(base::Code::Malformed, "journal record version", 0);
  const auto kind = TRY(in.u8());
  if (kind < 1 || kind > 3) return base::fail(base::Code::Malformed, "journal record kind", 1);
  return static_cast<RecordKind>(kind);
}

base::Result<Received> decode_message(base::ByteView record) {
  const RecordKind kind = TRY(record_kind(record));
  if (kind == RecordKind::Operation)
    return base::fail(base::Code::Malformed, "journal record is no message", 1);
  base::Cursor in(record);
  TRY(in.skip(2));
  Received message;
  message.security = kind == RecordKind::Security;
  message.received_at = base::WallTime(std::chrono::nanoseconds(TRY(signed64(in))));
  message.device_id = TRY(text16(in));
  message.module_id = TRY(text16(in));
  message.generation_id = TRY(text16(in));
  message.auth_method = TRY(text16(in));
  message.properties = TRY(text32(in));
  message.payload = base::as_text(in.rest());
  return message;
}

base::Result<store::OperationRow> decode_operation(base::ByteView record) {
  if (TRY(record_kind(record)) != RecordKind::Operation) {
    return base::fail(base::Code::Malformed, "journal record is no operation", 1);
  }
  base::Cursor in(record);
  TRY(in.skip(2));
  store::OperationRow row;
  row.time = TRY(signed64(in));
  row.status_code = static_cast<std::int32_t>(TRY(in.u32le()));
  row.sub_code = TRY(signed64(in));
  row.bytes = TRY(signed64(in));
  row.duration_ms = TRY(signed64(in));
  for (std::string_view* text :
       {&row.category, &row.operation, &row.level, &row.reason, &row.description, &row.device_id,
        &row.module_id, &row.generation_id, &row.protocol, &row.caller_ip, &row.sdk_version,
        &row.request_id, &row.actor, &row.properties}) {
    *text = TRY(text32(in));
  }
  if (!in.done())
    return base::fail(base::Code::Malformed, "journal record has more than its fields", 0);
  return row;
}

}  // namespace hub::ingest
