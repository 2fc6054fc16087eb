#pragma once

#include "cli/commands.h"

namespace cli {

// Adds the commands of the noun `network`.
void add_network(CLI::App& program, Session& session);

}  // namespace cli
