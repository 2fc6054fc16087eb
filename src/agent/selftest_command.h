#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/config.h"

namespace agent {

// `vedette-agent selftest`: imitates harmless attacks and prints what of them was seen, by the
// agent that runs with this state folder, or by collectors of its own where none does. `flags`: as
// they were given, for those. Returns the exit status: 0 all that was tried was seen, 1 something
// was missed or nothing could be tried.
int selftest_command(const Config& config, const std::vector<std::string_view>& flags, bool json);

}  // namespace agent
