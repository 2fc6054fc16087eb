#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "hub/ingest/ingest.h"

// Telemetry that is not ours, as others are shown it. Its content is never interpreted, only
// spelled so that it fits into JSON. Threads: pure.
namespace hub::ingest {

// Json: the content is one JSON text, given as it came but on one line. Text: UTF-8. Base64: all
// else.
enum class BodyEncoding : std::uint8_t { Json, Text, Base64 };
std::string_view to_string(BodyEncoding encoding);  // "json"

struct Telemetry {
  std::string message_id;
  std::string content_type;
  std::string content_encoding;
  std::string system_properties;  // JSON object, names as in Azure's messages: messageId, ...
  std::string properties;         // JSON object: the application's
  BodyEncoding encoding = BodyEncoding::Text;
  std::string body;
};

// A bag that cannot be read has no properties.
Telemetry read_telemetry(std::string_view bag, std::string_view payload);

}  // namespace hub::ingest
