#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "hub/configurations/configuration.h"
#include "hub/identity/registry.h"
#include "store/sqlite.h"

namespace hub::configurations {

enum class Status : bool { Targeted, Applied };

// What is kept of one twin that configurations have to do with.
struct TwinState {
  std::map<std::string, Status> targets;  // by the configuration's id
  std::string generation_id;
  std::set<Path> owned;  // what configurations put into the twin
  bool operator==(const TwinState&) const = default;
};

// The rows behind the configurations. Threads: one at a time; the owner serialises.
// Errors of all: those of store::Statement; Corrupt (a row that is none).
class ConfigurationTable {
 public:
  static base::Result<void> migrate(store::Sqlite& database);
  explicit ConfigurationTable(store::Sqlite database) : database_(std::move(database)) {}

  // By priority, the highest first, of equal ones the newest.
  base::Result<std::vector<Configuration>> all();
  base::Result<void> store(const Configuration& configuration);
  base::Result<void> erase(std::string_view id);

  base::Result<Results> results(std::string_view id);
  base::Result<void> store_metrics(std::string_view id,
                                   const std::map<std::string, std::uint64_t>& metrics);

  // Of a device and its modules: all that is kept.
  base::Result<std::map<identity::Name, TwinState>> twins_of(std::string_view device_id);
  // Replaces what is kept; an empty state is forgotten.
  base::Result<void> store_twin(const identity::Name& name, const TwinState& state);
  base::Result<std::map<std::string, Status>> targets_of(const identity::Name& name);
  // Of identities that are gone.
  base::Result<void> forget_gone();

 private:
  store::Sqlite database_;
};

}  // namespace hub::configurations
