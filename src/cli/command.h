#pragma once

#include "cli/commands.h"
#include "cli/twin.h"

namespace cli {

// Adds "send", "messages", "purge" and "method" below a noun that has identities: the device's, and
// the module's with `Modules::Yes`.
void add_commands(CLI::App& noun, Session& session, Modules modules);

}  // namespace cli
