#include "sensor/inventory/device_json.h"

#include <string>

#include "base/time.h"

namespace sensor::inventory {

using base::json::Writer;

namespace {

std::string field_json(const Field& field) {
  std::string text;
  Writer json(text);
  json.begin_object();
  json.field("fact", dissect::fact_name(field.fact));
  if (field.rack) json.field("rack", std::uint64_t{*field.rack});
  if (field.slot) json.field("slot", std::uint64_t{*field.slot});
  write_value(json, field.values[0]);
  if (field.values.size() > 1) {
    json.key("others");
    json.begin_array();
    for (std::size_t i = 1; i < field.values.size(); ++i) {
      json.begin_object();
      write_value(json, field.values[i]);
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  return text;
}

}  // namespace

std::string_view confidence_name(dissect::Confidence confidence) {
  static constexpr std::string_view kNames[] = {"guess", "banner", "neighbor", "protocol"};
  return kNames[static_cast<std::size_t>(confidence)];
}

void write_value(Writer& json, const Value& value) {
  json.field("value", value.text);
  json.field("source", value.source);
  json.field("confidence", value.stated ? "stated" : confidence_name(value.confidence));
  json.field("first", base::format_rfc3339(value.first, 3));
  json.field("last", base::format_rfc3339(value.last, 3));
}

std::size_t write_fields(Writer& json, const Device& device, std::size_t limit) {
  std::size_t left_out = 0;
  std::size_t size = 0;
  json.begin_array();
  for (const Field& field : device.fields) {
    const std::string text = field_json(field);
    if (size + text.size() > limit) {
      ++left_out;
      continue;
    }
    size += text.size() + 1;
    json.raw(text);
  }
  json.end_array();
  return left_out;
}

}  // namespace sensor::inventory
