#include "hub/ingest/telemetry.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "wire/property_bag.h"

namespace hub::ingest {
namespace {

// facts: IoT Hub's system properties as they stand in the bag, and as its message format names
// them.
constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kNames = {{
    {"$.mid", "messageId"},
    {"$.cid", "correlationId"},
    {"$.uid", "userId"},
    {"$.to", "to"},
    {"$.ct", "contentType"},
    {"$.ce", "contentEncoding"},
    {"$.exp", "expiryTimeUtc"},
    {"$.on", "outputName"},
    {"$.sub", "subject"},
    {"$.ifid", "interfaceId"},
    {"$.cdid", "connectionDeviceId"},
    {"$.cmid", "connectionModuleId"},
}};

std::string_view system_name(std::string_view name) {
  const auto* found =
      std::ranges::find(kNames, name, &std::pair<std::string_view, std::string_view>::first);
  return found == kNames.end() ? name.substr(2) : found->second;
}

// Line ends can only stand between the tokens of a JSON text.
std::string on_one_line(std::string_view json) {
  std::string out(json);
  std::ranges::replace_if(out, [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return out;
}

bool says_binary(const Telemetry& telemetry) {
  return base::equal_ignore_case(telemetry.content_type, "application/octet-stream") ||
         telemetry.content_encoding == "gzip" || telemetry.content_encoding == "deflate";
}

bool is_json(std::string_view payload) {
  const std::string_view text = base::trim(payload);
  return !text.empty() && base::is_utf8(text) && base::json::parse(text).has_value();
}

}  // namespace

std::string_view to_string(BodyEncoding encoding) {
  switch (encoding) {
    case BodyEncoding::Json:
      return "json";
    case BodyEncoding::Text:
      return "text";
    case BodyEncoding::Base64:
      return "base64";
  }
  return "base64";
}

Telemetry read_telemetry(std::string_view bag, std::string_view payload) {
  Telemetry telemetry;
  const auto parsed = wire::PropertyBag::parse(bag);
  const wire::PropertyBag properties = parsed ? *parsed : wire::PropertyBag();
  base::json::Writer system(telemetry.system_properties);
  base::json::Writer own(telemetry.properties);
  system.begin_object();
  own.begin_object();
  for (const wire::Property& property : properties.properties()) {
    if (!property.name.starts_with("$.")) {
      own.field(property.name, property.value);
      continue;
    }
    system.field(system_name(property.name), property.value);
    if (property.name == "$.mid") telemetry.message_id = property.value;
    if (property.name == "$.ct") telemetry.content_type = property.value;
    if (property.name == "$.ce") telemetry.content_encoding = property.value;
  }
  system.end_object();
  own.end_object();
  if (!says_binary(telemetry) && is_json(payload)) {
    telemetry.encoding = BodyEncoding::Json;
    telemetry.body = on_one_line(base::trim(payload));
  } else if (!says_binary(telemetry) && base::is_utf8(payload)) {
    telemetry.encoding = BodyEncoding::Text;
    telemetry.body = payload;
  } else {
    telemetry.encoding = BodyEncoding::Base64;
    telemetry.body = base::base64_encode(base::as_bytes(payload));
  }
  return telemetry;
}

}  // namespace hub::ingest
