#include "hub/ingest/record.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <limits>
#include <utility>

#include "base/json.h"
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

void put_message(Out& out, const Received& message) {
  out.number(std::int64_t{message.received_at.time_since_epoch().count()});
  out.text<std::uint16_t>(message.device_id);
  out.text<std::uint16_t>(message.module_id);
  out.text<std::uint16_t>(message.generation_id);
  out.text<std::uint16_t>(message.auth_method);
  out.text<std::uint32_t>(message.properties);
  out.raw(message.payload);
}

base::Result<Received> take_message(base::Cursor& in) {
  Received message;
  message.received_at = base::WallTime(std::chrono::nanoseconds(TRY(signed64(in))));
  message.device_id = TRY(text16(in));
  message.module_id = TRY(text16(in));
  message.generation_id = TRY(text16(in));
  message.auth_method = TRY(text16(in));
  message.properties = TRY(text32(in));
  message.payload = base::as_text(in.rest());
  return message;
}

// The kind's number, which its readers agree on.
base::Result<base::Cursor> body_of(base::ByteView record, RecordKind kind) {
  if (TRY(record_kind(record)) != kind)
    return base::fail(base::Code::Malformed, "journal record of another kind", 1);
  base::Cursor in(record);
  TRY(in.skip(2));
  return in;
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
  put_message(out, message);
}

void encode(const SetAside& aside, base::ByteVec& bytes) {
  Out out(bytes);
  out.number(kVersion);
  out.number(static_cast<std::uint8_t>(RecordKind::SetAside));
  out.number(static_cast<std::uint16_t>(aside.reason));
  out.text<std::uint32_t>(aside.why);
  put_message(out, aside.message);
}

void encode(const store::AlertRow& alert, base::ByteVec& bytes) {
  Out out(bytes);
  out.number(kVersion);
  out.number(static_cast<std::uint8_t>(RecordKind::Alert));
  std::string json;
  base::json::Writer writer(json);
  writer.begin_object();
  writer.field("time", kql::format_datetime(alert.time_generated));
  // Rises from row to row: after a crash a row may come twice.
  writer.field("row", alert.outbox);
  const std::initializer_list<std::pair<std::string_view, const std::string*>> texts = {
      {"alertId", &alert.alert_id},
      {"ruleId", &alert.rule_id},
      {"title", &alert.title},
      {"severity", &alert.severity},
      {"status", &alert.status},
      {"description", &alert.description},
      {"compromisedEntity", &alert.compromised_entity},
      {"tactics", &alert.tactics},
      {"techniques", &alert.techniques},
      {"confidence", &alert.confidence},
      {"link", &alert.link}};
  for (const auto& [name, text] : texts)
    writer.field(name, *text);
  writer.field("startTime", kql::format_datetime(alert.start_time));
  writer.field("endTime", kql::format_datetime(alert.end_time));
  const std::initializer_list<std::pair<std::string_view, const std::string*>> values = {
      {"remediation", &alert.remediation_json},
      {"extendedProperties", &alert.extended_json},
      {"entities", &alert.entities_json}};
  for (const auto& [name, json_text] : values) {
    writer.key(name);
    if (json_text->empty()) {
      writer.null();
    } else {
      writer.raw(*json_text);
    }
  }
  writer.end_object();
  out.raw(json);
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
  for (const std::uint64_t number :
       {record.meter_units, record.count, record.security_messages, record.small_messages}) {
    out.number(static_cast<std::int64_t>(number));
  }
  const operations::Auth& auth = record.auth;
  for (const std::string_view text : {operations::to_string(record.category),
                                      std::string_view(record.operation),
                                      operations::to_string(record.level),
                                      operations::to_string(record.reason),
                                      std::string_view(record.detail),
                                      std::string_view(record.device_id),
                                      std::string_view(record.module_id),
                                      std::string_view(record.generation_id),
                                      operations::to_string(record.protocol),
                                      std::string_view(record.ip),
                                      std::string_view(record.sdk_version),
                                      std::string_view(record.request_id),
                                      std::string_view(record.actor),
                                      std::string_view(auth.scope),
                                      std::string_view(auth.type),
                                      std::string_view(auth.issuer),
                                      std::string_view(auth.skn),
                                      std::string_view(auth.credential),
                                      std::string_view(auth.accepting_ip_filter_rule),
                                      std::string_view(record.tls_version),
                                      std::string_view(record.tls_cipher)}) {
    out.text<std::uint32_t>(text);
  }
}

