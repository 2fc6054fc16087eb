#include "detect/trial/step.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/id.h"
#include "base/text.h"
#include "schema/fields.h"
#include "schema/formats.h"

namespace detect::trial {

using base::Code;
using base::fail;
using base::Result;
using base::json::Value;
using base::json::Writer;

namespace {

// A scalar as text: what it is when it stands in the place of one.
std::optional<std::string> as_text(const Value& value) {
  if (const std::string* text = value.if_string()) return *text;
  if (value.if_int() != nullptr || value.if_double() != nullptr || value.if_bool() != nullptr)
    return value.to_json();
  return std::nullopt;
}

void write_missing(const schema::Field& field, Writer& writer) {
  writer.key(field.name);
  switch (field.kind) {
    case schema::FieldKind::Text:
      return writer.value("");
    case schema::FieldKind::Integer:
      return writer.value(0);
    case schema::FieldKind::Boolean:
      return writer.value(false);
    case schema::FieldKind::Ip:
      return writer.value("0.0.0.0");
    case schema::FieldKind::Id:
      return writer.value(base::Guid{}.to_string());
    case schema::FieldKind::Enum:
      return writer.value(field.values.front());
  }
}

void write_text(const schema::Field& field, const std::string& text, Writer& writer) {
  writer.key(field.name);
  if (field.kind == schema::FieldKind::Integer) {
    if (const auto number = base::parse_int(text)) return writer.value(*number);
  }
  if (field.kind == schema::FieldKind::Boolean) {
    if (base::equal_ignore_case(text, "true")) return writer.value(true);
    if (base::equal_ignore_case(text, "false")) return writer.value(false);
  }
  for (const std::string_view word : field.values) {
    if (base::equal_ignore_case(word, text)) return writer.value(word);
  }
  writer.value(text);  // the decoder says what is wrong with it
}

// Nothing where the value is none: an address that is not known, a null.
bool write_field(const schema::Field& field, const Value& value, Writer& writer) {
  if (value.is_null()) return false;
  const std::string* text = value.if_string();
  if (text == nullptr &&
      (field.kind == schema::FieldKind::Integer || field.kind == schema::FieldKind::Boolean)) {
    writer.key(field.name);
    value.write(writer);
    return true;
  }
  const auto scalar = as_text(value);
  if (!scalar) {
    writer.key(field.name);
    value.write(writer);
    return true;
  }
  const bool address = field.kind == schema::FieldKind::Ip;
  if (address && !schema::is_ipv4(*scalar) && !schema::is_ipv6(*scalar)) return false;
  write_text(field, *scalar, writer);
  return true;
}

// ExtraDetails, and what stands beside the fields as if it were one.
void write_extra(const schema::EventInfo& info, const Value::Object& item, Writer& writer) {
  writer.key("ExtraDetails");
  writer.begin_object();
  for (const auto& [name, value] : item) {
    const bool field =
        std::ranges::any_of(info.fields, [&](const auto& f) { return f.name == name; });
    if (field) continue;
    if (name == "ExtraDetails" && value.if_object() != nullptr) {
      for (const auto& [key, detail] : *value.if_object())
        writer.field(key, as_text(detail).value_or(detail.to_json()));
    } else if (const auto text = as_text(value)) {
      writer.field(name, *text);
    }
  }
  writer.end_object();
}

void write_item(const schema::EventInfo& info, const Value& item, Writer& writer) {
  const Value::Object* object = item.if_object();
  if (object == nullptr) return item.write(writer);
  writer.begin_object();
  std::uint32_t present = 0;
  for (std::size_t i = 0; i < info.fields.size(); ++i) {
    const Value* value = item.find(info.fields[i].name);
    if (value != nullptr && write_field(info.fields[i], *value, writer)) {
      present |= 1U << i;
    } else if (info.fields[i].need == schema::Need::Required) {
      write_missing(info.fields[i], writer);
    }
  }
  for (const std::uint32_t mask : info.any_of) {
    if ((mask & present) != 0 || mask == 0) continue;
    const auto first = static_cast<std::size_t>(std::countr_zero(mask));
    write_missing(info.fields[first], writer);
    present |= 1U << first;
  }
  write_extra(info, *object, writer);
  writer.end_object();
}

std::string message_of(const Step& step, const schema::EventInfo& info, base::WallTime time,
                       const std::string& id) {
  std::string out;
  Writer writer(out);
  const Value::Array* list = step.payload.if_array();
  const bool empty = list != nullptr && list->empty();
  writer.begin_object();
  writer.field("AgentVersion", "0.0.0");
  writer.field("AgentId", base::Guid{}.to_string());
  writer.field("MessageSchemaVersion", "1.0");
  writer.key("Events");
  writer.begin_array();
  writer.begin_object();
  writer.field("Id", id);
  writer.field("TimestampUTC", base::format_rfc3339(time, 9));
  writer.field("TimestampLocal", base::format_rfc3339(time, 9));
  writer.field("Category", schema::to_string(info.category));
  writer.field("Name", info.name);
  writer.field("EventType", schema::to_string(info.type));
  writer.field("IsEmpty", empty);
  writer.field("PayloadSchemaVersion", "1.0");
  writer.key("Payload");
  writer.begin_array();
  if (list == nullptr) {
    write_item(info, step.payload, writer);
  } else {
    for (const Value& item : *list)
      write_item(info, item, writer);
  }
  writer.end_array();
  writer.end_object();
  writer.end_array();
  writer.end_object();
  return out;
}

// Of a member that may be written in one of several ways.
std::string text_of(const Value& object, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (const std::string_view text = object.text_or(name, ""); !text.empty())
      return std::string(text);
  }
  return {};
}

Result<std::optional<std::chrono::nanoseconds>> read_after(const Value& object) {
  const Value* value = object.find("t");
  if (value == nullptr || value->is_null()) return std::nullopt;
  double seconds = 0;
  if (const std::int64_t* whole = value->if_int()) {
    seconds = static_cast<double>(*whole);
  } else if (const double* number = value->if_double()) {
    seconds = *number;
  } else {
    return fail(Code::Malformed, "t", -1, "expected seconds, found " + value->to_json());
  }
  constexpr double kMost = 10.0 * 366 * 86'400;  // so that times stay times
  if (!(std::abs(seconds) <= kMost))
    return fail(Code::Malformed, "t", -1, "expected seconds of at most ten years");
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
}

}  // namespace

