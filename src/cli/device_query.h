#pragma once

#include "cli/commands.h"

namespace cli {

// Adds "query" below the noun of devices: twins by the twin query language.
void add_device_query(CLI::App& noun, Session& session);

}  // namespace cli