base::Result<RecordKind> record_kind(base::ByteView record) {
  base::Cursor in(record);
  if (TRY(in.u8()) != kVersion)
    return base::fail(base::Code::Malformed, "journal record version", 0);
  const auto kind = static_cast<RecordKind>(TRY(in.u8()));
  switch (kind) {
    case RecordKind::Telemetry:
    case RecordKind::Security:
    case RecordKind::OldOperation:
    case RecordKind::Operation:
    case RecordKind::SetAside:
    case RecordKind::Alert:
      return kind;
  }
  return base::fail(base::Code::Malformed, "journal record kind", 1);
}

base::Result<Received> decode_message(base::ByteView record) {
  const RecordKind kind = TRY(record_kind(record));
  if (kind != RecordKind::Telemetry && kind != RecordKind::Security)
    return base::fail(base::Code::Malformed, "journal record is no message", 1);
  base::Cursor in(record);
  TRY(in.skip(2));
  Received message = TRY(take_message(in));
  message.security = kind == RecordKind::Security;
  return message;
}

base::Result<SetAside> decode_set_aside(base::ByteView record) {
  base::Cursor in = TRY(body_of(record, RecordKind::SetAside));
  SetAside aside;
  const auto reason = TRY(in.u16le());
  if (reason >= operations::kReasons)
    return base::fail(base::Code::Malformed, "journal record reason", 2);
  aside.reason = static_cast<operations::Reason>(reason);
  aside.why = TRY(text32(in));
  aside.message = TRY(take_message(in));
  aside.message.security = true;
  return aside;
}

base::Result<std::string_view> decode_alert(base::ByteView record) {
  const base::Cursor in = TRY(body_of(record, RecordKind::Alert));
  return base::as_text(in.rest());
}

base::Result<store::OperationRow> decode_operation(base::ByteView record) {
  const RecordKind kind = TRY(record_kind(record));
  if (!is_operation(kind)) {
    return base::fail(base::Code::Malformed, "journal record is no operation", 1);
  }
  const bool old = kind == RecordKind::OldOperation;
  base::Cursor in(record);
  TRY(in.skip(2));
  store::OperationRow row;
  row.time = TRY(signed64(in));
  row.status_code = static_cast<std::int32_t>(TRY(in.u32le()));
  row.sub_code = TRY(signed64(in));
  row.bytes = TRY(signed64(in));
  row.duration_ms = TRY(signed64(in));
  if (!old) {
    for (std::int64_t* number :
         {&row.meter_units, &row.count, &row.security_messages, &row.small_messages}) {
      *number = TRY(signed64(in));
    }
  }
  for (std::string_view* text :
       {&row.category, &row.operation, &row.level, &row.reason, &row.description, &row.device_id,
        &row.module_id, &row.generation_id, &row.protocol, &row.caller_ip, &row.sdk_version,
        &row.request_id, &row.actor}) {
    *text = TRY(text32(in));
  }
  if (old) {
    row.properties = TRY(text32(in));
  } else {
    for (std::string_view* text :
         {&row.auth_scope, &row.auth_type, &row.auth_issuer, &row.auth_policy, &row.credential,
          &row.ip_filter_rule, &row.tls_version, &row.tls_cipher}) {
      *text = TRY(text32(in));
    }
  }
  if (!in.done())
    return base::fail(base::Code::Malformed, "journal record has more than its fields", 0);
  return row;
}

}  // namespace hub::ingest
