#pragma once

#include <string>

#include "sensor/engine/record.h"
#include "sensor/inventory/inventory.h"

namespace sensor {

// Tells the inventory what a record says of devices.
void note(inventory::Inventory& inventory, const engine::Record& record);

// Where that is.
inline constexpr const char* kVendorFolder = "/usr/share/ieee-data";
// IEEE's lists of manufacturers where Debian's ieee-data puts them; none when it is not installed.
inventory::Vendors installed_vendors();

// As in print.h.
void json_line(std::string& out, const inventory::Device& device);
void table_line(std::string& out, const inventory::Device& device);
const char* asset_header();

}  // namespace sensor
