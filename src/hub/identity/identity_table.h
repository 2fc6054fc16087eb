#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hub/identity/registry.h"
#include "store/sqlite.h"

namespace hub::identity {

// The rows behind the registry. Threads: one at a time; the owner serialises.
// Errors of all: those of store::Statement, and what is named.
class IdentityTable {
 public:
  static constexpr std::int64_t kMaxModules = 50;  // on one device

  // Makes the tables and the built-in policies where they are missing.
  static base::Result<void> migrate(store::Sqlite& database);
  explicit IdentityTable(store::Sqlite database) : database_(std::move(database)) {}

  // Errors: Exists, NotFound (the module's device), Full (kMaxModules).
  base::Result<void> insert(const Identity& identity);
  // Errors: NotFound.
  base::Result<Identity> find(const Name& name);
  // Errors: NotFound, Conflict (the etag stored is not `if_match`; empty: any).
  base::Result<void> replace(const Identity& identity, std::string_view if_match);
  base::Result<void> erase(const Name& name, std::string_view if_match);

  // Devices after the id `after`, and how many match in all.
  base::Result<Page> devices(std::string_view search, std::size_t limit, std::string_view after);
  base::Result<std::vector<Identity>> modules(std::string_view device_id);
  base::Result<std::uint64_t> count_devices();
  base::Result<std::uint64_t> count_disabled_devices();

  base::Result<std::vector<Policy>> policies();
  base::Result<Policy> policy(std::string_view name);
  // Errors: Exists, Full (there are `most`).
  base::Result<void> insert_policy(const Policy& policy, std::size_t most);
  // Errors: NotFound.
  base::Result<void> replace_policy(const Policy& policy);
  base::Result<void> erase_policy(std::string_view name);

  // Activity as of the last flush; an empty one when there is none.
  base::Result<Activity> activity(const Name& name);
  // Those after the cursor, which is a device's id, a NUL and a module's.
  base::Result<ActivityPage> activities(const ActivityFilter& filter, base::WallTime now,
                                        std::size_t limit, std::string_view after);
  base::Result<void> store_activity(const std::vector<std::pair<Name, Activity>>& changed);

 private:
  store::Sqlite database_;
};

// The device that owns the name: itself for a device.
inline Name device_of(const Name& name) {
  return {name.device_id, {}};
}

// A new symmetric key: 32 random bytes, base64.
std::string make_key();

}  // namespace hub::identity
