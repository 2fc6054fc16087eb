#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "hub/identity/registry.h"

// Device and module twins: documents of tags (the service's own), desired properties (the service
// writes, the device reads) and reported properties (the other way round). Threads: pure.
namespace hub::twins {

enum class Part : std::uint8_t { Tags, Desired, Reported };
std::string_view to_string(Part part);

// One part of a twin.
struct Section {
  base::json::Value properties{base::json::Value::Object{}};
  // When each property was changed, in the shape of the properties: an object for each, with
  // "$lastUpdated" and, for desired ones, "$lastUpdatedVersion". Not for tags.
  base::json::Value metadata{base::json::Value::Object{}};
  std::int64_t version = 1;  // not for tags
};

struct Twin {
  identity::Name name;
  std::string etag;          // changes with tags and desired properties
  std::int64_t version = 1;  // rises with every change
  Section tags;
  Section desired;
  Section reported;

  Section& section(Part part);
};

// The limits of Azure IoT Hub.
struct Limits {
  std::size_t tag_bytes = 8U << 10U;
  std::size_t property_bytes = 32U << 10U;  // desired, reported: each
  std::size_t name_bytes = 1024;
  std::size_t text_bytes = 4096;
  int depth = 10;
};

// How a section's size is counted: names and texts by their bytes without control characters,
// numbers as 8, booleans and null as 4.
std::size_t counted_bytes(const base::json::Value& value);

// A patch of a section as it came from outside: a JSON object whose names hold no control
// character, '.', '$' or space. The hub's own notes at its top ("$version", "$metadata"), which
// clients send back with what they read, are taken out.
// Errors: Malformed (no JSON), TooLarge (JSON nested beyond all limits), Invalid (what the rules
// forbid; the detail names the property).
base::Result<base::json::Value> read_patch(std::string_view json, const Limits& limits);
// The same for what is parsed already.
base::Result<base::json::Value> check_patch(const base::json::Value& patch, const Limits& limits);

// Applies a checked patch: null removes. The section is unchanged after an error.
// Errors: TooLarge (the section would exceed its limit).
base::Result<void> apply_patch(Section& section, Part part, const base::json::Value& patch,
                               base::WallTime now, const Limits& limits);
// Puts a checked document in the place of what is there. Returns the merge patch that does the
// same.
base::Result<base::json::Value> replace(Section& section, Part part,
                                        const base::json::Value& document, base::WallTime now,
                                        const Limits& limits);

// What a device reads: {"desired":{..,"$version":n},"reported":{..,"$version":n}}.
std::string device_view(const Twin& twin);
// What a device is told of a change: the patch and its "$version".
std::string desired_patch(const base::json::Value& patch, std::int64_t version);
// What the service reads, as members of an open object: "version", "tags" and "properties" with
// their "$metadata".
void write_service_view(base::json::Writer& writer, const Twin& twin);

}  // namespace hub::twins
