#pragma once

#include <string>

#include "cli/commands.h"

namespace cli {

// Adds "twin show" and "twin update" below a noun that has identities: the device's, and the
// module's with `Modules::Yes`.
enum class Modules : bool { No, Yes };
void add_twin(CLI::App& noun, Session& session, Modules modules);

}  // namespace cli