Result<Step> read_step(const Value& object) {
  if (object.if_object() == nullptr)
    return fail(Code::Malformed, "event", -1, "expected an object, found " + object.to_json());
  Step out;
  out.name = text_of(object, {"Name", "name", "RawEventName"});
  if (out.name.empty()) return fail(Code::Malformed, "event", -1, "expected 'Name', found none");
  if (const Value* payload = object.find("Payload")) {
    out.payload = *payload;
  } else {
    out.payload = Value(Value::Object{});
  }
  out.device_id = text_of(object, {"DeviceId", "deviceId"});
  out.module_id = text_of(object, {"ModuleId", "moduleId"});
  out.id = text_of(object, {"Id", "id"});
  out.after = TRY(read_after(object));
  const std::string time = text_of(object, {"TimestampUTC", "TimestampLocal", "time"});
  if (!time.empty()) {
    auto parsed = base::parse_rfc3339(time);
    if (!parsed)
      return fail(Code::Malformed, "TimestampUTC", -1, "expected a time, found '" + time + "'");
    out.time = parsed->utc;
  }
  return out;
}

Result<schema::Event> to_event(const Step& step, base::WallTime time, std::uint64_t number,
                               schema::Decoder& decoder) {
  const auto name = schema::event_name(step.name);
  if (!name) return fail(Code::NotFound, "no such event", -1, step.name);
  const auto given = base::Guid::parse(step.id);
  const std::string id =
      given ? given->to_string()
            : base::Guid::derived("trial", step.id + " " + std::to_string(number)).to_string();
  schema::Decoded decoded =
      decoder.decode(message_of(step, schema::event_info(*name), time, id), schema::Mode::Lenient);
  if (!decoded.events.empty()) return std::move(decoded.events.front().event);
  std::string why = "cannot be read";
  const auto* violations = &decoded.message_violations;
  if (!decoded.refused.empty()) violations = &decoded.refused.front().violations;
  if (!violations->empty()) {
    const schema::Violation& first = violations->front();
    why = first.pointer + ": expected " + first.expected + ", found " + first.found;
  }
  return fail(Code::Malformed, "event", -1, std::move(why));
}

}  // namespace detect::trial
