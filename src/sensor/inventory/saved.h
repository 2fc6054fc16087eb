#pragma once

#include <map>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "sensor/inventory/inventory.h"

namespace sensor::inventory {

// When a hub was last told of a device, by its id: those that cease to be devices of their own
// while nobody runs have to be told of.
using ToldIds = std::map<std::string, base::WallTime, std::less<>>;

struct Saved {
  Inventory inventory;
  ToldIds told;
};

// A file's content: what it is, its version, its length, all of it, CRC-32C of that.
inline constexpr std::size_t kMaxSaved = 256U << 20U;
base::ByteVec encode(const Inventory& inventory, const ToldIds& told);
// Errors: Unsupported (another version), Corrupt (anything else: `at` is where, `detail` what).
base::Result<Saved> decode(base::ByteView content);

}  // namespace sensor::inventory
