#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hub/configurations/configuration_table.h"
#include "hub/configurations/configurations.h"

namespace hub::configurations {

using Snapshot = std::shared_ptr<const std::vector<Configuration>>;

// Brings the twins of one device to what the configurations want. Threads: one.
class Enforcement {
 public:
  struct Parts {
    const Options& options;
    twins::Twins& twins;
    queries::TwinQueries& queries;
    operations::Operations& operations;
    ConfigurationTable& table;  // guarded by table_mutex
    std::mutex& table_mutex;
    Counters& counters;
    // Waits until the next twin may be changed; false: the end has come.
    std::function<bool()> may_update;
  };
  explicit Enforcement(Parts parts) : parts_(std::move(parts)) {}

  enum class Outcome : std::uint8_t { Settled, Again };  // Again: a twin changed meanwhile
  // Errors: those of the stores; Closed (the end has come).
  base::Result<Outcome> look_at(const std::string& device_id, const Snapshot& configurations);

 private:
  struct Seen;
  struct Plan;
  base::Result<std::vector<Seen>> read(const std::string& device_id,
                                       const std::map<identity::Name, TwinState>& kept,
                                       const std::vector<Configuration>& configurations);
  base::Result<Outcome> settle(const Seen& seen, const TwinState& kept, Plan plan);
  base::Result<void> keep(const identity::Name& name, const TwinState& kept,
                          const TwinState& state);
  void record(const identity::Name& name, const std::string& actor,
              const base::Result<twins::Twin>& result);

  Parts parts_;
};

}  // namespace hub::configurations
