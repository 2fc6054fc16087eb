#include "hub/egress/line.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "hub/ingest/record.h"
#include "hub/ingest/telemetry.h"
#include "kql/ticks.h"

namespace hub::egress {

using base::Code;
using base::fail;
using base::Result;
using base::json::Writer;

namespace {

constexpr std::array<std::string_view, kKinds> kSingular = {"event", "telemetry", "alert",
                                                            "operation"};
constexpr std::array<std::string_view, kKinds> kPlural = {"events", "telemetry", "alerts",
                                                          "operations"};

template <class T>
std::optional<T> whole_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Writer begin_line(std::string& text, const Offset& offset, Kind kind) {
  Writer writer(text);
  writer.begin_object();
  writer.field("offset", offset.to_string());
  writer.field("kind", to_string(kind));
  return writer;
}

void write_sender(Writer& writer, const ingest::Received& message) {
  writer.field("enqueuedTime", base::format_rfc3339(message.received_at));
  writer.field("deviceId", message.device_id);
  writer.field("moduleId", message.module_id);
}

std::string event_line(const Offset& offset, const ingest::Received& message,
                       const schema::Decoded& decoded, const schema::Event& event) {
  std::string text;
  Writer writer = begin_line(text, offset, Kind::Event);
  write_sender(writer, message);
  writer.field("agentVersion", decoded.agent_version);
  writer.field("agentId", decoded.agent_id.to_string());
  writer.field("eventId", event.id.to_string());
  writer.field("name", schema::to_string(event.name()));
  writer.field("category", event.aggregated ? "Aggregated" : schema::to_string(event.category()));
  writer.field("type", schema::to_string(event.type()));
  writer.field("time", base::format_rfc3339(event.time.utc));
  writer.field("localTime", base::format_rfc3339(event.time.utc, event.time.offset));
  writer.key("items");
  writer.begin_array();
  for (std::size_t item = 0; item < event.item_count(); ++item)
    writer.raw(schema::event_details_json(event, item));
  writer.end_array();
  writer.end_object();
  return text + "\n";
}

std::string telemetry_line(const Offset& offset, const ingest::Received& message) {
  const ingest::Telemetry telemetry = ingest::read_telemetry(message.properties, message.payload);
  std::string text;
  Writer writer = begin_line(text, offset, Kind::Telemetry);
  write_sender(writer, message);
  writer.field("generationId", message.generation_id);
  writer.key("authMethod");
  const auto auth = base::json::parse(message.auth_method);
  if (auth) {
    auth->write(writer);
  } else {
    writer.null();
  }
  writer.key("systemProperties");
  writer.raw(telemetry.system_properties);
  writer.key("properties");
  writer.raw(telemetry.properties);
  writer.field("bodyEncoding", ingest::to_string(telemetry.encoding));
  writer.key("body");
  if (telemetry.encoding == ingest::BodyEncoding::Json) {
    writer.raw(telemetry.body);
  } else {
    writer.value(telemetry.body);
  }
  writer.end_object();
  return text + "\n";
}

std::string operation_line(const Offset& offset, const store::OperationRow& row) {
  std::string text;
  Writer writer = begin_line(text, offset, Kind::Operation);
  writer.field("time", kql::format_datetime(row.time));
  const std::initializer_list<std::pair<std::string_view, std::string_view>> texts = {
      {"category", row.category},
      {"operation", row.operation},
      {"level", row.level},
      {"reason", row.reason},
      {"description", row.description},
      {"deviceId", row.device_id},
      {"moduleId", row.module_id},
      {"generationId", row.generation_id},
      {"protocol", row.protocol},
      {"callerIpAddress", row.caller_ip},
      {"sdkVersion", row.sdk_version},
      {"correlationId", row.request_id},
      {"identity", row.actor},
      {"authScope", row.auth_scope},
      {"authType", row.auth_type},
      {"authIssuer", row.auth_issuer},
      {"authPolicy", row.auth_policy},
      {"credentialHash", row.credential},
      {"ipFilterRule", row.ip_filter_rule},
      {"tlsVersion", row.tls_version},
      {"tlsCipher", row.tls_cipher}};
  for (const auto& [name, value] : texts) {
    if (!value.empty()) writer.field(name, value);
  }
  writer.field("statusCode", std::int64_t{row.status_code});
  writer.field("subCode", row.sub_code);
  writer.field("bytes", row.bytes);
  writer.field("durationMs", row.duration_ms);
  writer.field("count", row.count);
  writer.field("meterUnits", row.meter_units);
  writer.field("securityMessages", row.security_messages);
  writer.field("smallSecurityMessages", row.small_messages);
  writer.key("properties");
  const auto properties = base::json::parse(row.properties);
  if (properties) {
    properties->write(writer);
  } else {
    writer.begin_object();
    writer.end_object();
  }
  writer.end_object();
  return text + "\n";
}

// Our own JSON, with the line's fields in front.
Result<std::string> alert_line(const Offset& offset, std::string_view json) {
  const auto alert = base::json::parse(json);
  if (!alert || alert->if_object() == nullptr || json.front() != '{')
    return fail(Code::Malformed, "alert in the journal", 0);
  std::string text;
  begin_line(text, offset, Kind::Alert);
  if (!alert->if_object()->empty()) text += ",";
  text += json.substr(1);
  std::ranges::replace_if(text, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text + "\n";
}

// What append_lines() is about.
struct Work {
  std::uint64_t sequence;
  const Filter& filter;
  std::uint32_t first;
  std::vector<Line>& out;
};

Result<void> append_message(const Work& work, base::ByteView record, schema::Decoder& decoder) {
  const ingest::Received message = TRY(ingest::decode_message(record));
  if (!work.filter.takes_device(message.device_id)) return {};
  if (!message.security) {
    if (work.first == 0)
      work.out.push_back({{work.sequence, 0}, telemetry_line({work.sequence, 0}, message)});
    return {};
  }
  const schema::Decoded decoded = decoder.decode(message.payload, schema::Mode::Lenient);
  std::uint32_t index = 0;
  for (const schema::DecodedEvent& each : decoded.events) {
    const Offset offset{work.sequence, index++};
    if (offset.index < work.first) continue;
    work.out.push_back({offset, event_line(offset, message, decoded, each.event)});
  }
  return {};
}

Result<void> append_alert(const Work& work, base::ByteView record) {
  const std::string_view json = TRY(ingest::decode_alert(record));
  if (!work.filter.devices.empty()) {
    const auto alert = base::json::parse(json);
    if (!alert || !work.filter.takes_device(alert->text_or("compromisedEntity", ""))) return {};
  }
  const Offset offset{work.sequence, 0};
  work.out.push_back({offset, TRY(alert_line(offset, json))});
  return {};
}

}  // namespace

std::string_view to_string(Kind kind) {
  return kSingular[static_cast<std::size_t>(kind)];
}

std::optional<Kind> parse_kind(std::string_view plural) {
  const auto* found = std::ranges::find(kPlural, plural);
  if (found == kPlural.end()) return std::nullopt;
  return static_cast<Kind>(found - kPlural.begin());
}

std::string Offset::to_string() const {
  return std::to_string(sequence) + "." + std::to_string(index);
}

Result<Offset> Offset::parse(std::string_view text) {
  const std::size_t dot = text.find('.');
  const auto sequence = whole_number<std::uint64_t>(text.substr(0, dot));
  const auto index = dot == std::string_view::npos
                         ? std::optional<std::uint32_t>(0)
                         : whole_number<std::uint32_t>(text.substr(dot + 1));
  if (!sequence || !index) return fail(Code::Malformed, "offset", -1, base::json::quoted(text));
  return Offset{*sequence, *index};
}

Filter Filter::all() {
  Filter filter;
  filter.kinds.fill(true);
  return filter;
}

bool Filter::takes_device(std::string_view device_id) const {
  return devices.empty() || std::ranges::any_of(devices, [&](const std::string& pattern) {
           return matches_pattern(pattern, device_id);
         });
}

bool matches_pattern(std::string_view pattern, std::string_view text) {
  std::size_t at = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  std::size_t i = 0;
  while (i < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      resume = i;
    } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == text[i])) {
      ++at;
      ++i;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      i = ++resume;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == '*')
    ++at;
  return at == pattern.size();
}

Result<void> append_lines(std::uint64_t sequence, base::ByteView record, const Filter& filter,
                          std::uint32_t first, schema::Decoder& decoder, std::vector<Line>& out) {
  const Work work{sequence, filter, first, out};
  switch (TRY(ingest::record_kind(record))) {
    case ingest::RecordKind::Telemetry:
      if (filter.takes(Kind::Telemetry)) return append_message(work, record, decoder);
      return {};
    case ingest::RecordKind::Security:
      if (filter.takes(Kind::Event)) return append_message(work, record, decoder);
      return {};
    case ingest::RecordKind::Alert:
      if (filter.takes(Kind::Alert) && first == 0) return append_alert(work, record);
      return {};
    case ingest::RecordKind::OldOperation:
    case ingest::RecordKind::Operation: {
      if (!filter.takes(Kind::Operation) || first != 0) return {};
      const store::OperationRow row = TRY(ingest::decode_operation(record));
      if (!filter.takes_device(row.device_id)) return {};
      out.push_back({{sequence, 0}, operation_line({sequence, 0}, row)});
      return {};
    }
    default:
      return {};
  }
}

}  // namespace hub::egress
