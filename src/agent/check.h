#pragma once

#include <string>
#include <vector>

#include "agent/config.h"
#include "base/result.h"

namespace agent {

// What can be known of a configuration without running it, a line each.
struct CheckResult {
  std::vector<std::string> problems;  // it will not run, or not reach its hub
  std::vector<std::string> notes;     // it will, but somebody may want to know
};

// Looks at every file that it names, as the present user. Changes nothing, connects to nobody.
CheckResult check(const Config& config);

// Takes over what LocalConfiguration.json says beyond who the agent is, if one is named: what
// agent.toml says itself stays. Names the keys that mean nothing here in the log. Errors: as
// read_identity.
base::Result<void> apply_local_configuration(Config& config);

}  // namespace agent
