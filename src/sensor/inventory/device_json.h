#pragma once

#include <cstddef>
#include <string_view>

#include "base/json.h"
#include "sensor/inventory/inventory.h"

namespace sensor::inventory {

// "guess", "banner", "neighbor", "protocol".
std::string_view confidence_name(dissect::Confidence confidence);

// Members value, source, confidence (also "stated"), first, last of the object that is open.
void write_value(base::json::Writer& json, const Value& value);

// What is known of the device as an array of objects: fact, rack, slot, the believed value, and
// what else was said as `others`. At most about `limit` bytes: returns how many facts were left
// out.
std::size_t write_fields(base::json::Writer& json, const Device& device,
                         std::size_t limit = SIZE_MAX);

}  // namespace sensor::inventory
