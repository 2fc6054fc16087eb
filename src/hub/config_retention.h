#pragma once

#include "hub/retention/settings.h"
#include "os/config.h"

namespace hub {

// Reads [retention] over what `settings` has already; problems are the file's.
void read_retention(os::Config& file, retention::Settings& settings);

}  // namespace hub
