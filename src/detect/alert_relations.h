#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "detect/alert.h"
#include "store/sqlite.h"

// What alerts have in common, by what their evidence names. For the sources of this folder.
namespace detect {

// What an event names that other alerts may name, too.
enum class KeyKind : std::uint8_t { Event, Process, Parent, Address, Command };
struct AlertKey {
  KeyKind kind;
  std::string value;
};

// Addresses of the other end, the process, its parent. Processes are told apart by device, boot and
// id; addresses of the device itself, loopback and the like are left out.
std::vector<AlertKey> keys_of(std::string_view device_id, const Evidence& evidence);
// Keeps them, up to a bound for each alert.
base::Result<void> add_keys(store::Sqlite& db, std::string_view alert_id,
                            std::string_view device_id, const Evidence& evidence);

// Shown alerts that belong to this one, the most strongly related first, up to `limit`.
base::Result<std::vector<RelatedAlert>> find_related(store::Sqlite& db, const Alert& alert,
                                                     std::size_t limit);

}  // namespace detect
